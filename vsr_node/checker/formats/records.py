"""Events from records: maps with ``process``, ``type``, ``f`` and ``value``."""

import json
from collections.abc import Iterable, Iterator
from typing import NoReturn

from vsr_node.checker.history import EVENT_TYPES, NEMESIS, Event, HistoryError, Json

QUOTED_CHARACTERS_MAX = 80
"""How many characters of what is wrong a message quotes."""

_FINAL = ("final", "final?", "is_final")
"""The fields that mark the reads at the end of a run, of all who write histories."""


def fail(line: int, message: str) -> NoReturn:
    """Raise a HistoryError with the number of the line, counted from 1."""
    raise HistoryError(f"line {line}: {message}")


def quoted(value: Json) -> str:
    """Return the JSON text of a value, its beginning if it is long."""
    text = json.dumps(value)
    if len(text) <= QUOTED_CHARACTERS_MAX:
        return text
    return f"{text[:QUOTED_CHARACTERS_MAX]}..."


def unwrapped(records: Iterable[tuple[int, Json]]) -> Iterator[tuple[int, Json]]:
    """Yield the records, and in place of an object with a ``history`` the records of that."""
    for line, record in records:
        history = record.get("history") if isinstance(record, dict) else None
        if isinstance(history, list):
            yield from ((line, each) for each in history)
        else:
            yield line, record


def record_events(records: Iterable[tuple[int, Json]]) -> Iterator[tuple[int, Event]]:
    """Yield the event of each record.

    Events without an index are counted; either all of them have one or none. An event without a
    time is at 0.
    """
    counted = False
    for count, (line, record) in enumerate(records):
        if not isinstance(record, dict):
            fail(line, f"an event is a map, not {quoted(record)}")
        if count == 0:
            _require_event(line, record)
            counted = record.get("index") is None
        if not counted:
            index = _integer(line, record, "index")
        elif record.get("index") is None:
            index = count
        else:
            fail(line, '"index" is missing in the first event: all events need one, or none')
        time = 0 if record.get("time") is None else _integer(line, record, "time")
        yield line, _event(line, record, index, time)


def _event(line: int, record: dict[str, Json], index: int, time: int) -> Event:
    process = record.get("process")
    if process != NEMESIS and (isinstance(process, bool) or not isinstance(process, int)):
        fail(line, f'"process" must be a number or "{NEMESIS}", not {quoted(process)}')
    kind = record.get("type")
    if kind not in EVENT_TYPES:
        fail(line, f'"type" must be one of {", ".join(EVENT_TYPES)}, not {quoted(kind)}')
    function = record.get("f")
    if not isinstance(function, str):
        fail(line, f'"f" must be a text, not {quoted(function)}')
    node = record.get("node")
    return Event(
        index=index,
        time=time,
        process=process,
        type=str(kind),
        f=function,
        key=record.get("key"),
        value=record.get("value"),
        error=record.get("error"),
        node=node if isinstance(node, str) else None,
        is_final=any(record.get(name) is True for name in _FINAL),
    )


def _integer(line: int, record: dict[str, Json], name: str) -> int:
    value = record.get(name)
    if isinstance(value, bool) or not isinstance(value, int):
        fail(line, f'"{name}" must be an integer, not {quoted(value)}')
    return value


def _require_event(line: int, record: dict[str, Json]) -> None:
    """Refuse a record that is something else than an event, and name it."""
    if not record.keys().isdisjoint(("process", "type", "f")):
        return
    if not record.keys().isdisjoint(("valid", "valid?")):
        fail(
            line,
            "these are the results of a test, not its history, which is in history.jsonl or "
            "history.edn beside them",
        )
    fields = ", ".join(map(quoted, list(record)[:5])) or "no field at all"
    fail(line, f'"process" must be there, as well as "type" and "f": this has {fields}')
