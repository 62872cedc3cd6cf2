"""What the replicated machine should answer, by books of its own: no code of ``machines`` is used.

Each value is kept with the number of operations after which it held, so a read can be answered as
of any state that there ever was.
"""

import json
from bisect import bisect_right
from typing import Any, TypeAlias

from vsr_node.machines.answers import Operation

Answer: TypeAlias = tuple[Any, ...]
"""A word and a JSON value where it has one; of an error its code."""

Name: TypeAlias = tuple[str, str]

LAST = ("last", "")


def answer_of(result: Any) -> Answer:
    """Return a result of the machine in the form of an ``Answer``."""
    word, *rest = result
    if word == "error":
        return (word, rest[0])
    return (word, *map(json.loads, rest))


class Model:
    """All values, by kind and key, with their histories."""

    def __init__(self) -> None:
        self.count = 0
        """How many operations were applied."""
        self._histories: dict[Name, tuple[list[int], list[Any]]] = {}

    def _at(self, name: Name, count: int, default: Any) -> Any:
        counts, values = self._histories.get(name, ((), ()))
        place = bisect_right(counts, count)
        return values[place - 1] if place else default

    def _set(self, name: Name, value: Any) -> None:
        counts, values = self._histories.setdefault(name, ([], []))
        counts.append(self.count)
        values.append(value)

    def apply(self, operation: Operation) -> Answer:
        """Apply the next operation."""
        before = self.count
        self.count += 1
        match operation:
            case ("write", key, value):
                self._set(("register", key), json.loads(value))
                return ("write_ok",)
            case ("cas", key, expected, value, create):
                return self._compare_and_set(key, json.loads(expected), json.loads(value), create)
            case ("txn", steps):
                return self._transact(steps)
            case ("broadcast", text):
                return self._add("messages", text, "broadcast_ok")
            case ("add_element", text):
                return self._add("elements", text, "add_ok")
            case ("add_delta", delta):
                self._set(("sum", ""), self._at(("sum", ""), before, 0) + delta)
                self._set(LAST, "sum")
                return ("add_ok",)
            case ("ts",):
                ticket = self._at(("ticket", ""), before, 0)
                self._set(("ticket", ""), ticket + 1)
                return ("ts_ok", ticket)
            case ("send", key, message):
                log = self._at(("log", key), before, ())
                self._set(("log", key), (*log, json.loads(message)))
                return ("send_ok", len(log))
            case ("commit_offsets", offsets):
                for key, offset in offsets:
                    known = self._at(("committed", key), before, 0)
                    self._set(("committed", key), max(known, offset))
                return ("commit_offsets_ok",)
        return self.read(operation, before)

    def _compare_and_set(self, key: str, expected: Any, value: Any, create: bool) -> Answer:
        current = self._at(("register", key), self.count, None)
        if current is None and not create:
            return ("error", 20)
        if current not in (None, expected):
            return ("error", 22)
        self._set(("register", key), value)
        return ("cas_ok",)

    def _add(self, name: str, text: str, word: str) -> Answer:
        known = self._at((name, ""), self.count, ())
        if json.loads(text) not in known:
            self._set((name, ""), (*known, json.loads(text)))
        self._set(LAST, name)
        return (word,)

    def _transact(self, steps: Any) -> Answer:
        drafts: dict[str, Any] = {}
        answers = []
        for word, key, *argument in steps:
            current = drafts.get(key, self._at(("register", key), self.count, None))
            if word == "r":
                answers.append([word, json.loads(key), current])
                continue
            value = json.loads(argument[0])
            answers.append([word, json.loads(key), value])
            if word == "append":
                if type(current or []) is not list:
                    return ("error", 14)
                value = [*(current or []), value]
            drafts[key] = value
        for key, value in drafts.items():
            self._set(("register", key), value)
        return ("txn_ok", answers)

    def read(self, operation: Operation, count: int) -> Answer:
        """Answer a read as of the state after ``count`` operations."""
        match operation:
            case ("read", key):
                value = self._at(("register", key), count, None)
                return ("error", 20) if value is None else ("read_ok", value)
            case ("txn_read", steps):
                values = [(key, self._at(("register", key), count, None)) for _, key in steps]
                return ("txn_ok", [["r", json.loads(key), value] for key, value in values])
            case ("read_all",):
                name = self._at(LAST, count, "")
                if not name:
                    return ("nothing_written",)
                value = self._at((name, ""), count, ())
                return (name, value if name == "sum" else list(value))
            case ("poll", offsets):
                return ("poll_ok", dict(self._messages(offsets, count)))
            case ("list_committed_offsets", keys):
                known = {json.loads(key): self._at(("committed", key), count, None) for key in keys}
                offsets = {key: offset for key, offset in known.items() if offset is not None}
                return ("list_committed_offsets_ok", offsets)
        raise ValueError(f"not an operation of the machine: {operation}")

    def _messages(self, offsets: Any, count: int) -> list[tuple[str, list[Any]]]:
        logs = [(key, offset, self._at(("log", key), count, ())) for key, offset in offsets]
        return [
            (json.loads(key), [[place, log[place]] for place in range(offset, len(log))])
            for key, offset, log in logs
            if offset < len(log)
        ]
