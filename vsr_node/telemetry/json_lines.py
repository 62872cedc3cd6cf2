"""Events as JSON Lines, each with ``event``, ``at_us``, ``measurements`` and ``metadata``."""

import os
from pathlib import Path

import orjson

from .catalogue import EVENTS, EventKind
from .notes import Turn


def _template(kind: EventKind) -> bytes:
    """Return the line of an event, whose values and common metadata are to be filled in."""
    name = orjson.dumps(kind.name)
    measurements = b",".join(orjson.dumps(each) + b":%d" for each in kind.measurements)
    own = b"".join(orjson.dumps(each) + b":%b," for each in kind.metadata)
    line = b'{"event":%b,"at_us":%%d,"measurements":{%b},"metadata":{%b%%b}}\n'
    return line % (name, measurements, own)


TEMPLATES = {kind.name: _template(kind) for kind in EVENTS}


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
        lines = [
            TEMPLATES[name] % (at_us, *measurements, *map(dumps, own), common)
            for name, at_us, measurements, own in turn.rows_named(names)
        ]
        data = memoryview(b"".join(lines))
        while data:
            data = data[os.write(self._file, data) :]

    def close(self) -> None:
        """Close the file."""
        os.close(self._file)
