"""Files that grow line by line."""

from pathlib import Path
from typing import BinaryIO

BUFFER_BYTES = 1 << 20


class LogFile:
    """A file that grows line by line. It is written in large pieces; ``flush`` writes the rest."""

    def __init__(self, path: Path) -> None:
        self._file: BinaryIO = path.open("wb", buffering=BUFFER_BYTES)
        self.write = self._file.write
        self.flush = self._file.flush
        self.close = self._file.close
