"""Maelstrom's services, by themselves and as nodes of the network."""

from random import Random
from typing import Any

import pytest

from vsr_node.bench.nodes.services import (
    LastWriteWinsStore,
    LinearizableStore,
    SequentialStore,
    Service,
    TimestampOracle,
    offer_services,
)


def ask(service: Service, source: str = "n0", **body: Any) -> Any:
    return service.handle(source, body)


def read(service: Service, source: str = "n0") -> Any:
    return ask(service, source, type="read", key="k").get("value")


def write(service: Service, value: Any, source: str = "n0") -> None:
    assert ask(service, source, type="write", key="k", value=value) == {"type": "write_ok"}


def cas(service: Service, old: Any, new: Any, source: str = "n0", **more: Any) -> Any:
    body = {"type": "cas", "key": "k", "from": old, "to": new} | more
    return service.handle(source, body).get("code")


def test_the_linearizable_store_reads_what_was_written_last() -> None:
    store = LinearizableStore()
    assert ask(store, type="read", key="k")["code"] == 20
    assert cas(store, 1, 2) == 20
    write(store, {"a": [1]})
    assert read(store, "n1") == {"a": [1]}
    assert cas(store, {"a": [2]}, 3) == 22
    assert cas(store, {"a": [1]}, 3) is None
    assert read(store) == 3
    assert cas(store, True, 4) == 22
    assert ask(store, type="read", key=["k"])["code"] == 20
    assert ask(store, type="delete", key="k")["code"] == 10


def test_a_cas_may_create_the_key() -> None:
    store = LinearizableStore()
    assert cas(store, 0, 1, create_if_not_exists=True) is None
    assert read(store) == 1
    assert cas(LastWriteWinsStore(Random(1)), 0, 1, create_if_not_exists=True) == 20


def test_a_node_of_the_sequential_store_sees_old_states_in_their_order() -> None:
    store = SequentialStore(Random(1))
    for value in range(20):
        write(store, value)
        assert read(store) == value, "a node sees its own writes"
    seen = [read(store, "n1") for _ in range(200)]
    known = [-1 if value is None else value for value in seen]
    assert known == sorted(known)
    assert known[0] < 19
    assert 19 not in known, "as in Maelstrom, only a change brings a node to the newest state"
    assert cas(store, 19, 20, "n1") in (20, 22), "a cas that fails on an old state happened there"
    write(store, 21, "n1")
    assert read(store, "n1") == 21


def test_a_change_of_the_sequential_store_is_made_on_the_newest_state() -> None:
    store = SequentialStore(Random(1))
    write(store, 0)
    for value in range(40):
        write(store, value + 1)
    late = ask(store, "n1", type="read", key="k")
    assert late["value"] in range(9, 41), "the oldest state that is kept stands for older ones"
    old = late["value"]
    assert cas(store, old, "new", "n1") == 22, "it would change the old state, and fails on the new"


def test_the_last_write_wins_store_loses_some_writes_and_comes_to_agree() -> None:
    store = LastWriteWinsStore(Random(3))
    for value in range(50):
        write(store, value)
    seen = {read(store) for _ in range(100)}
    assert len({read(store) for _ in range(20)}) == 1
    assert seen <= set(range(50))
    stale = LastWriteWinsStore(Random(1))
    write(stale, 1)
    assert None in [read(stale) for _ in range(3)], "another replica has not heard of it yet"


def test_the_oracle_counts() -> None:
    oracle = TimestampOracle()
    assert [ask(oracle, type="ts")["ts"] for _ in range(3)] == [0, 1, 2]
    assert ask(oracle, type="read", key=1)["code"] == 10


@pytest.mark.parametrize("head_of_line", [False, True])
def test_services_are_nodes_that_no_fault_touches(make_world: Any, head_of_line: bool) -> None:
    world = make_world(latency_ms=10, loss=1.0, duplication=1.0, head_of_line=head_of_line)
    offer_services(world.network, world.time.timers, Random(1))
    world.network.links.cut({"n0": frozenset(("n1", "n2"))})
    world.send("n0", "lin-kv", {"type": "write", "key": 1, "value": 2, "msg_id": 7})
    world.send("n0", "lin-tso", {"type": "ts", "msg_id": 8})
    world.send("n1", "seq-kv", {"type": "write", "key": 1, "msg_id": 9})
    world.time.run_until(100_000_000)
    bodies = {
        message["body"]["in_reply_to"]: (at, message["body"]) for at, message in world.got["n0"]
    }
    assert bodies[7] == (20, {"type": "write_ok", "in_reply_to": 7})
    assert bodies[8][1]["ts"] == 0
    ((at, malformed),) = world.got["n1"]
    assert (at, malformed["src"], malformed["body"]["code"]) == (20, "seq-kv", 12)
    assert world.network.servers.sent == world.network.servers.received == 6
    assert world.mistakes.count == 0
