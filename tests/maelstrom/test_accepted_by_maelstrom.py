"""Each row of "What a client sees" at each moment of a node's life is what Maelstrom accepts."""

import json
import signal
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from tests.maelstrom.maelstrom_rules import Rules
from tests.maelstrom.node_process import NodeProcess

ROOT = Path(__file__).parents[2]
GROUP = ("n0", "n1", "n2")
BOUND = ("--operation-bytes-max", "4096")

KEY = {"msg_id": 9, "key": 0}
MISSING = {"msg_id": 9, "key": "missing"}
NUMBER = "0.1234567890123456789"


class Row(NamedTuple):
    """Requests of a row, a client each, and the answer of a node that serves: a code or a type."""

    situation: str
    answer: int | str
    bodies: tuple[object, ...]
    client: str = "c"


ROWS = (
    Row("`read` or `cas` of a key", 20, ({"type": "read", **MISSING},)),
    Row("`read` or `cas` of a key", 20, ({"type": "cas", **MISSING, "from": 1, "to": 2},)),
    Row(
        "`read` or `cas` of a key",
        "cas_ok",
        (
            {
                "type": "cas",
                "msg_id": 9,
                "key": "x",
                "from": 1,
                "to": 2,
                "create_if_not_exists": True,
            },
        ),
    ),
    Row("JSON `null` or `false`", "write_ok", ({"type": "write", **KEY, "value": None},)),
    Row("JSON `null` or `false`", "read_ok", ({"type": "read", **KEY},)),
    Row("JSON `null` or `false`", "write_ok", ({"type": "write", **KEY, "value": False},)),
    Row("`cas` that finds", 22, ({"type": "cas", **KEY, "from": "\ud83d\ude00", "to": 2},)),
    Row(
        "`txn` that appends", "write_ok", ({"type": "write", "msg_id": 9, "key": "n", "value": 1},)
    ),
    Row("`txn` that appends", 14, ({"type": "txn", "msg_id": 9, "txn": [["append", "n", 2]]},)),
    Row("unknown `type`", 10, ({"type": "transact", "msg_id": 9}, {"type": "", "msg_id": 9})),
    Row(
        "a missing or wrong field",
        12,
        (
            *(
                "read",
                None,
                [],
                {},
                {"type": "read", "key": 0},
                {"type": "read", **KEY, "msg_id": -1},
            ),
            *({"type": ["read"], "msg_id": 9}, {"type": "write", "msg_id": 9, "value": 1}),
            *({"type": "init", "msg_id": 9}, {"type": "echo", "msg_id": 9}),
            *(
                {"type": "read", "key": 0, "msg_id": 2**53},
                {"type": "read", "key": 0, "msg_id": True},
            ),
            {"type": "write", "msg_id": 0, "key": 0},
        ),
    ),
    Row("a key and values of more", 12, ({"type": "write", **KEY, "value": "x" * 5_000},)),
    Row("a key and values of more", 12, ({"type": "read", **KEY},), client="c" * 1_100),
    Row("a number that could not", 12, ({"type": "write", **KEY, "value": NUMBER},)),
    Row("a number that could not", 12, ({"type": "echo", "msg_id": 9, "echo": NUMBER},)),
    Row(
        "`init` again",
        12,
        ({"type": "init", "msg_id": 9, "node_id": "n1", "node_ids": ["n1", "n2"]},),
    ),
)
"""The rows whose answer depends on the request alone, in the order in which they are asked."""

BY_MOMENT = {
    "`read` without a key": "nothing is written",
    "`reconfigure`, `status`": "a group whose members change",
    "an answer that would": "much is written",
    "no primary or no quorum": "cut off",
    "too many requests wait": "crowded",
    "a `msg_id` that this client used": "serving",
    "the outcome is not known": "cut off",
    "a request before `init`": "before init",
    "a line that is no JSON": "serving",
    "protocol messages of strangers": "serving",
    "end of stdin, SIGTERM": "the end",
}
"""The rows that depend on the node, and a moment below, or in test_workloads.py or
test_membership.py, at which they occur."""

SILENT = ("stdout closed", "stdin closed at the start", "stdout full")
"""The rows in which a client sees nothing; test_descriptors.py has them."""

BEFORE_INIT: set[int | str] = {11, 12, "init_ok"}
HELD: set[int | str] = {11, 13}

NOISE = (
    b"no json\n[1]\n\xff\n"
    b'{"src":"n7","dest":"n1","body":{"type":"get_state","view_number":0,"op_number":0}}\n'
    b'{"src":"c1","dest":"n1","body":{"type":"read_ok","msg_id":1,"in_reply_to":0}}\n'
)
"""Lines that get no answer. The client c1 asks nothing: an answer to it fails."""


class Life:
    """A node n1 of a group, the rules that hold all it writes, and the requests sent to it."""

    def __init__(self, node: NodeProcess) -> None:
        self.node = node
        self.rules = Rules(GROUP)
        self.clients: dict[str, Row] = {}
        self.lines = bytearray()

    def init(self, members: tuple[str, ...] = ("n1",)) -> None:
        body = {"type": "init", "msg_id": 1, "node_id": "n1", "node_ids": members}
        self.send("c0", body)

    def send(self, client: str, body: object) -> None:
        self.rules.ask(client, body)
        text = json.dumps({"src": client, "dest": "n1", "body": body})
        self.lines += text.replace(f'"{NUMBER}"', NUMBER).encode() + b"\n"

    def flush(self) -> None:
        """Let the node read what was sent; ``end`` does so too, and reads meanwhile."""
        self.node.write(bytes(self.lines))
        self.lines.clear()

    def ask_all(self) -> None:
        """Ask each row's requests, each as another client, between lines that get no answer."""
        for row in ROWS:
            for body in row.bodies:
                client = f"{row.client}{len(self.clients) + 10}"
                self.clients[client] = row
                self.send(client, body)
            self.lines += NOISE

    def end(self) -> dict[str, list[dict[str, Any]]]:
        """End the node: the answers to each client. Every line was accepted."""
        output, _ = self.node.process.communicate(bytes(self.lines), timeout=30)
        assert output.endswith(b"\n") or not output
        answers: dict[str, list[dict[str, Any]]] = {}
        for line in output.splitlines():
            message = self.rules.accept(line, "n1")
            answers.setdefault(message["dest"], []).append(message["body"])
        return answers


def answer_of(reply: dict[str, Any]) -> int | str:
    answer: int | str = reply["code"] if reply["type"] == "error" else reply["type"]
    return answer


@pytest.fixture
def start() -> Iterator[Callable[..., Life]]:
    with ExitStack() as processes:
        yield lambda *options: Life(processes.enter_context(NodeProcess(*BOUND, *options)))


def check(life: Life, also: set[int | str]) -> dict[str, list[dict[str, Any]]]:
    """End the node; each client has one answer: that of its row, or one of ``also``."""
    answers = life.end()
    for client, row in life.clients.items():
        (reply,) = answers[client]
        assert answer_of(reply) in {row.answer, *also}, (row.situation, reply)
    return answers


def test_every_row_of_the_table_occurs() -> None:
    text = (ROOT / "docs/SPECIFICATION.md").read_text(encoding="utf-8")
    table = text.partition("## What a client sees")[2].partition("\nKeys and values")[0]
    rows = [line[2:] for line in table.splitlines() if line.startswith("| ")][1:]
    known = [*(row.situation for row in ROWS), *BY_MOMENT, *SILENT]
    assert [row for row in rows if not row.startswith(tuple(known))] == []
    assert [begin for begin in known if not any(row.startswith(begin) for row in rows)] == []


def test_before_init(start: Callable[..., Life]) -> None:
    life = start()
    life.ask_all()
    check(life, BEFORE_INIT)


def test_while_a_start_fails(start: Callable[..., Life], tmp_path: Path) -> None:
    file = tmp_path / "data-\udce9"
    file.touch()
    life = start("--data-dir", str(file))
    life.send("c9", {"type": "read", **KEY})
    life.init()
    answers = life.end()
    assert [answer_of(reply) for reply in answers["c9"]] == [11]
    assert [answer_of(reply) for reply in answers["c0"]] == [13]


def test_serving(start: Callable[..., Life]) -> None:
    life = start()
    life.init()
    life.ask_all()
    life.lines += b'{"src":"c1","dest":"n7","body":{"type":"read","msg_id":1,"key":0}}\n'
    life.send("c5", {"type": "write", **KEY, "value": 1})
    life.send("c5", {"type": "write", **KEY, "value": 2})
    life.init()
    answers = check(life, set())
    assert [answer_of(reply) for reply in answers["c5"]] == ["write_ok", 12]
    assert [answer_of(reply) for reply in answers["c0"]] == ["init_ok", "init_ok"]


def test_cut_off(start: Callable[..., Life]) -> None:
    life = start()
    life.init(GROUP)
    life.ask_all()
    check(life, HELD)


def test_recovering(start: Callable[..., Life], tmp_path: Path) -> None:
    life = start("--data-dir", str(tmp_path / "data"))
    life.init(GROUP)
    life.flush()
    entry = ["c9", 1, ["write", "0", "1"]]
    prepare = {"view_number": 0, "commit_number": 0, "first_op_number": 1, "entries": [entry]}
    times = {"sent_at": 1, "time_out": 60_000_000, "wants_answer": 1}
    life.node.send("n0", {"type": "prepare", **prepare, **times}, "n1")
    while life.node.receive_type("prepare_ok")["op_number"] != 1:
        pass
    life.node.process.kill()
    life.node.process.wait()
    (log,) = (tmp_path / "data").glob("*/*-wal")
    log.unlink()

    life = start("--data-dir", str(tmp_path / "data"))
    life.init(GROUP)
    life.ask_all()
    answers = check(life, HELD)
    assert answers["n0"][0]["type"] == "recovery"


def test_crowded(start: Callable[..., Life]) -> None:
    life = start()
    life.init(GROUP)
    for number in range(3_000):
        life.send("c7", {"type": "write", "msg_id": number, "key": 0, "value": "x" * 1_000})
    life.ask_all()
    answers = check(life, HELD)
    assert {answer_of(reply) for reply in answers["c7"]} <= HELD
    assert len(answers["c7"]) == 3_000


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize("members", [("n1",), GROUP])
def test_the_end(
    start: Callable[..., Life], number: signal.Signals, members: tuple[str, ...]
) -> None:
    life = start()
    life.init(members)
    life.flush()
    life.node.receive_for("c0")
    life.ask_all()
    life.flush()
    life.node.process.send_signal(number)
    answers = life.end()
    assert life.node.process.returncode == 0
    assert all(len(answers.get(client, [])) <= 1 for client in life.clients)
