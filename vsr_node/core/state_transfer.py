"""State transfer (VRR section 5.2): entries that a replica lacks, from any that has them.

Committed entries may come from every replica, whatever its status: they are the same
everywhere and for ever. Entries above the sender's commit_number are told only in normal
status, and used only by a replica in normal status in the same view. The paper's rule to cut
the log before asking is not followed: it loses committed entries when the view changes again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .execution import commit_up_to
from .messages import GetState, NewState
from .normal_operation import BATCH_MAX, append_early_entries, learn_commit
from .status import Status
from .timers import Timer

if TYPE_CHECKING:
    from .replica import Replica


def ask(replica: Replica, destination: str) -> None:
    """Asks for what comes after the part of the log that is certain."""
    if replica.status is Status.NORMAL:
        certain_op_number = replica.log.op_number
    else:
        certain_op_number = replica.commit_number
    replica.send((destination,), GetState(replica.view_number, certain_op_number))


def on_gap(replica: Replica) -> None:
    """A gap persists: the primary is asked first, then the others in turn."""
    if not replica.has_gap:
        return
    peers = replica.membership.others(replica.name)
    start = peers.index(replica.primary)
    ask(replica, peers[(start + replica.gap_requests) % len(peers)])
    replica.gap_requests += 1
    replica.timers.start(Timer.GAP, replica.now + replica.time_out // 4)


def on_get_state(replica: Replica, source: str, message: GetState) -> None:
    """Answers with what this replica is sure of."""
    last = replica.log.op_number if replica.status is Status.NORMAL else replica.commit_number
    count = min(last - message.op_number, BATCH_MAX)
    if count > 0:
        first_op_number = message.op_number + 1
        entries = replica.log.suffix(first_op_number, count)
        replica.send(
            (source,),
            NewState(replica.view_number, replica.commit_number, first_op_number, entries),
        )


def on_new_state(replica: Replica, source: str, message: NewState) -> None:
    """Takes what is missing here, and asks on while there is more."""
    if replica.status is Status.VIEW_CHANGE:
        _adopt_committed(replica, source, message)
    elif not replica.is_primary:
        _append_missing(replica, source, message)


def _append_missing(replica: Replica, source: str, message: NewState) -> None:
    known_count = replica.log.op_number + 1 - message.first_op_number
    if known_count < 0:
        return
    missing = message.entries[known_count:]
    for entry in missing:
        replica.append(entry)
    append_early_entries(replica)
    learn_commit(replica, message.commit_number)
    if missing:
        replica.acknowledgement_is_due = True
        if replica.has_gap:
            ask(replica, source)


def _adopt_committed(replica: Replica, source: str, message: NewState) -> None:
    """Replaces own entries by committed ones, keeping all that they do not contradict.

    Entries behind one that contradicts were never committed, as a committed log has another
    entry in their midst; they go. ``last_normal_view`` stays, as the log is not whole yet.
    """
    known_count = replica.commit_number + 1 - message.first_op_number
    committed_count = message.commit_number + 1 - message.first_op_number
    if known_count < 0 or committed_count <= known_count:
        return
    for entry in message.entries[known_count:committed_count]:
        op_number = replica.commit_number + 1
        if op_number > replica.log.op_number:
            replica.append(entry)
        elif replica.log[op_number] != entry:
            replica.replace_log(op_number, (entry,))
        commit_up_to(replica, op_number)
    replica.timers.start(Timer.SUSPECT, replica.now + replica.patience)
    replica.timers.stop(Timer.VOTE)
    if replica.commit_number < message.commit_number:
        ask(replica, source)
    else:
        replica.do_view_change_is_due = True
