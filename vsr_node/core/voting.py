"""Votes for the next view: START_VIEW_CHANGE (VRR section 4.2, step 1).

In the paper START_VIEW_CHANGE begins the view change. Here it is a vote: a replica that casts it
stays in its view until a quorum votes, and one that hears its primary does not join, so a
replica that was cut off and comes back deposes nobody. A vote counts for one time-out and is
repeated, so that hiccups hours apart do not add up. It carries its sender's present view: a
higher one is news to its receiver, a lower one is answered with the receiver's; else two
replicas of different views would vote past each other forever.

A primary whose process ends says so: FAREWELL is its vote, and the reason for which its backups
vote at once. So a planned restart costs the group a round trip, where a crash costs a time-out.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from . import leading
from .admission import Hearing, send_view
from .messages import Farewell, Message, StartViewChange
from .status import Status
from .timers import Timer
from .view_change import enter_view

if TYPE_CHECKING:
    from .replica import Replica


@dataclass(slots=True, eq=False, repr=False)
class Voting:
    """The votes for the view after the present one."""

    voted_at: dict[str, int] = field(default_factory=dict)
    """When each other replica last voted (microseconds)."""
    since: int = 0
    """When this replica began to vote (microseconds)."""


def suspect(replica: Replica) -> None:
    """Begin to vote: the primary is silent, or the view change stalls, or no quorum answers.

    A primary that votes has stopped: it is no longer a serving one (``is_serving_primary``).
    """
    if leading.hears_quorum(replica):
        return
    replica.voting.since = replica.now
    if replica.peers:
        vote(replica)


def vote(replica: Replica) -> None:
    """Cast or repeat the vote for the next view."""
    view_number = replica.view_number
    message = StartViewChange(view_number=view_number + 1, current_view_number=view_number)
    replica.send(_electorate(replica), message)
    replica.timers.start(Timer.VOTE, replica.now + replica.time_out // 4)
    _count_votes(replica)


def _electorate(replica: Replica) -> tuple[str, ...]:
    """Return whom to send a vote: after two time-outs without success, all processes.

    All other members may have gone on to a later epoch and left; others know of it.
    """
    if replica.now - replica.voting.since < 2 * replica.time_out:
        return replica.peers
    return replica.other_processes


def on_start_view_change(replica: Replica, source: str, message: StartViewChange) -> None:
    """Note a vote for the view after the present one."""
    if message.view_number == replica.view_number + 1:
        replica.voting.voted_at[source] = replica.now
        _count_votes(replica)


def say_farewell(replica: Replica) -> None:
    """Leave the view as its primary, after all that was logged in it has been sent.

    From then on this replica has stopped like a primary without a quorum.
    """
    if replica.is_serving_primary and replica.peers:
        leading.prepare_new_entries(replica, at_once=True)
        replica.send(replica.peers, Farewell(replica.view_number))
        replica.timers.start(Timer.VOTE, replica.now + replica.time_out // 4)


def on_farewell(replica: Replica, source: str, _message: Farewell) -> None:
    """Vote at once, with the primary that leaves this view."""
    replica.voting.voted_at[source] = replica.voting.since = replica.now
    vote(replica)


def _impossible_farewell(replica: Replica, source: str, message: Farewell) -> str | None:
    if replica.membership.primary_of(message.view_number) != source:
        return "its sender is not the primary of its view"
    return None


def _count_votes(replica: Replica) -> None:
    """Enter the next view once a quorum, this replica in it, votes for it now."""
    if not replica.timers.is_running(Timer.VOTE):
        return
    voted_at = replica.voting.voted_at.values()
    votes = 1 + sum(replica.now - moment < replica.time_out for moment in voted_at)
    if votes >= replica.membership.quorum:
        enter_view(replica, replica.view_number + 1)


def voted_at(replica: Replica, name: str) -> int | None:
    """Return when ``name`` last voted for the next view; None if it has not."""
    return replica.voting.voted_at.get(name)


def _impossible_vote(_replica: Replica, _source: str, message: StartViewChange) -> str | None:
    current_view_number = message.current_view_number
    if message.view_number not in (current_view_number, current_view_number + 1):
        return "votes are for the next view"
    return None


HEARS: dict[type[Message], Hearing] = {
    StartViewChange: Hearing(
        on_start_view_change,
        (Status.NORMAL, Status.VIEW_CHANGE),
        impossible=_impossible_vote,
        of_older_view=send_view,
    ),
    Farewell: Hearing(on_farewell, (Status.NORMAL,), impossible=_impossible_farewell),
}
