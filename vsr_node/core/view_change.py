"""View change (VRR section 4.2): START_VIEW_CHANGE, DO_VIEW_CHANGE, START_VIEW.

How it differs from the paper, and why:

- START_VIEW_CHANGE is a vote. Who casts it stays in its view until a quorum votes, and who hears
  its primary does not join: a replica that was cut off and comes back deposes nobody. A vote
  counts for one time-out and is repeated, so that hiccups hours apart do not add up. It tells
  its sender's present view: a higher one is news to its receiver, a lower one is answered with
  the receiver's; else two replicas of different views would vote past each other for ever.
- DO_VIEW_CHANGE and START_VIEW carry the end of a log only, from at most the sender's
  commit_number + 1 on. What lies below is committed, and who lacks it fetches it before it goes
  on (``state_transfer``).
- A replica that learns of a newer view, from whatever message, keeps its log and
  last_normal_view as they are and sends DO_VIEW_CHANGE until START_VIEW comes: to a primary
  that serves already, that asks for START_VIEW. Its log changes only in the durable step in
  which it becomes normal in the new view.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from . import state_transfer
from .execution import commit_up_to
from .forwarding import submit_again
from .messages import DoViewChange, RecoveryResponse, StartView, StartViewChange
from .normal_operation import hear_primary, lead, learn_commit
from .status import Status
from .timers import TIME_OUT_MAX, Timer

if TYPE_CHECKING:
    from .replica import Replica

SUFFIX_MAX = 8192
"""Entries that START_VIEW carries below the primary's commit_number to spare others a fetch."""


# Voting


def suspect(replica: Replica) -> None:
    """Begins to vote: the primary is silent, or the view change stalls, or no quorum answers.

    A primary that votes has stopped: it is no longer a serving one (``is_serving_primary``).
    """
    if replica.peers:
        vote(replica)


def vote(replica: Replica) -> None:
    """Casts or repeats the vote for the next view."""
    view_number = replica.view_number
    replica.send(replica.peers, StartViewChange(view_number + 1, view_number))
    replica.timers.start(Timer.VOTE, replica.now + replica.time_out // 4)
    _count_votes(replica)


def on_start_view_change(replica: Replica, source: str, message: StartViewChange) -> None:
    """Notes a vote for the view after ours."""
    if message.view_number == replica.view_number + 1:
        replica.votes[source] = replica.now
        _count_votes(replica)


def _count_votes(replica: Replica) -> None:
    """Enters the next view once a quorum, this replica in it, votes for it now."""
    if not replica.timers.is_running(Timer.VOTE):
        return
    votes = 1 + sum(
        replica.now - voted_at < replica.time_out for voted_at in replica.votes.values()
    )
    if votes >= replica.membership.quorum:
        enter_view(replica, replica.view_number + 1)


def tell_view(replica: Replica, destination: str) -> None:
    """Answers somebody of an older view with news of this one."""
    view_number = replica.view_number
    replica.send((destination,), StartViewChange(view_number, view_number))


# Changing


def enter_view(replica: Replica, view_number: int) -> None:
    """Stops all work in the old view. The log and last_normal_view stay untouched."""
    assert view_number > replica.view_number, "views only go up"
    replica.set_view(view_number)
    replica.time_out = min(replica.time_out + replica.time_out // 2, TIME_OUT_MAX)
    restart_view_change(replica)


def restart_view_change(replica: Replica) -> None:
    """Begins the view change into the present view with nothing heard of it yet."""
    replica.set_status(Status.VIEW_CHANGE)
    replica.forget_view()
    replica.timers.start(Timer.SUSPECT, replica.now + replica.patience)
    replica.do_view_change_is_due = True


def repeat_view_change(replica: Replica) -> None:
    """Messages get lost: what this replica does for the view change is done again."""
    if replica.status is Status.VIEW_CHANGE:
        replica.do_view_change_is_due = True


def go_on(replica: Replica) -> None:
    """What a replica in a view change does at the end of a turn."""
    if replica.is_primary:
        _start_view(replica)
    elif replica.do_view_change_is_due:
        replica.send((replica.primary,), _own_do_view_change(replica))
    if replica.status is Status.VIEW_CHANGE and replica.do_view_change_is_due:
        replica.do_view_change_is_due = False
        replica.timers.start(Timer.VIEW_CHANGE, replica.now + replica.time_out // 4)


def _own_do_view_change(replica: Replica) -> DoViewChange:
    first_op_number = replica.commit_number + 1
    return DoViewChange(
        replica.view_number,
        replica.last_normal_view,
        replica.commit_number,
        first_op_number,
        replica.log.suffix(first_op_number),
    )


def on_do_view_change(replica: Replica, source: str, message: DoViewChange) -> None:
    """Notes a log for the new view, or tells a latecomer what the view's log has become."""
    if replica.status is Status.VIEW_CHANGE:
        replica.do_view_changes[source] = message
        replica.do_view_change_is_due = True
    elif replica.is_serving_primary:
        _send_start_view(replica, (source,), message.commit_number)


def _start_view(replica: Replica) -> None:
    """Takes the best of a quorum's logs and starts the view with it (VRR 4.2, step 3 and 4).

    Best is the highest (last_normal_view, op_number). All that any quorum committed is in it.
    """
    own = _own_do_view_change(replica)
    logs = {replica.name: own, **replica.do_view_changes}
    if len(logs) < replica.membership.quorum:
        return
    # The first of equals is taken, so that the replica's own log is if nothing better is there.
    best = max(logs, key=lambda name: (logs[name].last_normal_view, logs[name].op_number))
    log = logs[best]
    if best != replica.name:
        if log.first_op_number > replica.commit_number + 1:
            if replica.do_view_change_is_due:
                state_transfer.ask(replica, best)
            return
        assert log.op_number >= replica.commit_number, "the best log holds all that is committed"
        replace_uncommitted(replica, log)
    commit_up_to(replica, max(log.commit_number for log in logs.values()))
    become_normal(replica)
    lead(replica)
    _send_start_view(replica, replica.peers, min(log.commit_number for log in logs.values()))
    submit_again(replica)


def replace_uncommitted(replica: Replica, log: DoViewChange | StartView | RecoveryResponse) -> None:
    """Makes the log above the own commit_number what ``log`` says it is."""
    first_op_number = replica.commit_number + 1
    replica.replace_log(first_op_number, log.entries[first_op_number - log.first_op_number :])


def become_normal(replica: Replica) -> None:
    """The log is whole in the present view: durable in one step with that log."""
    replica.set_status(Status.NORMAL)
    replica.set_last_normal_view(replica.view_number)
    replica.inherited_op_number = replica.log.op_number
    replica.timers.stop(Timer.VIEW_CHANGE)
    replica.timers.stop(Timer.VOTE)


def _send_start_view(
    replica: Replica, destinations: tuple[str, ...], commit_number_there: int
) -> None:
    first_op_number = first_op_number_for(replica, commit_number_there)
    replica.send(
        destinations,
        StartView(
            replica.view_number,
            replica.commit_number,
            first_op_number,
            replica.log.suffix(first_op_number),
            replica.now,
            replica.time_out,
        ),
    )


def first_op_number_for(replica: Replica, commit_number_there: int) -> int:
    """From where to tell the view's log to others: what they lack, if that is not too far back."""
    first_op_number = max(
        commit_number_there + 1,
        replica.log.op_number - SUFFIX_MAX + 1,
        replica.log.first_op_number,
    )
    return min(first_op_number, replica.commit_number + 1)


def on_start_view(replica: Replica, source: str, message: StartView) -> None:
    """Takes over the new view's log, in one durable step (VRR 4.2, step 5).

    A repeated one finds the replica in normal status and changes nothing. A late one may end
    below what the replica has learned to be committed since: that stays.
    """
    if replica.status is not Status.VIEW_CHANGE:
        return
    if message.first_op_number > replica.commit_number + 1:
        state_transfer.ask(replica, source)
        return
    replace_uncommitted(replica, message)
    become_normal(replica)
    hear_primary(replica, message.sent_at, message.time_out)
    learn_commit(replica, message.commit_number)
    submit_again(replica)
