"""A disk in memory: what a replica finds when it is started again.

It is the storage that the simulated replicas write to, and what the invariants hold against the
messages: a claim is durable if it stands here when the message leaves.
"""

from collections.abc import Sequence

from vsr_node.core.messages import DurableState, Entry, Record, ReplaceLog, SetCommit, SetView


class Disk:
    """Storage whose `save` is durable on return."""

    __slots__ = ("commit_number", "entries", "last_normal_view", "view_number")

    def __init__(self) -> None:
        self.view_number = 0
        self.last_normal_view = 0
        self.commit_number = 0
        self.entries: list[Entry] = []

    def load(self) -> DurableState:
        """Return all that was saved."""
        return DurableState(
            self.view_number,
            self.last_normal_view,
            self.commit_number,
            entries=tuple(self.entries),
        )

    def save(self, records: Sequence[Record]) -> None:
        """Carry out the records, all of them or, when the replica crashes before, none."""
        for record in records:
            match record:
                case ReplaceLog():
                    self.entries[record.first_op_number - 1 :] = record.entries
                case SetCommit():
                    self.commit_number = max(self.commit_number, record.commit_number)
                case SetView():
                    self.view_number = record.view_number
                    self.last_normal_view = record.last_normal_view

    def holds(self, first_op_number: int, entries: Sequence[Entry]) -> bool:
        """Whether exactly these entries stand there from `first_op_number` on."""
        start = first_op_number - 1
        return self.entries[start : start + len(entries)] == list(entries)
