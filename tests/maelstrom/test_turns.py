"""In which order a node writes lines and saves records."""

from collections.abc import Sequence
from pathlib import Path
from random import Random

import orjson
import pytest

from vsr_node.core.messages import Record
from vsr_node.maelstrom.node import Node
from vsr_node.maelstrom.options import Options
from vsr_node.storage.sqlite import SqliteStorage

NAMES = ["n0", "n1", "n2"]
INIT = {"type": "init", "msg_id": 1, "node_id": "n1", "node_ids": NAMES}
PREPARE = {
    "type": "prepare",
    "view_number": 0,
    "commit_number": 0,
    "first_op_number": 1,
    "entries": [["c2", 1, ["write", "0", "1"]]],
    "sent_at": 1,
    "time_out": 1_000_000,
    "wants_answer": 1,
}
WRITE = {"type": "write", "msg_id": 2, "key": 0, "value": 2}


def line(source: str, body: dict[str, object]) -> bytes:
    return orjson.dumps({"src": source, "dest": "n1", "body": body})


def types_of(pieces: Sequence[bytes]) -> str:
    lines = b"".join(pieces).splitlines()
    return " ".join(orjson.loads(each)["body"]["type"] for each in lines)


@pytest.mark.parametrize(
    ("is_flushed", "expected"),
    [
        (True, ["request", "save", "prepare_ok"]),
        (False, ["save", "request prepare_ok"]),
    ],
)
def test_what_promises_nothing_is_written_before_a_flush(
    is_flushed: bool, expected: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    done: list[str] = []
    save = SqliteStorage.save

    def noted_save(storage: SqliteStorage, records: Sequence[Record]) -> None:
        done.append("save")
        save(storage, records)

    monkeypatch.setattr(SqliteStorage, "save", noted_save)
    node = Node(
        random=Random(1),
        log=lambda _: None,
        write=lambda pieces: done.append(types_of(pieces)),
        options=Options(data_dir=str(tmp_path), is_flushed=is_flushed),
    )
    node.turn(0, [line("c0", INIT)])
    assert done == ["init_ok"]
    done.clear()
    node.turn(10, [line("n0", PREPARE), line("c1", WRITE)])
    assert done == expected
    node.shut_down()
