"""A storage that lives as long as its object: for tests, simulations, and nodes without a disk."""

from collections.abc import Sequence

from vsr_node.core.messages import (
    DurableState,
    Record,
    Recovered,
    ReplaceLog,
    SaveCheckpoint,
    SetCommit,
    SetView,
)

from .protocol import assert_legal, assert_whole


class MemoryStorage:
    """What all records add up to, beginning with ``state``. Anybody may read its fields."""

    waits_for_disk = False

    def __init__(self, state: DurableState | None = None) -> None:
        self._take_over(state or DurableState())

    def _take_over(self, state: DurableState) -> None:
        self.view_number = state.view_number
        self.last_normal_view = state.last_normal_view
        self.commit_number = state.commit_number
        self.checkpoint = state.checkpoint
        self.first_op_number = state.first_op_number
        self.entries = list(state.entries)
        self.is_recovering = state.is_recovering

    def load(self) -> DurableState:
        """Return the state for an incarnation that starts now."""
        return DurableState(
            self.view_number,
            self.last_normal_view,
            self.commit_number,
            self.checkpoint,
            self.first_op_number,
            tuple(self.entries),
            self.is_recovering,
        )

    def save(self, records: Sequence[Record]) -> None:
        """Carry out ``records``; nothing can fail."""
        for record in records:
            op_number = self.op_number
            # Most records only append, or commit what is there, which is always legal.
            if type(record) is ReplaceLog and record.first_op_number == op_number + 1:
                self.entries += record.entries
            elif type(record) is SetCommit and record.commit_number <= op_number:
                self.commit_number = max(self.commit_number, record.commit_number)
            else:
                self._carry_out(record)
        assert_whole(self)

    def _carry_out(self, record: Record) -> None:
        assert_legal(record, self)
        match record:
            case ReplaceLog():
                start = record.first_op_number - self.first_op_number
                self.entries[start:] = record.entries
            case SetCommit():
                self.commit_number = max(self.commit_number, record.commit_number)
            case SetView():
                self.view_number = record.view_number
                self.last_normal_view = record.last_normal_view
            case SaveCheckpoint():
                self.checkpoint = record.checkpoint
                del self.entries[: record.first_op_number - self.first_op_number]
                self.first_op_number = record.first_op_number
            case Recovered():
                self.is_recovering = False

    def close(self) -> None:
        """Do nothing: there is nothing to let go of."""

    @property
    def op_number(self) -> int:
        """The number of the last entry."""
        return self.first_op_number + len(self.entries) - 1

    @property
    def checkpoint_op_number(self) -> int:
        """The number of the last entry that the checkpoint covers."""
        return self.checkpoint.op_number
