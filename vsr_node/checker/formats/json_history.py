"""JSON: an event a line, an array of events, or an object with them as its ``history``."""

import json
import re
from bisect import bisect_right
from collections.abc import Iterator
from itertools import chain
from typing import NoReturn

from vsr_node.checker.formats.jepsen_values import with_jepsen_values
from vsr_node.checker.formats.records import fail, record_events, unwrapped
from vsr_node.checker.history import Event, Json


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not a JSON number")


_DECODER = json.JSONDecoder(parse_constant=_refuse_constant)
_BLANKS = re.compile(r"[ \t\r\n]*")


def begins_like_json(text: str) -> bool:
    """Return whether a text begins with an object of JSON, or with an array of them."""
    return re.match(r'\s*(?:\[\s*)?\{\s*"', text) is not None


def json_events(text: str) -> Iterator[tuple[int, Event]]:
    """Yield the events of a text, each with the number of its line.

    Events without a field for the key may have it in their values, as Jepsen's have.
    """
    records = unwrapped(_records(text))
    first = next(records, None)
    if first is None:
        return iter(())
    _, record = first
    events = record_events(chain((first,), records))
    return events if isinstance(record, dict) and "key" in record else with_jepsen_values(events)


def _records(text: str) -> Iterator[tuple[int, Json]]:
    beginning = _after_blanks(text, 0)
    if text[beginning] == "[":
        return _elements(text, beginning)
    try:
        _, end = _DECODER.raw_decode(text, beginning)
    except (ValueError, RecursionError):
        return _lines(text)
    return _values(text) if "\n" in text[beginning:end] else _lines(text)


def _lines(text: str) -> Iterator[tuple[int, Json]]:
    """Yield the value of each line."""
    # Not splitlines(), which also splits at characters that JSON allows inside strings.
    lines = text.rstrip().split("\n")
    for line, content in enumerate(lines, start=1):
        if not content or content.isspace():
            continue
        try:
            yield line, _DECODER.decode(content)
        except (ValueError, RecursionError) as error:
            _fail(line, str(error), is_last=line == len(lines))


def _values(text: str) -> Iterator[tuple[int, Json]]:
    """Yield values that may span several lines."""
    reader = _Reader(text, 0)
    while reader.next_character:
        yield reader.value()


def _elements(text: str, beginning: int) -> Iterator[tuple[int, Json]]:
    """Yield the elements of the array that begins at a place."""
    reader = _Reader(text, beginning)
    reader.skip("[")
    if reader.next_character != "]":
        yield reader.value()
        while reader.next_character == ",":
            reader.skip(",")
            yield reader.value()
    reader.skip("]")
    reader.skip("")


class _Reader:
    """Values and delimiters one after another, with their lines."""

    def __init__(self, text: str, place: int) -> None:
        self._text = text
        self._place = _after_blanks(text, place)
        self._newlines = [match.start() for match in re.finditer("\n", text)]

    @property
    def next_character(self) -> str:
        """The first character that has not been read, "" at the end of the text."""
        return self._text[self._place : self._place + 1]

    def skip(self, delimiter: str) -> None:
        """Skip a delimiter, which must come next; "" is the end of the text."""
        found = self.next_character
        if found != delimiter:
            self._fail(f"{delimiter or 'the end'} is needed, not {found or 'the end'}")
        self._place = _after_blanks(self._text, self._place + len(delimiter))

    def value(self) -> tuple[int, Json]:
        """Return the line of the next value, and the value."""
        line = self._line()
        try:
            value, end = _DECODER.raw_decode(self._text, self._place)
        except (ValueError, RecursionError) as error:
            self._fail(str(error))
        self._place = _after_blanks(self._text, end)
        return line, value

    def _line(self) -> int:
        return bisect_right(self._newlines, self._place) + 1

    def _fail(self, message: str) -> NoReturn:
        is_last = "\n" not in self._text[self._place :].rstrip()
        _fail(self._line(), message, is_last)


def _after_blanks(text: str, place: int) -> int:
    match = _BLANKS.match(text, place)
    return place if match is None else match.end()


def _fail(line: int, message: str, is_last: bool) -> NoReturn:
    hint = "; this is the last line, so the file may be cut off" if is_last else ""
    fail(line, f"this is not JSON: {message}{hint}")
