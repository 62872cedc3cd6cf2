"""The machine of the node: all that Maelstrom's workloads ask for, in one replicated state.

A part has its operations and its parts of a snapshot to itself. A snapshot of registers alone is
what it was before the machine had other parts.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from .answers import Operation, Result
from .key_value import KeyValueMachine

if TYPE_CHECKING:
    from .collection import CollectionMachine
    from .logs import LogsMachine

READS = frozenset({*KeyValueMachine.READS, "read_all", "poll", "list_committed_offsets"})
"""The words of operations that change nothing, and so need not be logged."""

COLLECTION_PARTS = frozenset({"set", "number", "last"})
LOGS_PARTS = frozenset({"log", "committed"})
"""What parts of a snapshot begin with; those of registers are (key, value)."""


class _Others:
    """What is kept beside the registers: a collection and logs."""

    def __init__(self) -> None:
        # Imported late: most nodes serve registers alone and need not wait for these.
        from .collection import CollectionMachine
        from .logs import LogsMachine

        self.collection = CollectionMachine()
        self.logs = LogsMachine()
        self.by_word: dict[str, CollectionMachine | LogsMachine] = {
            word: part
            for part in (self.collection, self.logs)
            for word in (*part.LOGGED, *part.READS)
        }
        assert READS.issuperset(self.collection.READS + self.logs.READS), "READS has them all"


class MaelstromMachine(KeyValueMachine):
    """Registers, and beside them a collection and logs, which know other words.

    It is a map of registers that knows more, as a part of its own would cost each write a call. The
    others are made when an operation or a snapshot first needs them.
    """

    __slots__ = ("_others",)

    def __init__(self) -> None:
        super().__init__()
        self._others: _Others | None = None

    def _part_for(self, operation: Operation) -> "CollectionMachine | LogsMachine | None":
        """Return the part that knows the word of an operation; None if the registers may."""
        if operation[0] in KeyValueMachine.READS:
            return None
        if self._others is None:
            self._others = _Others()
        return self._others.by_word.get(operation[0])

    def _apply_other(self, operation: Operation) -> Result:
        part = self._part_for(operation)
        return super().read(operation) if part is None else part.apply(operation)

    def read(self, operation: Any) -> Result:
        """Answer an operation whose word is one of ``READS``."""
        part = self._part_for(operation)
        return super().read(operation) if part is None else part.read(operation)

    def snapshot(self) -> tuple[tuple[Any, ...], ...]:
        """Return the state as parts that each fit in a message."""
        registers, others = super().snapshot(), self._others
        if others is None:
            return registers
        return (*registers, *others.collection.snapshot(), *others.logs.snapshot())

    def restore(self, parts: Sequence[Any]) -> None:
        """Take over what ``snapshot`` returned."""
        super().restore([part for part in parts if len(part) == 2])
        others = [part for part in parts if len(part) == 3]
        self._others = _Others() if others else None
        if self._others is not None:
            self._others.collection.restore(
                [part for part in others if part[0] in COLLECTION_PARTS]
            )
            self._others.logs.restore([part for part in others if part[0] in LOGS_PARTS])
