"""The events of a turn's durable records: what was logged, checkpoints, and the flush."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from vsr_node.core.messages import ReplaceLog, SaveCheckpoint
from vsr_node.core.size import size_of_all

from .common import Flush, Row

if TYPE_CHECKING:
    from .turns import Turn

APPEND = "replication.log_append"
CONFLICT = "replication.log_conflict"
CHECKPOINT_TAKEN = "checkpoint.taken"
CHECKPOINT_INSTALLED = "checkpoint.installed"
FLUSH = "durability.flush"

RECORD_EVENTS = frozenset({APPEND, CONFLICT, CHECKPOINT_TAKEN, CHECKPOINT_INSTALLED, FLUSH})


def recorded(turn: "Turn") -> Iterator[Row]:
    """Yield what the records say that happened to the log and the checkpoint, and each flush."""
    for flush in turn.flushes:
        for record in flush[0]:
            if isinstance(record, ReplaceLog):
                yield from _logged(record, turn.before.op_number, flush[1])
            elif isinstance(record, SaveCheckpoint):
                yield _checkpoint(record, flush)
        yield _flushed(flush)


def _logged(record: ReplaceLog, old_op_number: int, at_us: int) -> Iterator[Row]:
    first_op_number = record.first_op_number
    replaced = old_op_number + 1 - first_op_number
    if replaced > 0:
        yield CONFLICT, at_us, (replaced,), (first_op_number,)
    if record.entries:
        yield APPEND, at_us, (len(record.entries),), (first_op_number,)


def is_taken(record: SaveCheckpoint) -> bool:
    """Return whether a replica took this checkpoint of its own state."""
    return record.first_op_number <= record.checkpoint.op_number


def _checkpoint(record: SaveCheckpoint, flush: Flush) -> Row:
    _, at_us, _, snapshot_us, _ = flush
    op_number, parts = record.checkpoint.op_number, record.checkpoint.parts
    name = CHECKPOINT_TAKEN if is_taken(record) else CHECKPOINT_INSTALLED
    return name, at_us, (snapshot_us, len(parts)), (op_number,)


def _flushed(flush: Flush) -> Row:
    """Return the flush. To measure the entries takes longer than all the rest."""
    records, at_us, duration_us, _, waits_for_disk = flush
    logs = [record.entries for record in records if isinstance(record, ReplaceLog)]
    entry_count, size = sum(map(len, logs)), sum(map(size_of_all, logs))
    return FLUSH, at_us, (duration_us, len(records), entry_count, size), (waits_for_disk,)
