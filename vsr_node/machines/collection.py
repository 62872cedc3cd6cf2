"""What has no key: Maelstrom's broadcast, g-set, g-counter, pn-counter and lin-tso.

A ``read`` without a key is one request with three shapes of answer. The kind that was written last,
which is replicated, decides which one is meant.
"""

from collections.abc import Sequence
from typing import Any

from .answers import ANSWER_LENGTH_MAX, NOTHING_WRITTEN, Operation, Result, too_long
from .pages import Pages

BROADCAST_OK: Result = ("broadcast_ok",)
ADD_OK: Result = ("add_ok",)


class _GrowSet:
    """Texts in order of arrival; one that is added twice is there once."""

    __slots__ = ("_fresh", "_joined", "_known", "_length", "pages")

    def __init__(self) -> None:
        self._known: set[str] = set()
        self.pages = Pages()
        # The texts that the last answer had, joined, and those that have come since.
        self._joined = ""
        self._fresh: list[str] = []
        self._length = 0

    def add(self, text: str) -> bool:
        """Add a text; return False, and change nothing, if an answer would be too long."""
        if text in self._known:
            return True
        length = self._length + len(text) + 1
        if length > ANSWER_LENGTH_MAX:
            return False
        self._length = length
        self._known.add(text)
        self.pages.append(text)
        self._fresh.append(text)
        return True

    def as_json(self) -> str:
        """Return all texts as a JSON list."""
        if self._fresh:
            joined = [self._joined] if self._joined else []
            self._joined = ",".join(joined + self._fresh)
            self._fresh = []
        return f"[{self._joined}]"


class CollectionMachine:
    """Two sets, a sum, and tickets that count up.

    Its operations are ("broadcast", message), ("add_element", element), ("add_delta", number),
    ("ts",) and ("read_all",).
    """

    __slots__ = ("_last_written", "_sets", "_sum", "_ticket_count")

    LOGGED = ("broadcast", "add_element", "add_delta", "ts")
    READS = ("read_all",)

    def __init__(self) -> None:
        self.restore(())

    def apply(self, operation: Operation) -> Result:
        """Execute an operation."""
        kind = operation[0]
        if kind == "broadcast":
            return self._add("messages", operation[1], BROADCAST_OK)
        if kind == "add_element":
            return self._add("elements", operation[1], ADD_OK)
        if kind == "add_delta":
            self._sum += operation[1]
            self._last_written = "sum"
            return ADD_OK
        if kind == "ts":
            self._ticket_count += 1
            return ("ts_ok", str(self._ticket_count - 1))
        return self.read(operation)

    def _add(self, name: str, text: str, result: Result) -> Result:
        if not self._sets[name].add(text):
            return too_long("the set")
        self._last_written = name
        return result

    def read(self, operation: Operation) -> Result:
        """Return what was written last, by name, and all of its kind as a JSON text."""
        assert operation == ("read_all",), f"not a read: {operation!r}"
        name = self._last_written
        if not name:
            return NOTHING_WRITTEN
        return (name, str(self._sum) if name == "sum" else self._sets[name].as_json())

    def snapshot(self) -> tuple[tuple[object, ...], ...]:
        """Return the state: pages of the sets, and the numbers as texts, as they have no bound."""
        if not (self._last_written or self._ticket_count):
            return ()
        sets = self._sets.items()
        pages = [("set", name, page) for name, each in sets for page in each.pages.snapshot()]
        return (
            *pages,
            ("number", "sum", str(self._sum)),
            ("number", "tickets", str(self._ticket_count)),
            ("last", "written", self._last_written),
        )

    def restore(self, parts: Sequence[tuple[Any, ...]]) -> None:
        """Take over what ``snapshot`` returned."""
        self._sets = {"messages": _GrowSet(), "elements": _GrowSet()}
        self._sum = 0
        self._ticket_count = 0
        self._last_written = ""
        for kind, name, content in parts:
            if kind == "set":
                for text in content:
                    self._sets[name].add(text)
            elif kind == "last":
                self._last_written = content
            elif name == "sum":
                self._sum = int(content)
            else:
                self._ticket_count = int(content)
