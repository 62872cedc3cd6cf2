"""Events as JSON Lines, each with ``event``, ``at_us``, ``measurements`` and ``metadata``."""

import os
from pathlib import Path

import orjson

from .catalogue import EVENTS, EventKind
from .common import COUNT, NANOSECONDS_PER_MICROSECOND
from .notes import OPERATION_START, OPERATION_STOP, Executions, Turn


def _template(kind: EventKind) -> bytes:
    """Return the line of an event, whose values and common metadata are to be filled in."""
    name = orjson.dumps(kind.name)
    measurements = b",".join(orjson.dumps(each) + b":%d" for each in kind.measurements)
    own = b"".join(orjson.dumps(each) + b":%b," for each in kind.metadata)
    line = b'{"event":%b,"at_us":%%d,"measurements":{%b},"metadata":{%b%%b}}\n'
    return line % (name, measurements, own)


TEMPLATES = {kind.name: _template(kind) for kind in EVENTS}

OPERATION_NAMES = frozenset({OPERATION_START, OPERATION_STOP})
PAIR = TEMPLATES[OPERATION_START] + TEMPLATES[OPERATION_STOP]
"""The lines of an operation, as most events are of operations."""


def _pairs(executions: Executions, common: bytes) -> list[bytes]:
    """Return the two lines of each operation."""
    lines: list[bytes] = []
    kinds: dict[str, bytes] = {}
    kind_of, (count,) = executions.kind_of, COUNT
    for operation, began_ns, ended_ns in executions.spans:
        name = kind_of(operation)
        kind = kinds.get(name)
        if kind is None:
            kind = kinds[name] = orjson.dumps(name)
        began_at = began_ns // NANOSECONDS_PER_MICROSECOND
        ended_at = ended_ns // NANOSECONDS_PER_MICROSECOND
        duration_us = ended_at - began_at
        lines.append(PAIR % (began_at, count, kind, common, ended_at, duration_us, kind, common))
    return lines


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
        for note in turn.notes:
            if type(note) is Executions and names >= OPERATION_NAMES:
                lines += _pairs(note, common)
                continue
            for name, at_us, measurements, own in note.rows():
                if name in names:
                    line = TEMPLATES[name] % (at_us, *measurements, *map(dumps, own), common)
                    lines.append(line)
        data = memoryview(b"".join(lines))
        while data:
            data = data[os.write(self._file, data) :]

    def close(self) -> None:
        """Close the file."""
        os.close(self._file)
