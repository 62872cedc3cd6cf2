"""The console of a run under way: plain lines, and one live line on a terminal."""

import os
import shutil
from typing import TextIO

from vsr_node.bench.nodes.log_file import LogFile

CLEAR_LINE = "\r\x1b[K"


class Console:
    """Prints lines, and keeps one live line below them if the stream is a terminal that can."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self.is_terminal = stream.isatty() and os.environ.get("TERM") != "dumb"
        self._log: LogFile | None = None
        self._status = ""

    def log_to(self, log: LogFile | None) -> None:
        """Write the lines to ``log``, too, from now on; None ends that."""
        self._log = log

    def say(self, text: str) -> None:
        """Print whole lines."""
        if self._log is not None:
            self._log.write(text.encode() + b"\n")
        clear = CLEAR_LINE if self._status else ""
        self._write(f"{clear}{text}\n{self._status}")

    def show_status(self, text: str) -> None:
        """Replace the live line; "" removes it. Does nothing without a terminal."""
        if self.is_terminal and text != self._status:
            width = shutil.get_terminal_size().columns - 1
            self._status = text[:width]
            self._write(CLEAR_LINE + self._status)

    def _write(self, text: str) -> None:
        """Write. A reader that has gone (``| head``) does not stop a run."""
        try:
            self._stream.write(text)
            self._stream.flush()
        except BrokenPipeError:
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, self._stream.fileno())
            os.close(nowhere)
