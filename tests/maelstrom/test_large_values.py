"""Values up to the bound of an operation: what clients get, and a group that stays one."""

import json
import queue
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from tests.maelstrom.node_process import NodeProcess
from vsr_node.maelstrom.options import Options
from vsr_node.wire.json_body import LINE_LENGTH_MAX

NAMES = ("n0", "n1", "n2")
BOUND = Options().operation_bytes_max
PATIENCE_SECONDS = 30.0


class Cluster:
    """Three nodes and a network of threads, which loses what goes to or comes from ``cut``."""

    def __init__(self, stack: ExitStack) -> None:
        self.cut: set[str] = set()
        self.longest = 0
        self._replies: queue.Queue[dict[str, Any]] = queue.Queue()
        self._msg_id = 0
        self._inboxes: dict[str, queue.Queue[bytes | None]] = {
            name: queue.Queue() for name in NAMES
        }
        self.nodes = {
            name: stack.enter_context(NodeProcess("--data-dir", "none")) for name in NAMES
        }
        self._threads = [
            threading.Thread(target=work, args=(name,), daemon=True)
            for name in NAMES
            for work in (self._feed, self._route)
        ]
        for thread in self._threads:
            thread.start()
        stack.callback(self._end)
        for name in NAMES:
            assert self.ask(name, {"type": "init", "node_id": name, "node_ids": NAMES})

    def _end(self) -> None:
        """End the nodes, then the threads, which must not use pipes that are closed."""
        for node in self.nodes.values():
            node.process.kill()
        for inbox in self._inboxes.values():
            inbox.put(None)
        for thread in self._threads:
            thread.join()

    def _feed(self, name: str) -> None:
        while (line := self._inboxes[name].get()) is not None:
            try:
                self.nodes[name].write(line)
            except OSError:
                return

    def _route(self, name: str) -> None:
        stdout = self.nodes[name].process.stdout
        assert stdout is not None
        for line in stdout:
            self.longest = max(self.longest, len(line))
            begin = line.index(b'"dest":"') + len(b'"dest":"')
            destination = line[begin : line.index(b'"', begin)].decode()
            if destination not in self._inboxes:
                self._replies.put(json.loads(line)["body"])
            elif not self.cut & {name, destination}:
                self._inboxes[destination].put(line)

    def ask(self, name: str, body: dict[str, Any], client: str = "c1") -> dict[str, Any]:
        """The answer of a node."""
        self._msg_id += 1
        message = {"src": client, "dest": name, "body": body | {"msg_id": self._msg_id}}
        self._inboxes[name].put(json.dumps(message).encode() + b"\n")
        deadline = time.monotonic() + PATIENCE_SECONDS
        while True:
            reply = self._replies.get(timeout=max(0.01, deadline - time.monotonic()))
            if reply.get("in_reply_to") == self._msg_id:
                return reply


@pytest.fixture
def cluster() -> Iterator[Cluster]:
    with ExitStack() as stack:
        yield Cluster(stack)


def write(key: object, value: object) -> dict[str, Any]:
    return {"type": "write", "key": key, "value": value}


def test_more_than_the_bound_is_refused_and_not_executed() -> None:
    with NodeProcess() as node:
        node.init()
        fits = "x" * (BOUND - len('"k"') - 2)
        assert node.ask(write("k", fits) | {"msg_id": 2})["type"] == "write_ok"
        for msg_id, body in enumerate(
            (
                write("k", fits + "x"),
                write("k", "é" * (BOUND // 2)),
                write("x" * BOUND, 1),
                {"type": "cas", "key": "k", "from": "x" * (BOUND // 2), "to": "y" * (BOUND // 2)},
                {"type": "read", "key": "x" * BOUND},
            ),
            3,
        ):
            reply = node.ask(body | {"msg_id": msg_id})
            assert (reply["type"], reply["code"]) == ("error", 12)
            assert str(BOUND) in reply["text"]
        assert node.ask({"type": "read", "key": "k", "msg_id": 9})["value"] == fits


def test_the_bound_is_an_option() -> None:
    with NodeProcess("--operation-bytes-max", "20") as node:
        node.init()
        # As canonical JSON it is 1000000000000000.0, which has 18 bytes.
        assert (
            node.ask({"type": "write", "msg_id": 2, "key": 1, "value": 1e15})["type"] == "write_ok"
        )
        assert node.ask({"type": "write", "msg_id": 3, "key": 123, "value": 1e15})["code"] == 12


def test_an_error_names_the_beginning_of_large_values() -> None:
    with NodeProcess() as node:
        node.init()
        large = "x" * (BOUND // 4)
        cas = {"type": "cas", "key": large, "from": large, "to": 1, "msg_id": 2}
        begin = '"' + 99 * "x" + "..."
        assert node.ask(cas)["text"] == f"key {begin} does not exist"
        node.ask(write(large, large + "y") | {"msg_id": 3})
        assert node.ask(cas | {"msg_id": 4})["text"] == (
            f"expected {begin}, but the current value of key {begin} is {begin}"
        )


def test_a_client_with_a_long_name_is_refused() -> None:
    with NodeProcess() as node:
        node.init()
        body = {"type": "write", "msg_id": 2, "key": 1, "value": 1}
        assert node.ask(body, "c" * 1_024)["type"] == "write_ok"
        reply = node.ask(body, "c" * 1_025)
        assert (reply["code"], reply["text"]) == (12, "field src: longer than 1024 bytes")


def test_a_node_that_missed_large_values_catches_up(cluster: Cluster) -> None:
    value = "x" * (BOUND - 100)
    cluster.cut = {"n2"}
    for key in range(30):
        assert cluster.ask("n0", write(key, value))["type"] == "write_ok"
    cluster.cut = set()
    begun = time.monotonic()
    while (reply := cluster.ask("n2", {"type": "read", "key": 29}))["type"] == "error":
        assert time.monotonic() - begun < PATIENCE_SECONDS, reply
        time.sleep(0.1)
    assert reply["value"] == value
    # n2 has it all: with n0 gone, n1 and it go on.
    cluster.cut = {"n0"}
    while cluster.ask("n1", write("last", value))["type"] == "error":
        assert time.monotonic() - begun < PATIENCE_SECONDS
        time.sleep(0.1)
    assert cluster.ask("n2", {"type": "read", "key": "last"})["value"] == value
    assert cluster.longest < LINE_LENGTH_MAX // 8


def test_quotes_double_on_the_line_and_do_no_harm(cluster: Cluster) -> None:
    value = '"\\' * (BOUND // 4 - 100)
    for name in NAMES:
        assert cluster.ask(name, write(name, value))["type"] == "write_ok"
    for name in NAMES:
        assert cluster.ask(name, {"type": "read", "key": "n1"})["value"] == value
