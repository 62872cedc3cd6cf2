"""The stderr of the nodes, as the bench has stored it: a file a node, a time before each line."""

import re
from collections import deque
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

FOLDER = "node-logs"
LINES_MAX = 20_000
"""How many lines a page holds: of more it has the last ones, and those around a violation."""

LINE_SHOWN_BYTES = 400

_STAMP = re.compile(rb"\[ *(\d+)\.(\d{6})\] ")
_ALARM = re.compile(
    rb"\b(error|exception|fatal|panic(ked)?|traceback|assert\w*|violat\w+|corrupt\w*)\b",
    re.IGNORECASE,
)


class LogLine(NamedTuple):
    """A line of a node's log."""

    time: int
    """When it came, in nanoseconds since the run began; -1 if the log has no times."""
    node: str
    text: str
    alarming: bool
    """Whether it speaks of an error."""


def load_node_logs(folder: Path, focus: Sequence[tuple[int, int]]) -> list[LogLine]:
    """Load the logs in a folder, in order of time; empty if there is no such folder.

    All lines that came in ``focus`` (nanoseconds) are among them.
    """
    paths = sorted(path for path in folder.glob("*.log") if path.is_file())
    each_max = LINES_MAX // max(1, len(paths))
    lines = [line for path in paths for line in _kept(path, focus, each_max)]
    return sorted(lines, key=lambda line: line.time)


def _kept(path: Path, focus: Sequence[tuple[int, int]], lines_max: int) -> Iterator[LogLine]:
    """Yield the lines in focus that are not among the last ones, and the last ones."""
    last: deque[LogLine] = deque()
    for line in _lines(path):
        last.append(line)
        if len(last) > lines_max:
            oldest = last.popleft()
            if any(begin <= oldest.time <= end for begin, end in focus):
                yield oldest
    yield from last


def _lines(path: Path) -> Iterator[LogLine]:
    with path.open("rb") as file:
        for line in file:
            stamp = _STAMP.match(line)
            time = -1
            if stamp is not None:
                time = (int(stamp[1]) * 1_000_000 + int(stamp[2])) * 1000
                line = line[stamp.end() :]
            text = line[:LINE_SHOWN_BYTES].decode("utf-8", "backslashreplace").rstrip("\r\n")
            yield LogLine(time, path.stem, text, _ALARM.search(line) is not None)
