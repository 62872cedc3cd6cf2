"""Standbys: processes that are no members of the present epoch (VRR section 7).

A standby takes part in nothing. It fetches and supplies what is committed, and takes requests like
any replica: those of a client that asks it, and those that waited when it left the group. It hands
them in at the primary of the newest view that it heard of, else at others in turn. The primary
takes them like a client's, and answers the standby with ANSWERS, so that a client hears from the
process that it asked. Whoever else gets them answers with START_EPOCH, which names the view.

A standby has no state to read, so reads go the way of requests, through the log.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from . import quorum_read, waiting
from .admission import Hearing
from .membership import Membership, epoch_of
from .messages import Answer, Answers, Entry, Message, Reason, Refusal, Reply
from .size import fitting, size_of_entry
from .status import Status

if TYPE_CHECKING:
    from .replica import Replica


@dataclass(slots=True, eq=False, repr=False)
class Standing:
    """What a standby knows of where its requests go."""

    attempts: int = 0
    """How many times requests were sent again, as no answer came."""
    is_returning: bool = False
    """The process that was asked last has named a primary that was asked before."""


@dataclass(slots=True, eq=False, repr=False)
class HandedIn:
    """At a replica that took requests of standbys: which one is to answer each."""

    origins: dict[tuple[str, int], str] = field(default_factory=dict)


def begin(replica: Replica) -> None:
    """Leave the group, or stay outside of it. What waits here goes on like a new request."""
    replica.begin_view()
    replica.begin_phase(Status.STANDBY, Standing())
    for entry in quorum_read.take_all(replica):
        take_read(replica, entry, size_of_entry(entry))


def take_read(replica: Replica, entry: Entry, size: int) -> None:
    """Take a read, which goes through the log and may be refused at any time."""
    waiting.take_request(replica, *entry, size, is_read=True)


def primary_to_ask(replica: Replica) -> str | None:
    """Return where to hand requests in; None if there is no other process, or this is a member."""
    standing = replica.standing
    if standing is None or not replica.other_processes:
        return None
    newest = replica.newest
    if newest is None or newest.view_number < replica.view_number:
        view_number, membership = replica.view_number, replica.membership
    else:
        view_number = newest.view_number
        membership = Membership(epoch_of(view_number), newest.members)
    primary = membership.primary_of(view_number)
    candidates = dict.fromkeys((primary, *membership.members, *replica.processes))
    names = [name for name in candidates if name != replica.name]
    return names[0 if standing.is_returning else standing.attempts % len(names)]


def ask_next(replica: Replica) -> None:
    """Hand in at the next process: the last one did not answer."""
    if replica.standing is not None:
        replica.standing.attempts += 1
        replica.standing.is_returning = False


def hear_of_primary(replica: Replica, *, is_news: bool) -> bool:
    """Return whether to hand in at a view's primary, now that it was named.

    One that is no news is asked again, as it may have been cut off. Whoever is next in turn stays
    so: the view's primary may be gone, and not everybody knows of a later view.
    """
    standing = replica.standing
    assert standing is not None
    if is_news:
        standing.attempts = 0
    elif standing.attempts == 0 or standing.is_returning:
        return False
    standing.is_returning = not is_news
    return True


def may_hand_in(replica: Replica) -> bool:
    """Return whether standbys hand requests in here: this is the primary of its view.

    It holds them while the view or its epoch begins or ends. Else what waits at the replicas that
    left would come too early, and again only a time-out later.
    """
    return replica.is_primary and replica.status is not Status.RECOVERING


def take_handed_in(replica: Replica, source: str, entries: tuple[Entry, ...]) -> None:
    """Take requests of a standby like those of clients, and note whom to answer."""
    known: list[Answer] = []
    refused: list[Refusal] = []
    for entry in entries:
        client, request_number, operation = entry
        recorded = replica.client_table.look_up(client, request_number, operation)
        if isinstance(recorded, tuple):
            known.append((client, request_number, recorded[1]))
        elif recorded is not None:
            refused.append(Refusal(client, request_number, recorded))
        elif not waiting.is_waiting(replica, entry[:2]):
            if replica.handed_in is None:
                replica.handed_in = HandedIn()
            replica.handed_in.origins[entry[:2]] = source
            waiting.take_request(replica, *entry, size_of_entry(entry))
    _send_answers(replica, source, known, refused)


def forget_members(replica: Replica) -> None:
    """Forget what waits of those that are members now: they submit it again by themselves.

    A member leaves the answer to the primary, so it would drop an answer to the standby it was.
    """
    if replica.handed_in is not None:
        origins = replica.handed_in.origins
        for key in [key for key, origin in origins.items() if origin in replica.peers]:
            if waiting.take_away(replica, key):
                del origins[key]


def answer_here(replica: Replica, client: str, request_number: int) -> None:
    """Answer a client that asks here, too. The standby asks again, and gets what is recorded."""
    assert replica.handed_in is not None
    replica.handed_in.origins.pop((client, request_number), None)


def answer_handed_in(replica: Replica) -> None:
    """Send each standby what became of its requests in this turn.

    That this replica has no room, or gives its own copy up, is no answer: the standby sent others.
    """
    assert replica.handed_in is not None
    origins = replica.handed_in.origins
    answers: dict[str, list[Answer]] = {}
    refusals: dict[str, list[Refusal]] = {}
    replies: list[Reply | Refusal] = []
    for reply in replica.replies:
        key = reply[:2]
        origin = origins.get(key)
        if origin is None:
            replies.append(reply)
        elif isinstance(reply, Reply):
            answers.setdefault(origin, []).append((*key, reply.result))
            del origins[key]
        else:
            del origins[key]
            if reply.reason is not Reason.UNAVAILABLE:
                refusals.setdefault(origin, []).append(reply)
    for key in [key for key in origins if not waiting.is_waiting(replica, key)]:
        answers.setdefault(origins.pop(key), []).append((*key, None))
    replica.replies = replies
    for origin in dict.fromkeys((*answers, *refusals)):
        _send_answers(replica, origin, answers.get(origin, ()), refusals.get(origin, ()))
    if not origins:
        replica.handed_in = None


def _send_answers(
    replica: Replica, origin: str, answers: Sequence[Answer], refusals: Sequence[Refusal]
) -> None:
    rest, refused = tuple(answers), tuple(refusals)
    while rest or refused:
        some = fitting(rest, replica.limits.batch_size, size_of_entry)
        replica.send((origin,), Answers(replica.view_number, some, refused))
        rest, refused = rest[len(some) :], ()


def on_answers(replica: Replica, _source: str, message: Answers) -> None:
    """Give out the answers to requests that were handed in and still wait."""
    for client, request_number, result in message.answers:
        if waiting.take_away(replica, (client, request_number)) and result is not None:
            replica.replies.append(Reply(client, request_number, result))
    for refusal in message.refusals:
        if waiting.take_away(replica, refusal[:2]):
            replica.replies.append(refusal)


HEARS: dict[type[Message], Hearing] = {
    Answers: Hearing(
        on_answers,
        (Status.NORMAL, Status.VIEW_CHANGE, Status.STANDBY),
        is_served_in_any_view=True,
        is_from_any_process=True,
    ),
}
