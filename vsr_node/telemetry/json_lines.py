"""Events as JSON Lines, each with ``event``, ``at_us``, ``measurements`` and ``metadata``."""

import os
from collections.abc import Iterator
from pathlib import Path

import orjson

from .catalogue import EVENTS, KINDS, EventKind
from .common import COUNT, NANOSECONDS_PER_MICROSECOND
from .turns import OPERATION_START, OPERATION_STOP, Turn, executed, makers_of


def _template(kind: EventKind, number: bytes = b"%d") -> bytes:
    """Return the line of an event, whose values and common metadata are to be filled in."""
    name = orjson.dumps(kind.name)
    measurements = b",".join(orjson.dumps(each) + b":" + number for each in kind.measurements)
    own = b"".join(orjson.dumps(each) + b":%b," for each in kind.metadata)
    line = b'{"event":%b,"at_us":%b,"measurements":{%b},"metadata":{%b%%b}}\n'
    return line % (name, number, measurements, own)


TEMPLATES = {kind.name: _template(kind) for kind in EVENTS}

OPERATION_NAMES = frozenset({OPERATION_START, OPERATION_STOP})

PAIR = b"".join(_template(KINDS[name], b"%%d") for name in (OPERATION_START, OPERATION_STOP))
"""The two lines of an operation: texts are filled in first, then numbers."""


def _executed(turn: Turn, common: bytes) -> Iterator[bytes]:
    """Yield the two lines of each operation: most events are of operations."""
    kind_of, (count,) = turn.kind_of, COUNT
    pairs: dict[str, bytes] = {}
    for operation, began_ns, ended_ns in turn.spans:
        kind = kind_of(operation)
        pair = pairs.get(kind)
        if pair is None:
            text, rest = orjson.dumps(kind).replace(b"%", b"%%"), common.replace(b"%", b"%%")
            pair = pairs[kind] = PAIR % (text, rest, text, rest)
        began_at = began_ns // NANOSECONDS_PER_MICROSECOND
        ended_at = ended_ns // NANOSECONDS_PER_MICROSECOND
        yield pair % (began_at, count, ended_at, ended_at - began_at)


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
            if make is executed and names >= OPERATION_NAMES:
                lines += _executed(turn, common)
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
