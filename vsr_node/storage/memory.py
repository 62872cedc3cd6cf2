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
    """The records' sum in memory."""

    def __init__(self, state: DurableState | None = None) -> None:
        self._state = state or DurableState()
        self._entries = list(self._state.entries)

    def load(self) -> DurableState:
        """The state that an incarnation starting now would find."""
        return self._state._replace(entries=tuple(self._entries))

    def save(self, records: Sequence[Record]) -> None:
        """Adds ``records``; cannot fail."""
        for record in records:
            self._add(record)

    def close(self) -> None:
        """Nothing is held."""

    def _add(self, record: Record) -> None:
        state = self._state
        match record:
            case SetView(view_number, last_normal_view):
                self._state = state._replace(
                    view_number=view_number, last_normal_view=last_normal_view
                )
            case ReplaceLog(first_op_number, entries):
                self._entries[first_op_number - state.first_op_number :] = entries
            case SetCommit(commit_number):
                self._state = state._replace(commit_number=max(state.commit_number, commit_number))
            case SaveCheckpoint(checkpoint, first_op_number):
                del self._entries[: first_op_number - state.first_op_number]
                self._state = state._replace(checkpoint=checkpoint, first_op_number=first_op_number)
            case Recovered():
                self._state = state._replace(is_recovering=False)
