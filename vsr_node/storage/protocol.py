"""What a driver asks of a storage, and what a storage relies on (ARCHITECTURE, driver's duties).

A storage that saved records in an order that no replica produces would load something untrue, or
distrust it all, at the next start. So it asserts that each record is legal before it saves it.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol, TypeGuard

from vsr_node.core.messages import (
    DurableState,
    Record,
    ReplaceLog,
    SaveCheckpoint,
    SetCommit,
    SetView,
)

if TYPE_CHECKING:
    from .database import Summary
    from .memory import MemoryStorage


class StorageError(Exception):
    """Records can't be made durable, or what is there can't be used; the text is for people.

    If ``save`` raises it, nobody may act on the turn, which will not have happened after a crash.
    """


class Storage(Protocol):
    """Keeps the records of one replica."""

    @property
    def waits_for_disk(self) -> bool:
        """Whether ``save`` takes so long that whatever need not wait for it should leave first."""

    def load(self) -> DurableState:
        """Return what all saved records add up to; the default state if there are none.

        Records that can't be trusted are left out, and the state says ``is_recovering``, from
        then on until a ``Recovered`` is saved. Raise StorageError if it is not even known what
        the replica promised, that is, its view.
        """

    def save(self, records: Sequence[Record]) -> None:
        """Make ``records`` durable before returning: all of them or, with a StorageError, none.

        What ``may_wait`` allows may become durable with the next save. A checkpoint may take the
        place of the log some saves later: until then, all of that log is there.
        """

    def close(self) -> None:
        """Let go of what it holds; nothing that was saved is lost."""


def may_wait(records: Sequence[Record]) -> TypeGuard[Sequence[SetCommit]]:
    """Return whether these are commit numbers alone: a replica that forgot one learns it again."""
    return all(isinstance(record, SetCommit) for record in records)


def assert_legal(record: Record, before: "Summary | MemoryStorage") -> None:
    """Assert that a record may follow what was saved ``before``."""
    # The frequent ones first.
    match record:
        case ReplaceLog():
            first_op_number = record.first_op_number
            assert first_op_number <= before.op_number + 1, "a log has no gap (VRR 4.1)"
            assert first_op_number > before.commit_number, "what is committed never changes"
            assert first_op_number > before.checkpoint_op_number, "nor does what was executed"
        case SetCommit():
            assert record.commit_number <= before.op_number, "what is committed is in the log"
        case SetView():
            assert before.view_number <= record.view_number, "a view never goes back"
            assert before.last_normal_view <= record.last_normal_view, (
                "nor does the last normal one"
            )
            assert record.last_normal_view <= record.view_number, "no log is of a view to come"
        case SaveCheckpoint(checkpoint, first_op_number):
            assert before.checkpoint_op_number < checkpoint.op_number, "checkpoints go forward"
            assert before.first_op_number <= first_op_number, "what is truncated stays so"
            assert first_op_number <= checkpoint.op_number + 1, "nothing is left out"


def assert_whole(after: "Summary | MemoryStorage") -> None:
    """Assert that the next start will trust what a turn's records have led to."""
    assert after.checkpoint_op_number <= after.commit_number, "checkpoints are of what is committed"
