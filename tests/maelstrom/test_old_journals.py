"""What a journal holds from a version that did not bound operations."""

from collections.abc import Sequence
from random import Random

import orjson
import pytest

from vsr_node.core.messages import DurableState
from vsr_node.maelstrom import node as node_module
from vsr_node.maelstrom.node import Node
from vsr_node.maelstrom.options import Options
from vsr_node.storage.memory import MemoryStorage
from vsr_node.wire import json_body

NAMES = ["n0", "n1", "n2"]
OPERATION_BYTES_MAX = 1_000
LINE_LENGTH_MAX = 16 * OPERATION_BYTES_MAX
MILLISECOND = 1_000


class Alone:
    """n0 of three, with a log of one write, at the beginning of view 0."""

    def __init__(self, value: str, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(json_body, "LINE_LENGTH_MAX", LINE_LENGTH_MAX)
        monkeypatch.setattr(node_module, "OPERATION_BYTES_LIMIT", OPERATION_BYTES_MAX)
        durable = DurableState(commit_number=1, entries=(("c1", 1, ("write", "1", value)),))
        monkeypatch.setattr(node_module, "open_storage", lambda *_: MemoryStorage(durable))
        self._now = MILLISECOND
        self.log: list[str] = []
        self.lines: list[bytes] = []
        options = Options(operation_bytes_max=OPERATION_BYTES_MAX)
        self.node = Node(random=Random(1), log=self.log.append, write=self._write, options=options)
        self.hear("c0", {"type": "init", "msg_id": 1, "node_id": "n0", "node_ids": NAMES})

    def _write(self, pieces: Sequence[bytes]) -> None:
        self.lines += b"".join(pieces).splitlines(keepends=True)

    def hear(self, source: str, body: dict[str, object]) -> list[str]:
        """The types of the messages that the node writes in a turn with this one."""
        self._now += MILLISECOND
        self.lines.clear()
        self.node.turn(self._now, [orjson.dumps({"src": source, "dest": "n0", "body": body})])
        assert max(map(len, self.lines), default=0) <= LINE_LENGTH_MAX
        return [orjson.loads(each)["body"]["type"] for each in self.lines]

    def miss_the_log(self) -> list[str]:
        """n2 asks for the log from its beginning."""
        return self.hear("n2", {"type": "get_state", "view_number": 0, "op_number": 0})


def test_a_value_that_no_node_reads_is_not_sent_and_the_node_serves_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    alone = Alone('"' + 2 * LINE_LENGTH_MAX * "x" + '"', monkeypatch)
    assert alone.miss_the_log() == []
    assert "not sent to n2" in alone.log[-1]
    assert "Overwrite the value with a smaller one" in alone.log[-1]
    count = len(alone.log)
    assert alone.miss_the_log() == []
    assert len(alone.log) == count
    write = {"type": "write", "msg_id": 2, "key": 1, "value": 2}
    assert "prepare" in alone.hear("c1", write)
    answer = {"type": "prepare_ok", "view_number": 0, "op_number": 2, "echo": 0}
    assert "write_ok" in alone.hear("n1", answer)


def test_a_line_that_is_too_long_without_a_large_operation_is_a_mistake(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    alone = Alone('"x"', monkeypatch)
    assert alone.miss_the_log() == ["new_state"]
    alone.node._body_length_max = 10
    with pytest.raises(AssertionError, match="bounded"):
        alone.miss_the_log()
