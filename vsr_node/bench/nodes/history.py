"""The history: written to disk line by line, and kept in memory for the verdict."""

import json
from typing import Any, Literal

import orjson

from vsr_node.bench.nodes.log_file import LogFile
from vsr_node.bench.nodes.loop import Clock
from vsr_node.checker.history import NEMESIS, Event

EventType = Literal["invoke", "ok", "fail", "info"]


class History:
    """Records events, in ``history.jsonl`` for programs and in ``history.txt`` for people."""

    def __init__(self, clock: Clock, lines: LogFile, text: LogFile) -> None:
        self.events: list[Event] = []
        self._clock = clock
        self._lines = lines
        self._text = text

    def record(
        self,
        process: int,
        type_: EventType,
        f: str,
        key: Any,
        value: Any,
        error: tuple[int | str, str] | None,
        node: str,
        *,
        is_final: bool = False,
    ) -> None:
        """Record an event of a client."""
        place, time = len(self.events), self._clock()
        self._add(Event(place, time, process, type_, f, key, value, _json(error), node, is_final))

    def record_fault(self, f: str, value: Any) -> None:
        """Record an act of the nemesis; ``value`` is None for the end of a fault."""
        self._add(Event(len(self.events), self._clock(), NEMESIS, "info", f, None, value))

    def _add(self, event: Event) -> None:
        self.events.append(event)
        self._lines.write(orjson.dumps(_plain(event)) + b"\n")
        value = event.value if event.key is None else [event.key, event.value]
        fields = [str(event.process), event.type, event.f, json.dumps(value)]
        if event.error is not None:
            fields.append(json.dumps(event.error))
        self._text.write(("\t".join(fields) + "\n").encode())


def _plain(event: Event) -> dict[str, Any]:
    """Return an event as JSON; ``final`` only if it is."""
    plain = event._asdict()
    return plain | {"final": True} if plain.pop("is_final") else plain


def _json(error: tuple[int | str, str] | None) -> Any:
    return None if error is None else list(error)
