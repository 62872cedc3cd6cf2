"""Events as JSON Lines, each with ``event``, ``at_us``, ``measurements`` and ``metadata``."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

import orjson

from .dispatch import Noted


class JsonLines:
    """A handler that appends events to a file, those of a turn in one write.

    Raises OSError if it can't write; so its telemetry detaches it.
    """

    def __init__(self, path: Path) -> None:
        self._file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o666)

    def take_turn(self, events: Sequence[Noted], replica: Mapping[str, object]) -> None:
        """Write the events of a turn."""
        dumps = orjson.dumps
        # What all have in common becomes text once.
        common = dumps(replica)[:-1]
        lines = []
        for name, at_us, measurements, own in events:
            metadata = b"%b,%b" % (common, dumps(own)[1:]) if own else common + b"}"
            line = b'{"event":"%b","at_us":%d,"measurements":%b,"metadata":%b}\n'
            lines.append(line % (name.encode(), at_us, dumps(measurements), metadata))
        data = memoryview(b"".join(lines))
        while data:
            data = data[os.write(self._file, data) :]

    def close(self) -> None:
        """Close the file."""
        os.close(self._file)
