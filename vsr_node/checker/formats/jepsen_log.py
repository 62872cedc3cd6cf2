"""Jepsen's logs, and its ``history.txt``.

An operation is a line of its process, type, function, value and error, with tabs or blanks between
them. In a log the logger's name comes before it, as Jepsen has written it over the years:

    INFO  jepsen.util - 0	:invoke	:read	nil
    INFO [2019-05-06 07:08:09,001] jepsen worker 0 - jepsen.util 0	:invoke	:read	nil
    2023-04-05 10:11:12,001{GMT}	INFO	[jepsen worker 0] jepsen.util: 0	:invoke	:read	nil

Everything else in a log is no operation: what others log, maps and errors of several lines, stack
traces, the output of nodes.
"""

import re
from collections.abc import Iterator

from vsr_node.checker.edn import EdnError, read_first_form, read_form
from vsr_node.checker.formats.jepsen_values import with_jepsen_values
from vsr_node.checker.formats.records import fail, quoted
from vsr_node.checker.history import NEMESIS, Event, Json

_TIME = r"(?:\d{4}-\d\d-\d\d\S*[ \t]+(?:\d\d:\d\d\S*[ \t]+)?)?"
_LEVEL = r"(?:TRACE|DEBUG|INFO|WARN|ERROR|FATAL)\b"
_THREAD = r"(?:\[[^\]]*\][ \t]+)?(?:(?:(?!\s-\s).)*\s-[ \t]+)?"
_LOGGER = rf"(?:.*?[\s|])??{_TIME}{_LEVEL}(?:[ \t]+{_THREAD}jepsen\.util(?:[ \t]+-|:)?|:)[ \t]+"

_LOG_LINE = re.compile(rf"^(?:{_TIME}{_LEVEL})", re.MULTILINE)
_EVENT = re.compile(
    rf"^(?:{_LOGGER}|[ \t]*)(?P<process>\d+|:[\w-]+)[ \t]+:(?P<type>invoke|ok|fail|info)"
    r"[ \t]+:(?P<f>\S+)(?P<rest>.*)",
    re.MULTILINE,
)
_LIKE_AN_EVENT = re.compile(
    rf"{_LOGGER}(?:\d+|:nemesis)[ \t]*(?:[ \t]:.*)?$|(?:\d+|:nemesis)\t:(?:[a-z]*$|[a-z]+\t)"
)


def has_log_events(text: str) -> bool:
    """Return whether a line of a text is an operation as logs have it."""
    return _EVENT.search(text) is not None


def has_log_lines(text: str) -> bool:
    """Return whether a line of a text is a log's, such as ``INFO [...] ...``."""
    return _LOG_LINE.search(text) is not None


def log_events(text: str) -> Iterator[tuple[int, Event]]:
    """Yield the events of a log, each with the number of its line."""
    return with_jepsen_values(_logged(text))


def _logged(text: str) -> Iterator[tuple[int, Event]]:
    index = 0
    for line, ended_content in enumerate(text.split("\n"), start=1):
        content = ended_content.rstrip("\r")
        match = _EVENT.match(content)
        if match is not None:
            yield line, _event(line, index, match)
            index += 1
        elif _LIKE_AN_EVENT.match(content) is not None:
            fail(
                line,
                "an operation is its process, type, f and value, such as 3 :invoke :write 1, "
                f"with blanks between them; this one is wrong or cut off: {quoted(content)}",
            )


def _event(line: int, index: int, match: re.Match[str]) -> Event:
    process, kind, f, rest = match["process"], match["type"], match["f"], match["rest"]
    if not process.isdecimal():
        value = rest.strip().partition("\t")[0]
        return Event(index, 0, NEMESIS, kind, f, value=value or None)
    value, error = _value_and_error(line, kind, rest)
    try:
        return Event(index, 0, int(process), kind, f, value=value, error=error)
    except ValueError as problem:  # Python bounds the digits of an integer.
        fail(line, str(problem))


def _value_and_error(line: int, kind: str, rest: str) -> tuple[Json, Json]:
    """Return the value and the error in the rest of a line; None if there is none."""
    if not rest.strip():
        return None, None
    try:
        value, after = read_first_form(rest)
    except EdnError as error:
        fail(line, f"{error}: {quoted(rest.strip())}")
    if after.strip() and kind in ("invoke", "ok") and not after.startswith("\t"):
        fail(line, f"an operation has one value, not {quoted(rest.strip())}")
    return value, _error(after.strip())


def _error(text: str) -> Json:
    if not text:
        return None
    try:
        return read_form(text)
    except EdnError:
        return text
