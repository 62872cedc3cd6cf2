"""The node runs without the cyclic collector, so nothing that it does may leave a cycle behind."""

import gc
from pathlib import Path
from random import Random

import orjson

from vsr_node.maelstrom.node import Node
from vsr_node.maelstrom.options import Options

BODIES: tuple[dict[str, object], ...] = (
    {"type": "write", "key": 1, "value": {"a": [1, None]}},
    {"type": "write", "key": 1, "value": 1 << 70},
    {"type": "read", "key": 1},
    {"type": "cas", "key": 1, "from": 3, "to": 4},
    {"type": "cas", "key": 2},
    {"type": "echo", "echo": "x"},
    {"type": "nonsense"},
)
PROTOCOL = b'{"src":"n1","dest":"n0","body":{"type":"prepare"}}'
NONSENSE = (b"{", b"\xff", b"[]", b"[" * 10_000, PROTOCOL)


def line(number: int, body: dict[str, object]) -> bytes:
    if body.get("value") == 1 << 70:
        body = {**body, "value": 0}
        text = orjson.dumps({"src": "c1", "dest": "n0", "body": {**body, "msg_id": number}})
        return text.replace(b'"value":0', b'"value":1180591620717411303424')
    return orjson.dumps({"src": "c1", "dest": "n0", "body": {**body, "msg_id": number}})


def test_nothing_that_the_node_does_leaves_a_cycle(tmp_path: Path) -> None:
    remarks: list[str] = []
    options = Options(data_dir=str(tmp_path), is_flushed=False)
    output: list[bytes] = []
    node = Node(random=Random(1), log=remarks.append, write=output.extend, options=options)
    init: dict[str, object] = {"type": "init", "node_id": "n0", "node_ids": ["n0"]}
    node.turn(0, [line(1, init)])
    gc.collect()
    gc.disable()
    try:
        for number in range(2, 6_000):
            node.turn(number, [line(number, BODIES[number % len(BODIES)])])
            node.turn(number, [NONSENSE[number % len(NONSENSE)]])
            output.clear()
            remarks.clear()
        assert gc.collect() == 0
    finally:
        gc.enable()
