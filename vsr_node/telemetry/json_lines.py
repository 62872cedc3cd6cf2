"""Events as JSON Lines, each with ``event``, ``at_us``, ``measurements`` and ``metadata``."""

import os
from pathlib import Path

import orjson

from .dispatch import Event


class JsonLines:
    """A handler that appends each event to a file: at the end of a turn, in one write.

    Raises OSError, from ``flush`` too, if it can't be written; so its telemetry detaches it.
    """

    def __init__(self, path: Path) -> None:
        self._file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o666)
        self._lines: list[bytes] = []

    def __call__(self, event: Event) -> None:
        """Take an event."""
        name, at_us, measurements, metadata = event
        self._lines.append(
            orjson.dumps(
                {
                    "event": name,
                    "at_us": at_us,
                    "measurements": measurements,
                    "metadata": metadata,
                },
                option=orjson.OPT_APPEND_NEWLINE,
            )
        )

    def flush(self) -> None:
        """Write what has come since the last flush."""
        if not self._lines:
            return
        data = memoryview(b"".join(self._lines))
        self._lines.clear()
        while data:
            data = data[os.write(self._file, data) :]

    def close(self) -> None:
        """Write the rest and close the file."""
        try:
            self.flush()
        finally:
            os.close(self._file)
