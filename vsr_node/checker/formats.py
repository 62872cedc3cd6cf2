"""Reads histories from files in four formats.

- JSON Lines, an ``Event`` a line: the format of the bench.
- EDN, a map an event: ``{:process 0, :type :invoke, :f :get, :key "7", :value nil}``.
- ``history.edn`` of Jepsen and Maelstrom: the same, also with records such as
  ``#jepsen.history.Op{...}``; an operation on one of many keys has ``[key value]`` as its value.
- Jepsen's log: ``INFO  jepsen.util - 3	:invoke	:cas	[1 2]``, with tabs between the columns.
"""

import json
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NoReturn

from vsr_node.checker.edn import EdnError, Keyword, read_form, read_records
from vsr_node.checker.history import (
    EVENT_TYPES,
    NEMESIS,
    Event,
    HistoryError,
    Json,
    pair_operations,
)

_LOG_EVENT = re.compile(
    r"(?:^|\s)(?P<process>\d+|:[\w-]+)\s*\t\s*:(?P<type>invoke|ok|fail|info)\s*\t\s*"
    r":(?P<f>[^\s\t]+)(?:\s*\t(?P<value>[^\t]*))?(?:\t(?P<error>.*))?$"
)
_SHOWN_MAX = 80
"""How many characters of the wrong text a message quotes."""

_LOG_LINE = re.compile(r"(TRACE|DEBUG|INFO|WARN|ERROR)\b")
_LOG_OF_EVENTS = "jepsen.util"


def load_history(path: str | Path) -> list[Event]:
    """Read the events of a file in one of the formats above, recognized by its beginning.

    Raises OSError if the file can't be read, and HistoryError, with a line number, if it is
    malformed, has no events, or its events don't fit together (see ``pair_operations``).
    """
    numbered = list(_parse(_decode(Path(path).read_bytes())))
    events = [event for _, event in numbered]
    if not events:
        raise HistoryError("there are no events in it")
    try:
        pair_operations(events)
    except HistoryError as error:
        line = next(line for line, event in numbered if event is error.event)
        raise HistoryError(f"line {line}: {error}") from None
    return events


def _decode(content: bytes) -> str:
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise HistoryError(f"line {line}: this is not UTF-8") from None


def _parse(text: str) -> Iterator[tuple[int, Event]]:
    beginning = text.lstrip()[:100]
    if re.match(r'\{\s*"', beginning):
        return _parse_json_lines(text)
    if beginning.startswith(("{", "[", "(", "#", ";")):
        return _jepsen_events(_parse_edn(text))
    return _jepsen_events(_parse_log(text))


# --- JSON Lines ----------------------------------------------------------------------------------


def _parse_json_lines(text: str) -> Iterator[tuple[int, Event]]:
    # Not splitlines(), which also splits at characters that JSON allows inside of strings.
    for line, content in enumerate(text.split("\n"), start=1):
        if not content.strip():
            continue
        try:
            record = json.loads(content, parse_constant=_refuse_constant)
        except (ValueError, RecursionError) as error:
            _fail(line, f"this is not JSON: {error}")
        if not isinstance(record, dict):
            _fail(line, "an event is a JSON object")
        yield line, _event(line, record, None)


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not a JSON number")


def _event(line: int, record: dict[str, Json], index: int | None) -> Event:
    """Return the event of a record; ``index`` is used if the record has none."""
    time = _integer(line, record, "time", None if index is None else 0)
    index = _integer(line, record, "index", index)
    process = record.get("process")
    if process != NEMESIS and (isinstance(process, bool) or not isinstance(process, int)):
        _fail(line, f'"process" must be a number or "{NEMESIS}", not {_shown(process)}')
    kind = record.get("type")
    if kind not in EVENT_TYPES:
        _fail(line, f'"type" must be one of {", ".join(EVENT_TYPES)}, not {_shown(kind)}')
    function = record.get("f")
    if not isinstance(function, str):
        _fail(line, f'"f" must be a text, not {_shown(function)}')
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
    )


def _integer(line: int, record: dict[str, Json], name: str, default: int | None) -> int:
    value = record.get(name, default)
    if isinstance(value, bool) or not isinstance(value, int):
        _fail(line, f'"{name}" must be an integer, not {_shown(value)}')
    return value


# --- EDN -----------------------------------------------------------------------------------------


def _parse_edn(text: str) -> Iterator[tuple[int, Event]]:
    try:
        for index, (line, record) in enumerate(read_records(text)):
            if not isinstance(record, dict):
                _fail(line, f"an event is a map, not {_shown(record)}")
            yield line, _event(line, record, index)
    except EdnError as error:
        _fail(error.line, str(error))


# --- Jepsen's log --------------------------------------------------------------------------------


def _parse_log(text: str) -> Iterator[tuple[int, Event]]:
    index = 0
    for line, content in enumerate(text.split("\n"), start=1):
        match = _LOG_EVENT.search(content.rstrip("\r"))
        if match is not None:
            yield line, _log_event(line, match, index)
            index += 1
        elif content.strip() and not _is_other_log(content):
            _fail(
                line,
                "this is not an event of Jepsen's log, such as (with tabs) "
                f"INFO  jepsen.util - 3 :invoke :write 1, but {_shown(content)}",
            )


def _log_event(line: int, match: re.Match[str], index: int) -> Event:
    process, value = match["process"], match["value"]
    if not process.isdigit():
        return Event(index, 0, NEMESIS, match["type"], match["f"], value=value)
    try:
        parsed = None if value is None or not value.strip() else read_form(value)
    except EdnError as error:
        _fail(line, f"{error}: {_shown(value)}")
    try:
        number = int(process)
    except ValueError as error:  # Python limits the digits of an integer.
        _fail(line, str(error))
    return Event(index, 0, number, match["type"], match["f"], value=parsed, error=match["error"])


def _is_other_log(content: str) -> bool:
    return _LOG_OF_EVENTS not in content and _LOG_LINE.match(content) is not None


# --- What Jepsen's formats have in common --------------------------------------------------------


def _jepsen_events(numbered: Iterable[tuple[int, Event]]) -> Iterator[tuple[int, Event]]:
    """Move errors and keys to fields of their own: Jepsen keeps them in the value.

    A keyword as the value of a failed or unknown operation is its error. If every operation's value
    is a pair, and that of a cas contains another pair, the pairs are ``[key value]``.
    """
    events = [(line, _with_error(event)) for line, event in numbered]
    calls = [event for _, event in events if event.process != NEMESIS and event.type == "invoke"]
    # A read asks for nothing, so its invocation is the clearest sign; next a cas, next a write.
    telling = (
        [event for event in calls if event.f in ("read", "get")]
        or [event for event in calls if event.f == "cas"]
        or calls
    )
    keyed = bool(telling) and _is_keyed(telling[0])
    for line, event in events:
        if event.process == NEMESIS or not keyed or event.key is not None:
            yield line, event
        elif isinstance(event.value, list) and len(event.value) == 2:
            key, value = event.value
            yield line, event._replace(key=key, value=value)
        elif event.type in ("fail", "info") and event.value is None:
            yield line, event
        else:
            _fail(line, f"[key value] is needed, as elsewhere, not {_shown(event.value)}")


def _with_error(event: Event) -> Event:
    if event.type in ("fail", "info") and isinstance(event.value, Keyword):
        return event._replace(value=None, error=event.error or event.value)
    return event


def _is_keyed(call: Event) -> bool:
    """Return whether the value of an invocation is ``[key value]``."""
    if call.key is not None or not isinstance(call.value, list) or len(call.value) != 2:
        return False
    return call.f != "cas" or isinstance(call.value[1], list)


def _fail(line: int, message: str) -> NoReturn:
    raise HistoryError(f"line {line}: {message}")


def _shown(value: Json) -> str:
    text = json.dumps(value)
    return text if len(text) <= _SHOWN_MAX else f"{text[:_SHOWN_MAX]}..."
