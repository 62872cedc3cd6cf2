"""How often a large value is parsed, formatted and copied on its way, by counts and not by time."""

import os
from collections import Counter
from collections.abc import Callable, Sequence
from itertools import count
from random import Random
from typing import Any

import orjson
import pytest

from vsr_node.maelstrom.node import Node
from vsr_node.maelstrom.options import Options
from vsr_node.maelstrom.process import READ_SIZE, Stdout

NAMES = ("n0", "n1", "n2")
VALUE = "x" * 500_000
TURN_US = 1_000


class Group:
    """Three nodes in memory, whose messages are passed on without a look at their bodies."""

    def __init__(self) -> None:
        self._written: list[bytes] = []
        options = Options(data_dir="none")
        self._nodes = {
            name: Node(
                random=Random(name), log=lambda _: None, write=self._written.extend, options=options
            )
            for name in NAMES
        }
        self._clock = count(step=TURN_US)
        self.replies: list[bytes] = []
        for name in NAMES:
            self.ask(name, {"type": "init", "node_id": name, "node_ids": NAMES, "msg_id": 1})

    def ask(self, name: str, body: dict[str, Any]) -> None:
        self._waiting = [(name, orjson.dumps({"src": "c1", "dest": name, "body": body}))]
        while self._waiting:
            destination, line = self._waiting.pop(0)
            if destination not in NAMES:
                self.replies.append(line)
                continue
            self._nodes[destination].turn(next(self._clock), [line])
            lines, self._written[:] = b"".join(self._written).splitlines(), []
            for each in lines:
                begin = each.index(b'"dest":"') + len(b'"dest":"')
                self._waiting.append((each[begin : each.index(b'"', begin)].decode(), each))


@pytest.mark.parametrize(
    ("node", "line_count", "formatted_count"),
    [
        # The value; PREPARE to the one that answers and to the other.
        ("n0", 3, 3),
        # And REQUEST.
        ("n1", 4, 4),
    ],
)
def test_a_large_value_is_parsed_and_formatted_a_few_times_in_a_whole_group(
    node: str, line_count: int, formatted_count: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    group = Group()
    for msg_id in range(2, 4):  # The first one is prepared before a round trip is measured.
        group.ask(node, {"type": "write", "key": 1, "value": 1, "msg_id": msg_id})
    counts: Counter[str] = Counter()

    def counted(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any, **options: Any) -> Any:
            result = function(*arguments, **options)
            texts = [each for each in (*arguments, result) if isinstance(each, bytes | str)]
            counts[name] += any(len(text) > READ_SIZE for text in texts)
            return result

        return call

    body = {"type": "write", "key": 1, "value": VALUE, "msg_id": 9}
    for name in ("loads", "dumps"):
        monkeypatch.setattr(orjson, name, counted(name, getattr(orjson, name)))
    group.ask(node, body)
    assert b"write_ok" in group.replies[-1]
    # The request's line is formatted by this test. Two lines of each request are read again, as a
    # text within them has to be JSON.
    assert counts["loads"] == line_count + (line_count - 1)
    # PREPARE is formatted once where all are to answer.
    assert counts["dumps"] in (formatted_count, formatted_count + 1)


def test_long_pieces_are_written_as_they_are_and_in_order(monkeypatch: pytest.MonkeyPatch) -> None:
    written: list[bytes] = []
    passed: list[bytes | memoryview] = []

    def write_a_part(_: int, pieces: Sequence[bytes | memoryview]) -> int:
        passed.extend(pieces)
        part = b"".join(pieces)[:READ_SIZE]
        written.append(part)
        return len(part)

    monkeypatch.setattr(os, "writev", write_a_part)
    monkeypatch.setattr(os, "write", lambda number, data: write_a_part(number, [data]))
    long, short = os.urandom(3 * READ_SIZE + 7), [b"a", b"", b"bc", b"\n"]
    Stdout(signals=0).write([*short, long, *short])
    assert b"".join(written) == b"".join([*short, long, *short])
    assert passed[len(short)] is long
    written.clear()
    passed.clear()
    Stdout(signals=0).write(short)
    assert written == passed == [b"abc\n"]
