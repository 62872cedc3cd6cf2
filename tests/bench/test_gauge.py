"""Which node leads, as the messages show it, and which nodes a cut leaves without a majority."""

import sys
from random import Random
from typing import Any

import pytest

from vsr_node.bench.faults.partition import (
    Partition,
    loses_majority,
    majorities_ring,
    majority,
    one,
)
from vsr_node.bench.nodes.gauge import LeaderGauge

MS = 1_000_000


def gauge_of(world: Any) -> LeaderGauge:
    gauge = LeaderGauge(world.time.timers, list(world.got), world.network.servers)
    gauge.start()
    return gauge


def star(world: Any, leader: str, rounds: int) -> None:
    for number in range(rounds):
        for node in world.got:
            if node != leader:
                world.send(leader, node, {"n": number})
                world.send(node, leader, {"n": number})
        world.time.run_until(world.time.now + 10 * MS)


@pytest.mark.parametrize("nodes", [3, 5])
def test_the_node_that_all_talk_to_leads(make_world: Any, nodes: int) -> None:
    world = make_world(nodes=nodes)
    gauge = gauge_of(world)
    star(world, "n1", 20)
    assert gauge.leader() == "n1"


def test_a_new_leader_is_known_within_a_second(make_world: Any) -> None:
    world = make_world()
    gauge = gauge_of(world)
    star(world, "n1", 500)
    star(world, "n2", 100)
    assert gauge.leader() == "n2"


def broadcast(world: Any, source: str, body: dict[str, Any], times: int) -> None:
    for node in world.got:
        for _ in range(times if node != source else 0):
            world.send(source, node, body)


def test_who_asks_most_does_not_lead_where_a_view_number_names_the_primary(make_world: Any) -> None:
    world = make_world()
    gauge = gauge_of(world)
    broadcast(world, "n2", {"type": "read", "view_number": 4}, 50)
    broadcast(world, "n1", {"type": "prepare", "view_number": 4}, 5)
    assert gauge.leader() == "n1"


def test_a_leader_of_an_older_term_does_not_count(make_world: Any) -> None:
    world = make_world()
    gauge = gauge_of(world)
    broadcast(world, "n0", {"type": "append_entries", "term": 3}, 50)
    broadcast(world, "n2", {"type": "append_entries", "term": 4}, 2)
    assert gauge.leader() == "n2"


def test_a_leader_that_was_replaced_does_not_lead_by_another_type(make_world: Any) -> None:
    world = make_world()
    gauge = gauge_of(world)
    broadcast(world, "n0", {"type": "append_entries", "term": 3}, 50)
    broadcast(world, "n0", {"type": "answer"}, 50)
    broadcast(world, "n2", {"type": "append_entries", "term": 4}, 1)
    assert gauge.leader() == "n2"


def test_a_candidate_does_not_lead_before_it_is_elected(make_world: Any) -> None:
    world = make_world()
    gauge = gauge_of(world)
    broadcast(world, "n0", {"type": "ask_vote", "term": 3}, 1)
    broadcast(world, "n0", {"type": "append_entries", "term": 3}, 9)
    broadcast(world, "n2", {"type": "ask_vote", "term": 4}, 1)
    assert gauge.leader() == "n0"
    broadcast(world, "n2", {"type": "append_entries", "term": 4}, 1)
    assert gauge.leader() == "n2"


def test_who_answers_two_leaders_does_not_lead(make_world: Any) -> None:
    world = make_world()
    gauge = gauge_of(world)
    broadcast(world, "n0", {"type": "append_entries", "term": 3}, 1)
    for _ in range(50):
        world.send("n1", "n0", {"type": "confirm", "term": 3})
    broadcast(world, "n2", {"type": "append_entries", "term": 4}, 2)
    for _ in range(50):
        world.send("n1", "n2", {"type": "confirm", "term": 4})
        world.send("n0", "n2", {"type": "confirm", "term": 4})
    assert gauge.leader() == "n2"


def test_nobody_leads_where_all_do_the_same_or_nothing(make_world: Any) -> None:
    world = make_world()
    gauge = gauge_of(world)
    assert gauge.leader() is None
    for _ in range(50):
        for source in world.got:
            for destination in world.got:
                if source != destination:
                    world.send(source, destination, {})
    assert gauge.leader() is None


def test_its_work_is_a_few_steps_for_each_pair_and_type(make_world: Any) -> None:
    world = make_world(nodes=25)
    gauge = gauge_of(world)
    kinds = ("read", "read_ok", "prepare", "prepare_ok")
    for kind in kinds:
        for source in world.got:
            broadcast(world, source, {"type": kind, "view_number": 0}, 1)
    steps = 0

    def count(*_: object) -> None:
        nonlocal steps
        steps += 1

    sys.setprofile(count)
    gauge.leader()
    sys.setprofile(None)
    assert steps < 30 * len(kinds) * 25 * 24


def losers(partition: Partition) -> list[str]:
    cuts = {node: frozenset(sources) for node, sources in partition.cuts.items()}
    return [node for node in cuts if loses_majority(node, cuts)]


@pytest.mark.parametrize("nodes", [2, 3, 4, 5])
def test_the_one_that_is_cut_off_loses_its_majority(nodes: int) -> None:
    names = [f"n{number}" for number in range(nodes)]
    partition = one(names, Random(1))
    alone = [name for name in names if len(partition.cuts[name]) == nodes - 1]
    assert losers(partition) == alone


def test_in_a_ring_of_one_way_links_and_in_equal_halves_all_lose_it() -> None:
    three, four, five = (tuple(f"n{number}" for number in range(size)) for size in (3, 4, 5))
    assert losers(majorities_ring(three, Random(1))) == [*three]
    assert losers(majority(four, Random(1))) == [*four]
    assert losers(majorities_ring(five, Random(1))) == []
