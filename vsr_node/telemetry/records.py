"""The events of a turn's durable records: what was logged, checkpoints, and the flush."""

from collections.abc import Iterator, Sequence

from vsr_node.core.messages import Record, ReplaceLog, SaveCheckpoint
from vsr_node.core.size import size_of_all

from .derived import Derived, State


def of_records(
    records: Sequence[Record], before: State, snapshot_us: int, at_us: int
) -> Iterator[Derived]:
    """Yield what the records say that happened to the log and the checkpoint."""
    for record in records:
        if isinstance(record, ReplaceLog):
            yield from _of_log(record, before.op_number, at_us)
        elif isinstance(record, SaveCheckpoint):
            op_number, _, parts = record.checkpoint
            is_own = record.first_op_number <= op_number
            yield Derived(
                "checkpoint.taken" if is_own else "checkpoint.installed",
                at_us,
                {"duration_us": snapshot_us, "parts": len(parts)},
                {"checkpoint_op_number": op_number},
            )


def of_flush(
    records: Sequence[Record], duration_us: int, waits_for_disk: bool, at_us: int
) -> Derived:
    """Return the event of a turn's records that were made durable."""
    logs = [record.entries for record in records if isinstance(record, ReplaceLog)]
    return Derived(
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


def _of_log(record: ReplaceLog, old_op_number: int, at_us: int) -> Iterator[Derived]:
    first_op_number = record.first_op_number
    replaced = old_op_number + 1 - first_op_number
    if replaced > 0:
        yield Derived(
            "replication.log_conflict",
            at_us,
            {"entries": replaced},
            {"first_op_number": first_op_number},
        )
    if record.entries:
        yield Derived(
            "replication.log_append",
            at_us,
            {"entries": len(record.entries)},
            {"first_op_number": first_op_number},
        )
