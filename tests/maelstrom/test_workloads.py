"""The requests of all workloads but lin-kv, with a real process: answers, refusals, repetitions."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.maelstrom.maelstrom_rules import Rules
from tests.maelstrom.node_process import NodeProcess

Body = dict[str, Any]


class Client:
    """A client of a node; each answer must be one that Maelstrom accepts."""

    def __init__(self, node: NodeProcess) -> None:
        self.node = node
        self._rules = Rules(("n0",))
        self._msg_id = 1

    def ask(self, body: Body) -> Body:
        self._msg_id += 1
        return self.ask_again(body)

    def ask_again(self, body: Body) -> Body:
        """Ask with the number of the last request."""
        numbered = {**body, "msg_id": self._msg_id}
        self._rules.ask("c1", numbered)
        reply = self.node.ask(numbered)
        self._rules.accept_body("c1", reply)
        return {field: reply[field] for field in reply if field != "in_reply_to"}


@pytest.fixture
def client() -> Iterator[Client]:
    with NodeProcess() as node:
        node.init()
        yield Client(node)


def add(element: object) -> Body:
    return {"type": "add", "element": element}


def txn(*steps: Any) -> Body:
    return {"type": "txn", "txn": list(steps)}


READ: Body = {"type": "read"}
TOPOLOGY: Body = {"type": "topology", "topology": {"n0": []}}


def test_ids_are_unique_over_kills_without_a_disk() -> None:
    ids = set()
    for _ in range(2):
        with NodeProcess("--data-dir", "none") as node:
            node.init()
            client = Client(node)
            ids |= {client.ask({"type": "generate"})["id"] for _ in range(50)}
            client.ask_again({"type": "generate"})
    assert len(ids) == 100


def test_ids_echoes_and_topologies_need_no_other_node() -> None:
    with NodeProcess() as node:
        node.init("n0", ("n0", "n1", "n2"))
        for msg_id, request in enumerate((TOPOLOGY, {"type": "generate"}), 2):
            assert node.ask({**request, "msg_id": msg_id})["type"] == f"{request['type']}_ok"


def test_messages_are_read_in_order_and_once(client: Client) -> None:
    assert client.ask(TOPOLOGY) == {"type": "topology_ok"}
    assert client.ask(READ) == {"type": "read_ok", "messages": []}
    for message in (3, 1, "3", 3, [1.0], None):
        broadcast = {"type": "broadcast", "message": message}
        assert client.ask(broadcast) == {"type": "broadcast_ok"}
    assert client.ask(READ) == {"type": "read_ok", "messages": [3, 1, "3", [1.0], None]}


def test_elements_are_read_as_a_value(client: Client) -> None:
    for element in (1, 2, 1):
        assert client.ask(add(element)) == {"type": "add_ok"}
    assert client.ask(READ) == {"type": "read_ok", "value": [1, 2]}


def test_a_counter_is_the_sum_of_its_deltas(client: Client) -> None:
    for delta in (5, -7, 0):
        assert client.ask({"type": "add", "delta": delta}) == {"type": "add_ok"}
        client.ask_again({"type": "add", "delta": delta})
    assert client.ask(READ) == {"type": "read_ok", "value": -2}


def test_a_sum_beyond_64_bits_is_exact(client: Client) -> None:
    for _ in range(2_000):
        client.ask({"type": "add", "delta": 2**53 - 1})
    assert client.ask(READ)["value"] == 2_000 * (2**53 - 1)


def test_the_kind_that_was_written_last_decides(client: Client) -> None:
    client.ask(add(1))
    client.ask({"type": "add", "delta": 4})
    assert client.ask(READ)["value"] == 4
    client.ask({"type": "broadcast", "message": 2})
    assert client.ask(READ) == {"type": "read_ok", "messages": [2]}
    client.ask(add(1))
    assert client.ask(READ)["value"] == [1]


def test_a_read_of_nothing_is_held_and_then_refused(client: Client) -> None:
    begin = time.monotonic()
    assert client.ask(READ)["code"] == 11
    assert 1.9 < time.monotonic() - begin < 10


def test_a_read_of_nothing_is_answered_as_soon_as_something_is_written(client: Client) -> None:
    node = client.node
    node.send("c2", {**READ, "msg_id": 1})
    node.send("c3", {**add(7), "msg_id": 1})
    assert node.receive_for("c2") == {"type": "read_ok", "value": [7], "in_reply_to": 1}


def test_what_is_held_is_refused_when_the_node_ends(client: Client) -> None:
    client.node.send("c2", {**READ, "msg_id": 1})
    messages, _, status = client.node.end()
    assert [message["body"]["code"] for message in messages] == [11]
    assert status == 0


def test_offsets_count_the_messages_of_a_key(client: Client) -> None:
    for key, message, offset in (("a", 1, 0), ("a", 2, 1), ("b", [3], 0)):
        reply = client.ask({"type": "send", "key": key, "msg": message})
        assert reply == {"type": "send_ok", "offset": offset}
        assert client.ask_again({"type": "send", "key": key, "msg": message}) == reply
    poll = {"type": "poll", "offsets": {"a": 1, "b": 0, "c": 0}}
    assert client.ask(poll)["msgs"] == {"a": [[1, 2]], "b": [[0, [3]]]}
    assert client.ask({"type": "poll", "offsets": {"a": 10**15}})["msgs"] == {}


def test_a_poll_has_a_thousand_messages_of_a_key_at_most(client: Client) -> None:
    for number in range(1_030):
        client.ask({"type": "send", "key": "a", "msg": number})
    messages = client.ask({"type": "poll", "offsets": {"a": 20}})["msgs"]["a"]
    assert messages == [[number, number] for number in range(20, 1_020)]


def test_a_poll_is_bounded_in_size(client: Client) -> None:
    for _ in range(12):
        client.ask({"type": "send", "key": "a", "msg": "x" * 1_000_000})
    assert len(client.ask({"type": "poll", "offsets": {"a": 0}})["msgs"]["a"]) == 4
    assert len(client.ask({"type": "poll", "offsets": {"a": 11}})["msgs"]["a"]) == 1


def test_committed_offsets_only_grow(client: Client) -> None:
    for offset in (3, 1):
        commit = {"type": "commit_offsets", "offsets": {"a": offset}}
        assert client.ask(commit) == {"type": "commit_offsets_ok"}
    listed = client.ask({"type": "list_committed_offsets", "keys": ["a", "b", "a"]})
    assert listed == {"type": "list_committed_offsets_ok", "offsets": {"a": 3}}


def test_a_transaction_sees_its_own_writes(client: Client) -> None:
    steps = [["r", 1, None], ["append", 1, 2], ["append", 1, [3]], ["w", "x", 5], ["r", "x", None]]
    answer = client.ask(txn(*steps, ["r", 1, None]))["txn"]
    assert answer == [*steps[:4], ["r", "x", 5], ["r", 1, [2, [3]]]]
    assert client.ask(txn(["r", 1, None], ["r", 9, None]))["txn"] == [
        ["r", 1, [2, [3]]],
        ["r", 9, None],
    ]
    assert client.ask(txn())["txn"] == []


def test_registers_and_transactions_share_their_keys(client: Client) -> None:
    client.ask({"type": "write", "key": 1, "value": [1]})
    client.ask(txn(["append", 1, 2]))
    assert client.ask({"type": "read", "key": 1})["value"] == [1, 2]


def test_a_repeated_transaction_appends_once(client: Client) -> None:
    first = client.ask(txn(["append", 1, 2], ["r", 1, None]))
    assert client.ask_again(txn(["append", 1, 2], ["r", 1, None])) == first
    assert client.ask(txn(["r", 1, None]))["txn"] == [["r", 1, [2]]]


def test_of_an_impossible_transaction_nothing_is_done(client: Client) -> None:
    client.ask(txn(["w", "number", 1]))
    assert client.ask(txn(["w", "x", 1], ["append", "number", 2]))["code"] == 14
    assert client.ask(txn(["r", "x", None]))["txn"] == [["r", "x", None]]


def test_an_answer_that_gets_too_long_is_refused_and_nothing_is_done(client: Client) -> None:
    client.ask(txn(["w", "x", "x" * 1_000_000]))
    assert client.ask(txn(["w", "y", 1], *[["r", "x", None]] * 5))["code"] == 14
    assert client.ask(txn(["r", "y", None]))["txn"] == [["r", "y", None]]
    for number in range(6):
        client.ask(add(str(number) * 900_000))
    assert client.ask(add("7" * 900_000))["code"] == 14
    assert len(client.ask(READ)["value"]) == 4


def test_timestamps_count_up(client: Client) -> None:
    assert [client.ask({"type": "ts"})["ts"] for _ in range(3)] == [0, 1, 2]
    assert client.ask_again({"type": "ts"})["ts"] == 2


NO_DELTAS: tuple[object, ...] = (1.0, "1", None, True, 2**53)
NO_OFFSETS: tuple[object, ...] = (None, [], {"a": -1}, {"a": 1.0}, {"a": True}, {"a": 2**53})
NO_STEPS: tuple[object, ...] = (
    *(["r", 1], ["r", 1, 2], ["w", 1], ["cas", 1, 2], "r", ["w", 1, 2, 3], []),
)


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"type": "topology"}, "topology"),
        ({"type": "topology", "topology": {"n0": [1]}}, "topology"),
        ({"type": "broadcast"}, "message"),
        ({"type": "add"}, "element"),
        ({"type": "add", "element": 1, "delta": 1}, "element"),
        *(({"type": "add", "delta": each}, "delta") for each in NO_DELTAS),
        ({"type": "send", "key": 1, "msg": 1}, "key"),
        ({"type": "send", "msg": 1}, "key"),
        ({"type": "send", "key": "a"}, "msg"),
        *(({"type": "poll", "offsets": each}, "offsets") for each in NO_OFFSETS),
        ({"type": "commit_offsets"}, "offsets"),
        ({"type": "list_committed_offsets", "keys": "a"}, "keys"),
        ({"type": "list_committed_offsets", "keys": [1]}, "keys"),
        ({"type": "txn"}, "txn"),
        *((txn(step), "txn") for step in NO_STEPS),
    ],
)
def test_a_wrong_shape_is_refused(client: Client, body: Body, field: str) -> None:
    reply = client.ask(body)
    assert reply["code"] == 12
    assert f"field {field}" in reply["text"]


def test_inexact_numbers_are_refused_wherever_they_stand(client: Client) -> None:
    for body in ('"type":"txn","txn":[["w",1,1e400]]', '"type":"add","element":[1e400]'):
        client.node.write(b'{"src":"c5","dest":"n0","body":{"msg_id":5,%b}}\n' % body.encode())
        assert client.node.receive_for("c5")["code"] == 12


def test_all_is_there_after_a_kill(tmp_path: Path) -> None:
    folder = ("--data-dir", str(tmp_path / "data"))
    with NodeProcess(*folder) as node:
        node.init()
        client = Client(node)
        client.ask(txn(["append", 1, 2], ["w", "x", None]))
        client.ask({"type": "send", "key": "a", "msg": {"b": 1}})
        client.ask({"type": "commit_offsets", "offsets": {"a": 7}})
        client.ask({"type": "ts"})
        client.ask(add("e"))
    with NodeProcess(*folder) as node:
        node.init()
        client = Client(node)
        assert client.ask(READ)["value"] == ["e"]
        assert client.ask(txn(["r", 1, None]))["txn"] == [["r", 1, [2]]]
        assert client.ask({"type": "poll", "offsets": {"a": 0}})["msgs"] == {"a": [[0, {"b": 1}]]}
        keys = {"type": "list_committed_offsets", "keys": ["a"]}
        assert client.ask(keys)["offsets"] == {"a": 7}
        client._msg_id = 50
        assert client.ask({"type": "ts"})["ts"] == 1
