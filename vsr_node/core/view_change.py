"""View change (VRR section 4.2): DO_VIEW_CHANGE and START_VIEW, after the votes (``voting``).

How it differs from the paper, and why:

- DO_VIEW_CHANGE and START_VIEW carry the end of a log only, from at most the sender's
  commit_number + 1 on. What lies below is committed, and a replica that lacks it fetches it
  before it goes on (``state_transfer``).
- A replica that learns of a newer view, from whatever message, keeps its log and
  last_normal_view as they are and sends DO_VIEW_CHANGE until START_VIEW comes: to a primary
  that serves already, that asks for START_VIEW. Its log changes only in the durable step in
  which it becomes normal in the new view.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from . import following, leading, state_transfer
from .admission import Hearing, impossible_log, impossible_of_primary, send_view
from .execution import commit_up_to
from .forwarding import submit_again
from .limits import SUFFIX_MAX
from .messages import DoViewChange, Message, RecoveryResponse, StartView, last_op_number
from .size import count_within, size_of_entry
from .status import Status
from .timers import TIME_OUT_MAX, Timer

if TYPE_CHECKING:
    from .replica import Replica


@dataclass(slots=True, eq=False, repr=False)
class Changing:
    """What a replica in a view change knows of it."""

    logs: dict[str, DoViewChange] = field(default_factory=dict)
    """Of the other replicas, at the new primary."""
    is_due: bool = True
    """Something has come, or time has passed, so that it may go on."""


def enter_view(replica: Replica, view_number: int) -> None:
    """Stop all work in the old view. The log and last_normal_view stay untouched."""
    assert view_number > replica.view_number, "views only go up"
    replica.set_view(view_number)
    replica.time_out = min(replica.time_out + replica.time_out // 2, TIME_OUT_MAX)
    restart_view_change(replica)


def leave_view(replica: Replica) -> None:
    """Enter the next view, since a later one has committed what the present one's log lacks.

    Never view change in the same view again: its late START_VIEW would cut what this replica has
    acknowledged in it.
    """
    replica.set_view(replica.view_number + 1)
    restart_view_change(replica)


def restart_view_change(replica: Replica) -> None:
    """Begin the view change into the present view with nothing heard of it yet."""
    replica.begin_view()
    replica.begin_phase(Status.VIEW_CHANGE, Changing())
    replica.timers.start(Timer.SUSPECT, replica.now + replica.patience)


def repeat_view_change(replica: Replica) -> None:
    """Do again what this replica does for the view change, as messages get lost."""
    if replica.changing is not None:
        replica.changing.is_due = True


def go_on_with_committed(replica: Replica) -> None:
    """Go on with the view change: all that is committed and was asked for has come."""
    changing = replica.changing
    assert changing is not None
    replica.timers.start(Timer.SUSPECT, replica.now + replica.patience)
    replica.timers.stop(Timer.VOTE)
    changing.is_due = True


def go_on(replica: Replica) -> None:
    """Do at the end of a turn what a replica in a view change does."""
    changing = replica.changing
    assert changing is not None
    if replica.is_primary:
        _start_view(replica, changing)
    elif changing.is_due:
        replica.send((replica.primary,), _own_do_view_change(replica))
    if replica.changing is changing and changing.is_due:
        changing.is_due = False
        replica.timers.start(Timer.VIEW_CHANGE, replica.now + replica.time_out // 4)


def _own_do_view_change(replica: Replica) -> DoViewChange:
    """Return the message, which is bounded like the uncommitted entries of a primary.

    An entry is appended in one step with the commit_number that came with it, and that was at most
    ``uncommitted_size`` behind: it is its primary's, or that of a log for which this holds already.
    Entries and commit_number are durable in one step too, so that a restart forgets at most the
    commit_numbers that came later, without entries.
    """
    first_op_number = replica.commit_number + 1
    return DoViewChange(
        view_number=replica.view_number,
        last_normal_view=replica.last_normal_view,
        commit_number=replica.commit_number,
        first_op_number=first_op_number,
        entries=replica.log.suffix(first_op_number),
    )


def on_do_view_change(replica: Replica, source: str, message: DoViewChange) -> None:
    """Note a log for the new view, or send a latecomer what the view's log has become."""
    changing = replica.changing
    if changing is not None:
        changing.logs[source] = message
        changing.is_due = True
    elif replica.is_serving_primary:
        _send_start_view(replica, (source,), message.commit_number)


def _start_view(replica: Replica, changing: Changing) -> None:
    """Take the best of a quorum's logs and start the view with it (VRR 4.2, step 3 and 4).

    Best is the highest (last_normal_view, op_number). All that any quorum committed is in it.
    """
    own = _own_do_view_change(replica)
    logs = {replica.name: own, **changing.logs}
    if len(logs) < replica.membership.quorum:
        return
    # The first of equals is taken, so that the replica's own log is if nothing better is there.
    best = max(logs, key=lambda name: (logs[name].last_normal_view, last_op_number(logs[name])))
    log = logs[best]
    if best != replica.name:
        if log.first_op_number > replica.commit_number + 1:
            if changing.is_due:
                state_transfer.ask(replica, best)
            return
        assert last_op_number(log) >= replica.commit_number, "all that is committed is in it"
        replace_uncommitted(replica, log)
    commit_up_to(replica, max(log.commit_number for log in logs.values()))
    become_normal(replica)
    _send_start_view(replica, replica.peers, min(log.commit_number for log in logs.values()))
    submit_again(replica)


def replace_uncommitted(replica: Replica, log: DoViewChange | StartView | RecoveryResponse) -> None:
    """Make the log above the own commit_number what ``log`` says."""
    first_op_number = replica.commit_number + 1
    replica.replace_log(first_op_number, log.entries[first_op_number - log.first_op_number :])


def become_normal(replica: Replica) -> None:
    """Begin to work: the log is whole in the present view, durable in one step with that log."""
    replica.set_last_normal_view(replica.view_number)
    replica.inherited_op_number = replica.log.op_number
    replica.timers.stop(Timer.VIEW_CHANGE)
    replica.timers.stop(Timer.VOTE)
    begin_role(replica)


def begin_role(replica: Replica) -> None:
    """Lead or follow in the present view."""
    if replica.is_primary:
        leading.begin(replica)
    else:
        following.begin(replica)


def _send_start_view(
    replica: Replica, destinations: tuple[str, ...], commit_number_there: int
) -> None:
    first_op_number = first_op_number_for(replica, commit_number_there)
    replica.send(
        destinations,
        StartView(
            view_number=replica.view_number,
            commit_number=replica.commit_number,
            first_op_number=first_op_number,
            entries=replica.log.suffix(first_op_number),
            sent_at=replica.now,
            time_out=replica.time_out,
        ),
    )


def first_op_number_for(replica: Replica, commit_number_there: int) -> int:
    """Return where to begin to send the log: with what others lack, if it is not too far back."""
    end = replica.commit_number + 1
    first_op_number = max(
        commit_number_there + 1,
        replica.log.op_number - SUFFIX_MAX + 1,
        replica.log.first_op_number,
    )
    if first_op_number >= end:
        return end
    committed = replica.log.suffix(first_op_number, end - first_op_number)
    return end - count_within(map(size_of_entry, reversed(committed)), replica.limits.batch_size)


def on_start_view(replica: Replica, source: str, message: StartView) -> None:
    """Take over the new view's log, in one durable step (VRR 4.2, step 5).

    A repeated one finds the replica in normal status and is dropped. A late one may end
    below what the replica has learned to be committed since: that stays.
    """
    if message.first_op_number > replica.commit_number + 1:
        state_transfer.ask(replica, source)
        return
    replace_uncommitted(replica, message)
    become_normal(replica)
    following.answer_start_view(replica, message)
    following.learn_commit(replica, message.commit_number)
    submit_again(replica)


def _impossible_do_view_change(replica: Replica, _source: str, message: DoViewChange) -> str | None:
    if replica.membership.primary_of(message.view_number) != replica.name:
        return "this replica is not the primary of its view"
    if message.last_normal_view >= message.view_number:
        return "its log cannot be whole in a view that has not begun"
    if message.first_op_number != message.commit_number + 1:
        return "its log must begin at commit_number + 1"
    return None


def _impossible_start_view(replica: Replica, source: str, message: StartView) -> str | None:
    return impossible_of_primary(replica, source, message) or impossible_log(message)


HEARS: dict[type[Message], Hearing] = {
    DoViewChange: Hearing(
        on_do_view_change,
        (Status.NORMAL, Status.VIEW_CHANGE),
        impossible=_impossible_do_view_change,
        of_older_view=send_view,
    ),
    StartView: Hearing(on_start_view, (Status.VIEW_CHANGE,), impossible=_impossible_start_view),
}
