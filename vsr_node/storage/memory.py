"""A storage that lives as long as its object: for tests, simulations and nodes without a disk."""

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


class MemoryStorage:
    """The records' sum in memory; ``state`` is what there is already."""

    def __init__(self, state: DurableState | None = None) -> None:
        state = state or DurableState()
        self._view_number = state.view_number
        self._last_normal_view = state.last_normal_view
        self._commit_number = state.commit_number
        self._checkpoint = state.checkpoint
        self._first_op_number = state.first_op_number
        self._entries = list(state.entries)
        self._is_recovering = state.is_recovering

    def load(self) -> DurableState:
        """The state that an incarnation starting now would find."""
        return DurableState(
            self._view_number,
            self._last_normal_view,
            self._commit_number,
            self._checkpoint,
            self._first_op_number,
            tuple(self._entries),
            self._is_recovering,
        )

    def save(self, records: Sequence[Record]) -> None:
        """Adds ``records``; cannot fail."""
        for record in records:
            match record:
                case ReplaceLog():
                    start = record.first_op_number - self._first_op_number
                    self._entries[start:] = record.entries
                case SetCommit():
                    self._commit_number = max(self._commit_number, record.commit_number)
                case SetView():
                    self._view_number = record.view_number
                    self._last_normal_view = record.last_normal_view
                case SaveCheckpoint():
                    self._checkpoint = record.checkpoint
                    del self._entries[: record.first_op_number - self._first_op_number]
                    self._first_op_number = record.first_op_number
                case Recovered():
                    self._is_recovering = False

    def close(self) -> None:
        """Nothing is held."""
