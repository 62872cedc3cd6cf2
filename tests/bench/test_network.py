"""The simulated network, in virtual time."""

from typing import Any

import orjson
import pytest

from vsr_node.bench.nodes.links import LatencyDistribution
from vsr_node.bench.nodes.mistakes import Kind

MS = 1_000_000


def cut_off(node: str, *sources: str) -> dict[str, frozenset[str]]:
    return {node: frozenset(sources)}


def test_a_message_takes_its_latency_and_one_with_a_client_takes_none(make_world: Any) -> None:
    world = make_world(latency_ms=20)
    world.send("n0", "n1", {"n": 1})
    world.network.request("c9", "n1", {"n": 2})
    world.time.run_until(100 * MS)
    assert world.arrivals("n1") == [(0, 2), (20, 1)]


def test_messages_to_nodes_carry_ids_and_are_otherwise_as_they_were(make_world: Any) -> None:
    world = make_world()
    line = b' {"dest": "n1", "src":"n0", "body":{"big":123456789012345678901234567890, "n":1}} \r'
    payloads = []
    world.network.add_node("n1", type("Port", (), {"write": lambda _, p: payloads.append(p)})())
    world.network.on_line("n0", line)
    world.network.on_line("n0", line)
    assert [orjson.loads(payload)["id"] for payload in payloads] == [0, 1]
    assert b"123456789012345678901234567890" in payloads[0]


def test_an_id_of_the_nodes_own_is_replaced(make_world: Any) -> None:
    world = make_world()
    world.network.on_line("n0", b'{"id":77,"src":"n0","dest":"n1","body":{}}')
    assert world.got["n1"][0][1] == {"id": 0, "src": "n0", "dest": "n1", "body": {}}


def test_messages_of_equal_latency_keep_their_order(make_world: Any) -> None:
    world = make_world(latency_ms=5)
    for number in range(50):
        world.send("n0", "n1", {"n": number})
    world.time.run_until(10 * MS)
    assert [n for _, n in world.arrivals("n1")] == list(range(50))


@pytest.mark.parametrize("distribution", ["constant", "uniform", "exponential"])
def test_latencies_are_whole_milliseconds_of_about_that_mean(
    make_world: Any, distribution: str
) -> None:
    world = make_world(latency_ms=100, distribution=distribution)
    for number in range(2000):
        world.send("n0", "n1", {"n": number})
    world.time.run_until(5_000 * MS)
    times = [time for time, _ in world.arrivals("n1")]
    assert len(times) == 2000
    assert all(time == int(time) for time in times)
    assert 94 < sum(times) / len(times) < 106
    assert (max(times) <= 200) == (distribution != "exponential")
    reordered = [n for _, n in world.arrivals("n1")] != list(range(2000))
    assert reordered == (distribution != "constant")


def test_a_mean_latency_of_zero_is_none_at_all() -> None:
    assert LatencyDistribution("exponential", 0).draw(None) == 0  # type: ignore[arg-type]


def test_on_time_a_cut_acts_when_a_message_is_sent(make_world: Any) -> None:
    world = make_world(latency_ms=10)
    world.send("n0", "n1", {"n": 1})
    world.network.links.cut(cut_off("n1", "n0"))
    world.send("n0", "n1", {"n": 2})
    world.send("n1", "n0", {"n": 3})
    world.time.run_until(5 * MS)
    world.network.links.cut({})
    world.send("n0", "n1", {"n": 4})
    world.time.run_until(100 * MS)
    assert world.arrivals("n1") == [(10, 1), (15, 4)]
    assert world.arrivals("n0") == [(10, 3)]
    assert world.network.counts.cut == 1
    assert world.fates.count("cut") == 1


def test_head_of_line_a_cut_acts_when_a_message_is_taken(make_world: Any) -> None:
    world = make_world(latency_ms=10, head_of_line=True)
    world.send("n0", "n1", {"n": 1})  # Taken at once.
    world.time.run_until(2 * MS)
    world.send("n0", "n1", {"n": 2})  # Taken at 10 ms, while the cut holds.
    world.time.run_until(5 * MS)
    world.network.links.cut(cut_off("n1", "n0"))
    world.time.run_until(11 * MS)
    world.send("n0", "n1", {"n": 3})  # Taken at once, and dropped.
    world.network.links.cut({})
    world.send("n0", "n1", {"n": 4})
    world.time.run_until(100 * MS)
    assert world.arrivals("n1") == [(10, 1), (21, 4)]
    assert world.network.counts.cut == 2


def test_head_of_line_a_clients_request_waits_behind_a_message(make_world: Any) -> None:
    world = make_world(latency_ms=10, head_of_line=True)
    world.send("n0", "n1", {"n": 1})
    world.time.run_until(3 * MS)
    world.network.request("c0", "n1", {"n": 2})
    world.network.request("c0", "n2", {"n": 3})
    world.time.run_until(100 * MS)
    assert world.arrivals("n1") == [(10, 1), (10, 2)]
    assert world.arrivals("n2") == [(3, 3)]
    assert world.network.lateness.highest == 0


def test_head_of_line_without_latency_holds_nothing_up(make_world: Any) -> None:
    world = make_world(head_of_line=True)
    for number in range(3):
        world.send("n0", "n1", {"n": number})
    assert world.arrivals("n1") == [(0, 0), (0, 1), (0, 2)]


def test_loss_and_duplication_spare_clients_and_a_node_itself(make_world: Any) -> None:
    world = make_world(loss=1.0, duplication=1.0)
    world.send("n0", "n1", {"n": 1})
    world.send("n0", "n0", {"n": 2})
    world.network.request("c0", "n1", {"n": 3})
    assert world.arrivals("n1") == [(0, 3)]
    assert world.arrivals("n0") == [(0, 2)]
    assert (world.network.counts.lost, world.network.counts.repeated) == (1, 0)


def test_a_repeated_message_comes_twice_with_one_id_and_two_latencies(make_world: Any) -> None:
    world = make_world(duplication=1.0, latency_ms=50, distribution="uniform")
    world.send("n0", "n1", {"n": 1})
    world.time.run_until(1_000 * MS)
    (first, a), (second, b) = world.got["n1"]
    assert first != second
    assert a == b
    assert sorted(world.fates) == ["delivered", "repeated"]
    assert (world.network.servers.sent, world.network.servers.received) == (1, 2)


def test_loss_takes_about_its_share(make_world: Any) -> None:
    world = make_world(loss=0.1)
    for number in range(5_000):
        world.send("n0", "n1", {"n": number})
    assert 400 < world.network.counts.lost < 600
    assert len(world.got["n1"]) == 5_000 - world.network.counts.lost


def test_the_same_seed_loses_the_same_messages(make_world: Any) -> None:
    def lost(seed: int) -> list[Any]:
        world = make_world(loss=0.3, seed=seed)
        for number in range(100):
            world.send("n0", "n1", {"n": number})
        return list(world.arrivals("n1"))

    assert lost(5) == lost(5)
    assert lost(5) != lost(6)


def test_messages_are_counted_by_the_type_of_their_body(make_world: Any) -> None:
    world = make_world()
    world.send("n0", "n1", {"type": "prepare"})
    world.send("n0", "n2", {"type": "prepare"})
    world.send("n1", "n0", {"type": ["no", "text"]})
    world.network.request("c0", "n0", {"type": "read"})
    assert world.network.servers.types == {"prepare": 2, "(other)": 1}
    assert world.network.clients.types == {"read": 1}


@pytest.mark.parametrize(
    ("line", "kind"),
    [
        (b"Listening on port 80", Kind.NOT_JSON),
        (b"", Kind.NOT_JSON),
        (b'{"src":"n0","dest":"n1","body":{"n":\xff}}', Kind.NOT_JSON),
        (b"[1,2]", Kind.NOT_A_MESSAGE),
        (b'{"src":"n0","dest":"n1"}', Kind.NOT_A_MESSAGE),
        (b'{"src":"n0","dest":"n1","body":[]}', Kind.NOT_A_MESSAGE),
        (b'{"src":"n0","dest":1,"body":{}}', Kind.NOT_A_MESSAGE),
        (b'{"src":"","dest":"n1","body":{}}', Kind.NOT_A_MESSAGE),
        (b'{"src":"n0","dest":"n1","body":{},"id":"7"}', Kind.NOT_A_MESSAGE),
        (b'{"src":"n9","dest":"n1","body":{}}', Kind.UNKNOWN_SOURCE),
        (b'{"src":"n0","dest":"n9","body":{}}', Kind.UNKNOWN_DESTINATION),
        (b'{"src":"n0","dest":"c9","body":{}}', Kind.REPLY_TO_NOBODY),
    ],
)
def test_what_is_no_message_is_told_with_the_line(make_world: Any, line: bytes, kind: Kind) -> None:
    world = make_world()
    world.network.on_line("n0", line)
    assert world.mistakes.counts == {"n0": {kind: 1}}
    assert line[:20].decode(errors="backslashreplace") in world.told[0]
    assert "expected:" in world.told[0]
    assert all(not got for got in world.got.values())


def test_a_chatty_node_is_told_a_few_times_and_counted_always(make_world: Any) -> None:
    world = make_world()
    for _ in range(1_000):
        world.network.on_line("n0", b"debug")
    assert world.mistakes.count == 1_000
    assert len(world.told) == 3
    assert len(world.mistakes.first) == 100


def test_a_slow_link_adds_to_the_latency_one_way_until_it_ends(make_world: Any) -> None:
    world = make_world(latency_ms=10)
    world.network.links.slow_down({("n0", "n1"): 30 * MS})
    world.send("n0", "n1", {"n": 1})
    world.send("n1", "n0", {"n": 2})
    world.send("n0", "n2", {"n": 3})
    world.network.links.slow_down({})
    world.send("n0", "n1", {"n": 4})
    world.time.run_until(100 * MS)
    assert world.arrivals("n1") == [(10, 4), (40, 1)]
    assert world.arrivals("n0") == [(10, 2)]
    assert world.arrivals("n2") == [(10, 3)]
    assert world.network.counts.slowed == 1


@pytest.mark.parametrize("head_of_line", [False, True])
def test_ten_messages_are_kept_for_a_node_that_is_down(make_world: Any, head_of_line: bool) -> None:
    world = make_world(head_of_line=head_of_line)
    world.network.take_down("n1")
    for number in range(15):
        world.send("n0", "n1", {"n": number})
    world.network.request("c1", "n1", {"n": 99})
    world.time.run_until(10 * MS)
    assert world.got["n1"] == []
    world.network.expect("n1", world.port("n1"), "c7")
    world.network.request("c7", "n1", {"n": "init"})
    world.network.request("c1", "n1", {"n": 99})
    world.time.run_until(20 * MS)
    assert world.arrivals("n1") == [(10, "init")]
    world.network.bring_up("n1")
    world.send("n0", "n1", {"n": 100})
    world.time.run_until(30 * MS)
    kept = [(20, number) for number in range(10)]
    assert world.arrivals("n1") == [(10, "init"), *kept, (20, 100)]
    assert (world.network.counts.kept, world.network.counts.killed) == (10, 7)
    assert world.fates.count("killed") == 7


def test_what_is_kept_outlasts_another_kill(make_world: Any) -> None:
    world = make_world()
    world.network.take_down("n1")
    world.send("n0", "n1", {"n": 1})
    world.network.expect("n1", world.port("n1"), "c7")
    world.network.take_down("n1")
    world.network.request("c7", "n1", {"n": 2})
    world.network.expect("n1", world.port("n1"), "c8")
    world.network.bring_up("n1")
    assert [n for _, n in world.arrivals("n1")] == [1, 2]
