"""Events as JSON Lines, each with ``event``, ``at_us``, ``measurements`` and ``metadata``."""

import os
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import orjson

from .catalogue import EVENTS, KINDS, EventKind
from .common import COUNT, NANOSECONDS_PER_MICROSECOND
from .requests import READ_ANSWERED, START, STOP, started, stopped
from .turns import OPERATION_START, OPERATION_STOP, Make, Turn, executed, makers_of

NUMBER, TEXT = b"%d", b"%b"
LATER_NUMBER, LATER_TEXT = b"%%d", b"%%b"
"""What is filled in by a second step, when all that many lines have in common is there."""


def _template(kind: EventKind, number: bytes = NUMBER, **places: bytes) -> bytes:
    """Return the line of an event, whose values and common metadata are to be filled in.

    ``places`` are those of metadata that are no ``TEXT``.
    """
    name = orjson.dumps(kind.name)
    measurements = b",".join(orjson.dumps(each) + b":" + number for each in kind.measurements)
    own = b"".join(
        orjson.dumps(each) + b":" + places.get(each, TEXT) + b"," for each in kind.metadata
    )
    line = b'{"event":%b,"at_us":%b,"measurements":{%b},"metadata":{%b%%b}}\n'
    return line % (name, number, measurements, own)


TEMPLATES = {kind.name: _template(kind) for kind in EVENTS}

OF_OPERATION = b"".join(
    _template(KINDS[name], LATER_NUMBER) for name in (OPERATION_START, OPERATION_STOP)
)
"""Both lines of an operation."""

OF_START, OF_STOP = (
    _template(KINDS[name], LATER_NUMBER, client=LATER_TEXT, request_number=LATER_NUMBER)
    for name in (START, STOP)
)


def _executed(turn: Turn, common: bytes) -> Iterator[bytes]:
    """Yield the lines of all operations."""
    kind_of, (count,), rest = turn.kind_of, COUNT, _escaped(common)
    templates: dict[str, bytes] = {}
    for operation, began_ns, ended_ns in turn.spans:
        kind = kind_of(operation)
        template = templates.get(kind)
        if template is None:
            text = _escaped(orjson.dumps(kind))
            template = templates[kind] = OF_OPERATION % (text, rest, text, rest)
        began_at = began_ns // NANOSECONDS_PER_MICROSECOND
        ended_at = ended_ns // NANOSECONDS_PER_MICROSECOND
        yield template % (began_at, count, ended_at, ended_at - began_at)


def _started(turn: Turn, common: bytes) -> Iterator[bytes]:
    """Yield the lines of all requests that were taken."""
    dumps, rest = orjson.dumps, _escaped(common)
    templates: dict[object, bytes] = {}
    for _, at_us, (size,), (client, request_number, kind) in started(turn):
        template = templates.get(kind)
        if template is None:
            template = templates[kind] = OF_START % (_escaped(dumps(kind)), rest)
        yield template % (at_us, size, dumps(client), request_number)


def _stopped(turn: Turn, common: bytes) -> Iterator[bytes]:
    """Yield the lines of all requests that ended."""
    dumps, rest = orjson.dumps, _escaped(common)
    templates: dict[object, bytes] = {}
    for name, at_us, measurements, own in stopped(turn):
        if name != STOP:
            yield TEMPLATES[name] % (at_us, *measurements, common)
            continue
        client, request_number, *words = own
        key = tuple(words)
        template = templates.get(key)
        if template is None:
            texts = (_escaped(dumps(word)) for word in words)
            template = templates[key] = OF_STOP % (*texts, rest)
        yield template % (at_us, *measurements, dumps(client), request_number)


def _escaped(text: bytes) -> bytes:
    """Return a text that the first step fills in, and the second leaves as it is."""
    return text.replace(b"%", b"%%")


WRITERS: Mapping[Make, tuple[Callable[[Turn, bytes], Iterator[bytes]], frozenset[str]]] = {
    executed: (_executed, frozenset({OPERATION_START, OPERATION_STOP})),
    started: (_started, frozenset({START})),
    stopped: (_stopped, frozenset({STOP, READ_ANSWERED})),
}
"""What writes the most frequent events faster, if all of them are to be written."""


class JsonLines:
    """A handler that appends events to a file, those of a turn in one write.

    Raises OSError if it can't write; so its telemetry detaches it.
    """

    def __init__(self, path: Path) -> None:
        self._file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o666)

    def take_turn(self, turn: Turn, names: frozenset[str]) -> None:
        """Write the events of a turn."""
        dumps = orjson.dumps
        # What all have in common becomes text once.
        common = dumps(turn.replica)[1:-1]
        lines: list[bytes] = []
        for make in makers_of(names):
            write, written = WRITERS.get(make, (None, names))
            if write is not None and names >= written:
                lines += write(turn, common)
                continue
            for name, at_us, measurements, own in make(turn):
                if name in names:
                    line = TEMPLATES[name] % (at_us, *measurements, *map(dumps, own), common)
                    lines.append(line)
        data = memoryview(b"".join(lines))
        while data:
            data = data[os.write(self._file, data) :]

    def close(self) -> None:
        """Close the file."""
        os.close(self._file)
