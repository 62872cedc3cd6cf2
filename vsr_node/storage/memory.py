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
    """The records' sum in memory; ``state`` is what there is already. All may be looked at."""

    __slots__ = (
        "checkpoint",
        "commit_number",
        "entries",
        "first_op_number",
        "is_recovering",
        "last_normal_view",
        "view_number",
    )

    waits_for_disk = False

    def __init__(self, state: DurableState | None = None) -> None:
        state = state or DurableState()
        self.view_number = state.view_number
        self.last_normal_view = state.last_normal_view
        self.commit_number = state.commit_number
        self.checkpoint = state.checkpoint
        self.first_op_number = state.first_op_number
        self.entries = list(state.entries)
        self.is_recovering = state.is_recovering

    def load(self) -> DurableState:
        """The state that an incarnation starting now would find."""
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
        """Adds ``records``; cannot fail."""
        for record in records:
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
        """Nothing is held."""
