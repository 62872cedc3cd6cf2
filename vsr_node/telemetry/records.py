"""The events of a turn's durable records: what was logged, checkpoints, and the flush."""

from collections.abc import Sequence

from vsr_node.core.messages import Record, ReplaceLog, SaveCheckpoint
from vsr_node.core.size import size_of_all

from .common import Note, State


def note_records(
    note: Note, records: Sequence[Record], before: State, snapshot_us: int, at_us: int
) -> None:
    """Note what the records say that happened to the log and the checkpoint."""
    for record in records:
        if isinstance(record, ReplaceLog):
            _note_log(note, record, before.op_number, at_us)
        elif isinstance(record, SaveCheckpoint):
            op_number, parts = record.checkpoint.op_number, record.checkpoint.parts
            is_own = record.first_op_number <= op_number
            note(
                "checkpoint.taken" if is_own else "checkpoint.installed",
                at_us,
                {"duration_us": snapshot_us, "parts": len(parts)},
                {"checkpoint_op_number": op_number},
            )


def note_flush(
    note: Note, records: Sequence[Record], duration_us: int, waits_for_disk: bool, at_us: int
) -> None:
    """Note that a turn's records were made durable."""
    logs = [record.entries for record in records if isinstance(record, ReplaceLog)]
    note(
        "durability.flush",
        at_us,
        {
            "duration_us": duration_us,
            "records": len(records),
            "entries": sum(map(len, logs)),
            "bytes": sum(map(size_of_all, logs)),
        },
        {"waits_for_disk": waits_for_disk},
    )


def _note_log(note: Note, record: ReplaceLog, old_op_number: int, at_us: int) -> None:
    first_op_number = record.first_op_number
    replaced = old_op_number + 1 - first_op_number
    if replaced > 0:
        note(
            "replication.log_conflict",
            at_us,
            {"entries": replaced},
            {"first_op_number": first_op_number},
        )
    if record.entries:
        note(
            "replication.log_append",
            at_us,
            {"entries": len(record.entries)},
            {"first_op_number": first_op_number},
        )
