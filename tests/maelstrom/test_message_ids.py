"""The default journal tells tests apart by the numbers of all messages, those of peers too."""

from collections.abc import Sequence
from pathlib import Path
from random import Random
from typing import Any

import orjson
import pytest

from vsr_node.core.messages import GetState, Message, Prepare
from vsr_node.core.timers import TIME_OUT_INITIAL
from vsr_node.maelstrom.node import Node
from vsr_node.maelstrom.options import Options
from vsr_node.wire import json_body

MEMBERS = ["n0", "n1", "n2"]
ENTRY = ("c1", 1, ("write", "1", "2"))


class Backup:
    """Node n1, a backup, in this process."""

    def __init__(self, init_id: int) -> None:
        self.written: list[bytes] = []
        self.node = Node(random=Random(0), log=lambda _: None, write=self._write, options=Options())
        body = {"type": "init", "msg_id": 1, "node_id": "n1", "node_ids": MEMBERS}
        self._hear("c0", init_id, orjson.dumps(body))
        self.written.clear()

    def _write(self, pieces: Sequence[bytes]) -> None:
        self.written += b"".join(pieces).splitlines()

    def _hear(self, source: str, message_id: int, body: bytes) -> None:
        message = {"id": message_id, "src": source, "dest": "n1", "body": orjson.Fragment(body)}
        self.node.turn(1, [orjson.dumps(message)])

    def hear_peer(self, message_id: int, message: Message) -> None:
        self._hear("n0", message_id, json_body.encode(message))

    def log(self) -> list[Any]:
        """What it has for a peer that asks for its log."""
        self.written.clear()
        self.hear_peer(1, GetState(0, 0))
        bodies = [orjson.loads(line)["body"] for line in self.written]
        return [body["entries"] for body in bodies if body["type"] == "new_state"]


@pytest.mark.parametrize(("init_id", "is_same_test"), [(499, False), (500, False), (501, True)])
def test_a_journal_is_of_another_test_if_a_peers_message_has_a_higher_number(
    init_id: int, is_same_test: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    first = Backup(init_id=0)
    first.hear_peer(500, Prepare(0, 0, 1, (ENTRY,), 1, TIME_OUT_INITIAL))
    assert len(first.log()) == 1
    first.node.shut_down()
    second = Backup(init_id)
    assert len(second.log()) == is_same_test
    second.node.shut_down()
