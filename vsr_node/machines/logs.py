"""Logs by key, and how far their readers have come: Maelstrom's kafka.

A message's offset is its place in its log. Offsets that were committed only grow, and none need be
there.
"""

from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any

from .answers import ANSWER_LENGTH_MAX, Operation, Result
from .pages import Pages

POLL_COUNT_MAX = 1_000
"""Messages of one log in the answer to a poll."""

COMMIT_OFFSETS_OK: Result = ("commit_offsets_ok",)


class LogsMachine:
    """Logs of messages, and committed offsets.

    Its operations are ("send", key, message), ("poll", ((key, offset), ...)), ("commit_offsets",
    ((key, offset), ...)) and ("list_committed_offsets", (key, ...)).
    """

    __slots__ = ("_committed", "_logs")

    LOGGED = ("send", "commit_offsets")
    READS = ("poll", "list_committed_offsets")

    def __init__(self) -> None:
        self._logs: dict[str, Pages] = {}
        self._committed: dict[str, int] = {}

    def apply(self, operation: Operation) -> Result:
        """Execute an operation."""
        if operation[0] == "send":
            return self._send(*operation[1:])
        if operation[0] == "commit_offsets":
            return self._commit(operation[1])
        return self.read(operation)

    def _send(self, key: str, message: str) -> Result:
        log = self._logs.get(key)
        if log is None:
            log = self._logs[key] = Pages()
        log.append(message)
        return ("send_ok", str(len(log) - 1))

    def _commit(self, offsets: Sequence[tuple[str, int]]) -> Result:
        for key, offset in offsets:
            self._committed[key] = max(offset, self._committed.get(key, 0))
        return COMMIT_OFFSETS_OK

    def read(self, operation: Operation) -> Result:
        """Answer a read."""
        kind, argument = operation
        if kind == "poll":
            return ("poll_ok", self._poll(argument))
        assert kind == "list_committed_offsets", f"not a read: {operation!r}"
        known = ((key, self._committed.get(key)) for key in argument)
        offsets = ",".join(f"{key}:{offset}" for key, offset in known if offset is not None)
        return ("list_committed_offsets_ok", f"{{{offsets}}}")

    def _poll(self, offsets: Sequence[tuple[str, int]]) -> str:
        """Return messages from some offsets on; a log without any is left out."""
        polled: dict[str, list[str]] = {}
        length = 0
        for key, text in self._messages_from(offsets):
            length += len(text) + 1
            if length > ANSWER_LENGTH_MAX and polled:
                break
            polled.setdefault(key, []).append(text)
        logs = ",".join(f"{key}:[{','.join(texts)}]" for key, texts in polled.items())
        return f"{{{logs}}}"

    def _messages_from(self, offsets: Sequence[tuple[str, int]]) -> Iterator[tuple[str, str]]:
        """Yield keys, each with an offset and a message as a JSON text."""
        for key, offset in offsets:
            log = self._logs.get(key)
            if log is not None:
                messages = islice(log.from_place(offset), POLL_COUNT_MAX)
                for place, message in enumerate(messages, offset):
                    yield key, f"[{place},{message}]"

    def snapshot(self) -> tuple[tuple[object, ...], ...]:
        """Return pages of the logs, and the committed offsets."""
        pages = [("log", key, page) for key, log in self._logs.items() for page in log.snapshot()]
        return (*pages, *(("committed", *each) for each in self._committed.items()))

    def restore(self, parts: Sequence[tuple[Any, ...]]) -> None:
        """Take over what ``snapshot`` returned."""
        self._logs = {}
        self._committed = {}
        for kind, key, content in parts:
            if kind == "committed":
                self._committed[key] = content
                continue
            for message in content:
                self._send(key, message)
