"""The stderr of nodes: kept line by line, each with the time at which it came."""

from collections import deque
from collections.abc import Callable
from pathlib import Path

from vsr_node.bench.nodes.log_file import LogFile
from vsr_node.bench.nodes.loop import NANOSECONDS_PER_SECOND, Clock

NANOSECONDS_PER_MICROSECOND = 1000
LINES_REMEMBERED = 12
LINE_BYTES_MAX = 1 << 16
"""A longer line is written in pieces."""


class NodeLogs:
    """The logs of a group: a file ``NAME.log`` for each node, in one folder.

    A line is ``[    1.234567] text``, with the seconds since the run began. ``say`` prints each
    line, too; None prints nothing.
    """

    def __init__(
        self, folder: Path, clock: Clock, say: Callable[[str], None] | None = None
    ) -> None:
        self._folder = folder
        self._clock = clock
        self._say = say
        self._files: dict[str, LogFile] = {}
        self._partial: dict[str, bytes] = {}
        self._last: dict[str, deque[bytes]] = {}

    def open(self, node: str) -> None:
        """Begin the log of a node; a node that starts again goes on in its log."""
        if node not in self._files:
            self._files[node] = LogFile(self._folder / f"{node}.log")
            self._partial[node] = b""
            self._last[node] = deque(maxlen=LINES_REMEMBERED)

    def take(self, node: str, data: bytes) -> None:
        """Take what a node has written just now."""
        *lines, partial = (self._partial[node] + data).split(b"\n")
        if len(partial) > LINE_BYTES_MAX:
            lines.append(partial)
            partial = b""
        self._partial[node] = partial
        self._write(node, lines)

    def end_line(self, node: str) -> None:
        """Write the line that a node began and did not end."""
        if self._partial[node]:
            self.take(node, b"\n")

    def _write(self, node: str, lines: list[bytes]) -> None:
        seconds, rest_ns = divmod(self._clock(), NANOSECONDS_PER_SECOND)
        stamp = b"[%5d.%06d] " % (seconds, rest_ns // NANOSECONDS_PER_MICROSECOND)
        self._files[node].write(b"".join(b"%b%b\n" % (stamp, line) for line in lines))
        self._last[node].extend(lines)
        if self._say is not None:
            for line in lines:
                self._say(f"{node}: {_text(line)}")

    def last_lines(self, node: str) -> list[str]:
        """Return the last lines of a node, without their times."""
        return [_text(line) for line in self._last.get(node, ())]

    def flush(self) -> None:
        """Hand everything written so far to the system."""
        for file in self._files.values():
            file.flush()

    def close(self) -> None:
        """Close all files; a second call does nothing."""
        for file in self._files.values():
            file.close()


def _text(line: bytes) -> str:
    return line.decode(errors="backslashreplace")
