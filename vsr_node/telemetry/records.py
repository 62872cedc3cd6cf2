"""The events of a turn's durable records: what was logged, checkpoints, and the flush."""

from collections.abc import Sequence
from typing import NamedTuple

from vsr_node.core.messages import Record, ReplaceLog, SaveCheckpoint
from vsr_node.core.size import size_of_all

from .common import State
from .notes import Notes, Row

FLUSH = "durability.flush"


class Flushed(NamedTuple):
    """A flush. To measure the entries takes longer than all the rest, so that waits."""

    at_us: int
    duration_us: int
    records: Sequence[Record]
    waits_for_disk: bool

    def rows(self) -> tuple[Row]:
        """Return the event."""
        logs = [record.entries for record in self.records if isinstance(record, ReplaceLog)]
        entry_count, size = sum(map(len, logs)), sum(map(size_of_all, logs))
        measurements = self.duration_us, len(self.records), entry_count, size
        return ((FLUSH, self.at_us, measurements, (self.waits_for_disk,)),)


def note_records(
    notes: Notes, records: Sequence[Record], before: State, snapshot_us: int, at_us: int
) -> None:
    """Note what the records say that happened to the log and the checkpoint."""
    for record in records:
        if isinstance(record, ReplaceLog):
            _note_log(notes, record, before.op_number, at_us)
        elif isinstance(record, SaveCheckpoint):
            op_number, parts = record.checkpoint.op_number, record.checkpoint.parts
            is_own = record.first_op_number <= op_number
            name = "checkpoint.taken" if is_own else "checkpoint.installed"
            notes.note(name, at_us, (snapshot_us, len(parts)), (op_number,))


def note_flush(
    notes: Notes, records: Sequence[Record], duration_us: int, waits_for_disk: bool, at_us: int
) -> None:
    """Note that a turn's records were made durable."""
    if FLUSH in notes.wanted:
        notes.add(Flushed(at_us, duration_us, records, waits_for_disk))


def _note_log(notes: Notes, record: ReplaceLog, old_op_number: int, at_us: int) -> None:
    first_op_number = record.first_op_number
    replaced = old_op_number + 1 - first_op_number
    if replaced > 0:
        notes.note("replication.log_conflict", at_us, (replaced,), (first_op_number,))
    if record.entries:
        notes.note("replication.log_append", at_us, (len(record.entries),), (first_op_number,))
