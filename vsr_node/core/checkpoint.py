"""Checkpoints (VRR section 5.1): what the log led to, in place of the log.

A replica takes a checkpoint of its own accord when it has executed as many entries since the
last one as that had parts, or when the log has become large; and not before it has spent as much
time on the entries as on the checkpoint. So the cost of an operation stays the same however large
the state becomes. It does so at the beginning of a turn, when all answers of
the last one have left. The log before the checkpoint goes, except for a tail that spares slow
replicas the whole state. The client table is part of the checkpoint: without it, a replica that
restores the checkpoint would execute a repeated request again.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from .limits import SEALED_SIZE
from .membership import Membership
from .messages import Checkpoint
from .size import size_of_all, size_of_parts
from .waiting import answer_known

if TYPE_CHECKING:
    from .replica import Replica


MEASURED_AT_ONCE = 32
"""Executed entries that are measured together: most are so small that one by one costs more."""

SAVED_PER_ENTRY = 8 << 10
"""Size of the part of a state that is saved in the time in which an entry is executed."""


@dataclass(slots=True, eq=False, repr=False)
class Executed:
    """How large the executed entries of the log are."""

    op_number: int = 0
    """The entries up to this one have been measured, or were not executed here."""
    size: int = 0
    """Size of the measured entries since the last checkpoint."""
    pieces: deque[tuple[int, int]] = field(default_factory=deque)
    """The measured entries that are in the log, together: the first's op_number, and their size."""
    checkpoint_size: int | None = None
    """Size of the last checkpoint; None if it has not been needed yet."""
    next_look: int = 0
    """Below this commit_number no checkpoint is due, and nothing has to be measured."""


def take_if_due(replica: Replica) -> None:
    """Take a checkpoint when enough has been executed since the last one."""
    executed = replica.executed
    if replica.commit_number < executed.next_look:
        return
    count = replica.commit_number - replica.checkpoint.op_number
    is_due = count >= _entries_between(replica)
    if not is_due and replica.commit_number - executed.op_number >= MEASURED_AT_ONCE:
        _measure(replica)
        is_due = executed.size >= replica.limits.checkpoint_size
    if is_due and _pays(replica, count):
        _take(replica)
    executed.next_look = min(
        executed.op_number + MEASURED_AT_ONCE,
        replica.checkpoint.op_number + _entries_between(replica),
    )


def _entries_between(replica: Replica) -> int:
    """Return how many entries are executed between two checkpoints, unless they are large."""
    return max(replica.limits.checkpoint_interval, len(replica.checkpoint.parts))


def _measure(replica: Replica) -> None:
    """Measure what has been executed since the last time."""
    executed = replica.executed
    first_op_number = executed.op_number + 1
    executed.op_number = replica.commit_number
    entries = replica.log.suffix(first_op_number, executed.op_number + 1 - first_op_number)
    size = size_of_all(entries)
    executed.pieces.append((first_op_number, size))
    executed.size += size
    if size > len(entries) * SEALED_SIZE:
        replica.client_table.seal(entries)


def _pays(replica: Replica, count: int) -> bool:
    """Return whether the ``count`` entries took as long as it takes to save the last checkpoint."""
    executed = replica.executed
    if executed.checkpoint_size is None:
        # What the table of clients takes is bounded, and measured part by part it costs the most.
        parts = replica.checkpoint.parts[replica.checkpoint.client_count :]
        executed.checkpoint_size = replica.client_table.size + size_of_parts(parts)
    return executed.size + count * SAVED_PER_ENTRY >= executed.checkpoint_size


def _take(replica: Replica) -> None:
    _measure(replica)
    clients = replica.client_table.snapshot()
    parts = clients + replica.machine.snapshot()
    replica.set_checkpoint(
        Checkpoint(replica.commit_number, len(clients), parts, *_group(replica)),
        _tail_begin(replica),
    )
    executed = replica.executed
    executed.size, executed.checkpoint_size = 0, None
    pieces = executed.pieces
    while len(pieces) > 1 and pieces[1][0] <= replica.log.first_op_number:
        pieces.popleft()


def _group(replica: Replica) -> tuple[int, tuple[str, ...]]:
    """Return the epoch and its members as a checkpoint has them: those of epoch 0 are known."""
    epoch, members = replica.membership.epoch, replica.membership.members
    return (epoch, members) if epoch else (0, ())


def _tail_begin(replica: Replica) -> int:
    """Return where the log begins when all that is executed stands in a checkpoint."""
    begin, size = replica.commit_number + 1, 0
    for first_op_number, piece_size in reversed(replica.executed.pieces):
        size += piece_size
        if size > replica.limits.checkpoint_size:
            break
        begin = first_op_number
    by_count = replica.commit_number - replica.limits.checkpoint_interval + 1
    return max(begin, by_count, replica.log.first_op_number)


def restore(replica: Replica, checkpoint: Checkpoint) -> None:
    """Make the state what it was when ``checkpoint`` was taken."""
    clients = checkpoint.parts[: checkpoint.client_count]
    replica.client_table.restore(clients, checkpoint.op_number)
    replica.machine.restore(checkpoint.parts[checkpoint.client_count :])
    replica.commit_number = checkpoint.op_number
    replica.executed = Executed(checkpoint.op_number)


def install(replica: Replica, checkpoint: Checkpoint) -> None:
    """Take over another replica's checkpoint, which is ahead of all that was executed here.

    Own entries above it stay: they may be what a quorum has committed. If they contradict the
    checkpoint, a quorum is in a newer view than they are, and no view begins with them.
    """
    assert checkpoint.op_number > replica.commit_number, "the state never goes back"
    restore(replica, checkpoint)
    replica.set_checkpoint(checkpoint, checkpoint.op_number + 1)
    if checkpoint.epoch > replica.membership.epoch:
        replica.next_membership = Membership(checkpoint.epoch, checkpoint.members)
        replica.enter_epoch()
    answer_known(replica)
