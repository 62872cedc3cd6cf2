"""A storage that lives as long as its object: for tests, simulations and nodes without a disk."""

from collections.abc import Sequence

from vsr_node.core.messages import DurableState, Entry, Record, ReplaceLog, SetCommit, SetView


class MemoryStorage:
    """The records' sum in memory."""

    def __init__(self) -> None:
        self._view_number = 0
        self._last_normal_view = 0
        self._commit_number = 0
        self._entries: list[Entry] = []

    def load(self) -> DurableState:
        """The state that an incarnation starting now would find."""
        return DurableState(
            self._view_number, self._last_normal_view, self._commit_number, tuple(self._entries)
        )

    def save(self, records: Sequence[Record]) -> None:
        """Adds ``records``; cannot fail."""
        for record in records:
            match record:
                case SetView(view_number, last_normal_view):
                    self._view_number = view_number
                    self._last_normal_view = last_normal_view
                case ReplaceLog(first_op_number, entries):
                    self._entries[first_op_number - 1 :] = entries
                case SetCommit(commit_number):
                    self._commit_number = commit_number
