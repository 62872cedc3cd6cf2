"""The machine of the node: all that Maelstrom's workloads ask for, in one replicated state.

A part has its operations and its parts of a snapshot to itself. A snapshot of registers alone is
what it was before the machine had other parts.
"""

from collections.abc import Sequence
from typing import Any

from .answers import Operation, Result
from .collection import CollectionMachine
from .key_value import KeyValueMachine
from .logs import LogsMachine

READS = frozenset({*KeyValueMachine.READS, *CollectionMachine.READS, *LogsMachine.READS})
"""The words of operations that change nothing, and so need not be logged."""

COLLECTION_PARTS = frozenset({"set", "number", "last"})
LOGS_PARTS = frozenset({"log", "committed"})
"""What parts of a snapshot begin with; those of registers are (key, value)."""


class MaelstromMachine(KeyValueMachine):
    """Registers, and beside them a collection and logs, which know other words.

    It is a map of registers that knows more, as a part of its own would cost each write a call.
    """

    __slots__ = ("_collection", "_logs", "_parts")

    def __init__(self) -> None:
        super().__init__()
        self._collection = CollectionMachine()
        self._logs = LogsMachine()
        self._parts: dict[str, CollectionMachine | LogsMachine] = {
            word: part
            for part in (self._collection, self._logs)
            for word in (*part.LOGGED, *part.READS)
        }

    def _apply_other(self, operation: Operation) -> Result:
        part = self._parts.get(operation[0])
        return self.read(operation) if part is None else part.apply(operation)

    def read(self, operation: Any) -> Result:
        """Answer an operation whose word is one of ``READS``."""
        part = self._parts.get(operation[0])
        return super().read(operation) if part is None else part.read(operation)

    def snapshot(self) -> tuple[tuple[Any, ...], ...]:
        """Return the state as parts that each fit in a message."""
        return (*super().snapshot(), *self._collection.snapshot(), *self._logs.snapshot())

    def restore(self, parts: Sequence[Any]) -> None:
        """Take over what ``snapshot`` returned."""
        super().restore([part for part in parts if len(part) == 2])
        others = [part for part in parts if len(part) == 3]
        self._collection.restore([part for part in others if part[0] in COLLECTION_PARTS])
        self._logs.restore([part for part in others if part[0] in LOGS_PARTS])
