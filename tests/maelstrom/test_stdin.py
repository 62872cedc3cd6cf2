"""How a node reads long lines: completely, or not at all, in time that grows with their length."""

import os
import time
from collections.abc import Sequence
from random import Random

import pytest

from vsr_node.maelstrom.node import Node
from vsr_node.maelstrom.options import Options
from vsr_node.maelstrom.process import READ_SIZE, Stdin
from vsr_node.wire.json_body import LINE_LENGTH_MAX

MEGABYTE = 1 << 20


class Input:
    """Stands in for stdin: each read gets as much as a pipe holds."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._waiting = memoryview(b"")
        self.logged: list[str] = []
        node = Node(random=Random(1), log=self.logged.append, write=print, options=Options())
        monkeypatch.setattr(os, "readv", self._readv)
        self.stdin = Stdin(node)

    def _readv(self, _descriptor: int, buffers: Sequence[memoryview]) -> int:
        piece = self._waiting[:READ_SIZE]
        self._waiting = self._waiting[READ_SIZE:]
        buffers[0][: len(piece)] = piece
        return len(piece)

    def lines_of(self, data: bytes) -> list[bytes]:
        """All lines that are read while ``data`` comes in."""
        self._waiting = memoryview(data)
        lines = []
        while self._waiting:
            lines += self.stdin.read_lines() or []
        return lines


def test_long_and_short_lines_come_as_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    source = Input(monkeypatch)
    long = bytes(range(32, 127)) * 5_000
    sent = [b"a", b"", long, b"b" * (READ_SIZE - 1), b"c", long, b"d"]
    assert source.lines_of(b"\n".join(sent) + b"\n") == sent
    assert source.lines_of(b"begun") == []
    assert source.lines_of(b" and ended\n") == [b"begun and ended"]


def test_a_line_that_is_too_long_is_dropped_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    source = Input(monkeypatch)
    too_long = b"x" * (LINE_LENGTH_MAX + 2 * READ_SIZE)
    assert source.lines_of(b"before\n" + too_long + b"\nafter\n") == [b"before", b"after"]
    assert len(source.logged) == 1
    assert f"longer than {LINE_LENGTH_MAX} bytes" in source.logged[0]


def test_the_time_for_a_line_grows_with_its_length(monkeypatch: pytest.MonkeyPatch) -> None:
    source = Input(monkeypatch)

    def cost_of(size: int) -> float:
        line = b"x" * size + b"\n"
        begun = time.process_time()
        assert len(source.lines_of(line)) == 1
        return time.process_time() - begun

    short = min(cost_of(4 * MEGABYTE) for _ in range(5))
    assert min(cost_of(16 * MEGABYTE) for _ in range(3)) < 9 * short + 0.02
