"""Faults: their shapes, and the plan that the seed draws."""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from hashlib import sha256
from random import Random

import orjson
import pytest

from vsr_node.bench.faults.aimed import AIMED
from vsr_node.bench.faults.kill import KILL, Kill
from vsr_node.bench.faults.kind import Demand, FaultKind, PlannedKind
from vsr_node.bench.faults.kinds import KIND_OF_ACT, KINDS, NEMESES, wanted
from vsr_node.bench.faults.partition import (
    PARTIAL,
    PARTITION,
    SHAPES,
    Partition,
    Shape,
    majorities_ring,
    majority,
    minority_third,
    one,
    shapes_for,
)
from vsr_node.bench.faults.pause import PAUSE
from vsr_node.bench.faults.plan import Act, act_of, plan_faults, without_node
from vsr_node.bench.faults.reconfigure import RECONFIGURE
from vsr_node.bench.faults.slow import SLOW, Slow
from vsr_node.bench.faults.targets import Targets, at_backup, sizes_for
from vsr_node.checker import Event
from vsr_node.checker.history import Json
from vsr_node.report.recorded_run import faults_of

SECOND = 1_000_000_000
SIZES = range(2, 10)
PLANS_OF_TWENTY_SEEDS = "3115203994bd13c3259e014d56be89cc02a9314ba2e9afad12ca57b1979e1e73"
TARGETS = {"one", "minority", "majority", "all", "primary"}
VARIANTS = {
    PARTITION: {"one", "majority", "minority-third", "majorities-ring"},
    KILL: TARGETS,
    PAUSE: TARGETS,
    SLOW: {"links", "node"},
}


def names(count: int) -> list[str]:
    return [f"n{number}" for number in range(count)]


def stream_of(seed: int, part: str) -> Random:
    return Random(f"{seed}/{part}")


def plan(
    kinds: Sequence[FaultKind], count: int, seed: int, interval_ns: int, time_limit_ns: int
) -> list[Act]:
    demand = Demand(tuple(kinds), names(count), interval_ns, time_limit_ns, slow_ms=50)
    return plan_faults(demand, partial(stream_of, seed))


def thorough_plan(kind: FaultKind, seed: int) -> list[Act]:
    demand = Demand((kind,), names(3), 2 * SECOND, 20 * SECOND, slow_ms=50, thorough=True)
    return plan_faults(demand, partial(stream_of, seed))


@pytest.mark.parametrize("kind", KINDS)
def test_before_a_final_phase_all_faults_end_even_as_maelstrom_draws_them(kind: FaultKind) -> None:
    demand = Demand((kind,), names(3), 2 * SECOND, 20 * SECOND, slow_ms=50, heals=True)
    lasting = 0
    for seed in range(20):
        acts = plan_faults(demand, partial(stream_of, seed))
        assert acts[-1].value is None
        assert [act.value is None for act in acts] == [False, True] * (len(acts) // 2)
        drawn = plan_faults(replace(demand, heals=False), partial(stream_of, seed))
        assert acts[: len(drawn)] == drawn
        lasting += len(acts) > len(drawn)
    assert lasting


@pytest.mark.parametrize("kind", KINDS)
def test_a_thorough_plan_hits_the_leader_often_uses_all_variants_and_ends_all_faults(
    kind: FaultKind,
) -> None:
    for seed in range(20):
        acts = thorough_plan(kind, seed)
        variants = [act.value.kind for act in acts if act.value is not None]
        if kind is not SLOW:
            assert variants[:2] == ["primary", "backup"]
            assert set(variants[::2]) | {variants[-1]} == {"primary"}
            variants = [variant for variant in variants[1::2] if variant != "primary"]
        used = variants[: len(set(variants))]
        assert len(set(used)) == len(used)
        assert acts[0].at >= SECOND // 2
        assert acts[-1].value is None
        assert acts[-1].at <= 20 * SECOND


def test_a_partition_of_the_leader_cuts_off_the_node_that_leads_when_it_begins() -> None:
    assert PARTITION.at_leader is not None
    aimed = PARTITION.at_leader.aimed("n1", names(3))
    assert aimed == Partition(
        "primary", "n1 | n0 n2", {"n0": ["n1"], "n1": ["n0", "n2"], "n2": ["n1"]}
    )
    assert PARTITION.at_leader.aimed(None, names(2)).text == "n0 | n1"
    assert at_backup(PARTITION.at_leader).aimed("n2", names(3)).text == "n0 | n1 n2"
    assert PARTITION.at_leader.without("n1") == PARTITION.at_leader


def heard(partition: Partition, nodes: list[str]) -> dict[str, set[str]]:
    return {node: set(nodes) - set(partition.cuts.get(node, ())) for node in nodes}


def sides(partition: Partition, nodes: list[str]) -> list[int]:
    """The sizes of a clean cut's sides; fails if the cut is not clean."""
    hears = heard(partition, nodes)
    groups = {frozenset(group) for group in hears.values()}
    assert all(hears[node] == group for group in groups for node in group)
    assert sum(len(group) for group in groups) == len(nodes)
    return sorted(len(group) for group in groups)


@pytest.mark.parametrize("count", SIZES)
def test_one_node_is_cut_off(count: int) -> None:
    assert sides(one(names(count), Random(count)), names(count)) == [1, count - 1]


@pytest.mark.parametrize("count", SIZES)
def test_a_majority_split_leaves_the_smaller_half_alone(count: int) -> None:
    expected = [count // 2, count - count // 2]
    assert sides(majority(names(count), Random(count)), names(count)) == expected


@pytest.mark.parametrize("count", range(3, 8))
@pytest.mark.parametrize("shape", PARTIAL)
def test_after_a_partial_partition_everybody_reaches_everybody_by_way_of_others(
    shape: Shape, count: int
) -> None:
    nodes = names(count)
    for seed in range(10):
        partition = shape(nodes, Random(seed))
        assert any(partition.cuts.values())
        assert SHAPES[partition.kind] is shape
        hears = heard(partition, nodes)
        for node in nodes:
            reached = [node]
            for source in reached:
                reached += [each for each in nodes if source in hears[each] and each not in reached]
            assert sorted(reached) == nodes


def test_partitions_that_are_asked_for_are_the_only_ones() -> None:
    demand = Demand((PARTITION,), names(5), SECOND, 60 * SECOND, partitions=("link", "chain"))
    for each in (demand, replace(demand, thorough=True)):
        acts = plan_faults(each, partial(stream_of, 1))
        assert {act.value.kind for act in acts if act.value is not None} == {"link", "chain"}


def test_only_a_run_that_is_not_drawn_as_maelstrom_does_has_partial_partitions() -> None:
    demand = Demand((PARTITION,), names(5), SECOND, 100 * SECOND, thorough=True)
    for each, has_all in ((demand, True), (replace(demand, thorough=False), False)):
        acts = plan_faults(each, partial(stream_of, 1))
        kinds = {act.value.kind for act in acts if act.value is not None}
        assert (kinds >= SHAPES.keys()) == has_all
        assert has_all or not kinds & {"link", "one-way", "one-way-ring", "bridge", "chain"}


@pytest.mark.parametrize("count", range(3, 10))
def test_a_minority_third_is_less_than_a_third_or_one_node(count: int) -> None:
    smaller, _ = sides(minority_third(names(count), Random(count)), names(count))
    assert smaller == 1 or smaller * 3 < count


@pytest.mark.parametrize("count", range(3, 10))
def test_in_a_ring_every_node_hears_another_majority(count: int) -> None:
    nodes = names(count)
    for seed in range(20):
        hears = heard(majorities_ring(nodes, Random(seed)), nodes)
        assert all(node in hears[node] for node in nodes)
        assert all(len(hears[node]) > count // 2 for node in nodes)
        assert all(len(hears[node]) < count for node in nodes)
        assert len({frozenset(group) for group in hears.values()}) == count


@pytest.mark.parametrize("count", range(3, 10))
def test_a_rings_links_keep_both_ways_but_on_three_nodes(count: int) -> None:
    nodes = names(count)
    hears = heard(majorities_ring(nodes, Random(count)), nodes)
    both_ways = all(a in hears[b] for a in nodes for b in hears[a])
    assert both_ways == (count != 3)
    if count == 3:
        assert all(len(hears[node]) == 2 for node in nodes)


def test_few_nodes_have_few_shapes() -> None:
    assert shapes_for(1) == ()
    assert len(shapes_for(2)) == 2
    assert len(shapes_for(3)) == 4


def test_the_plan_follows_from_the_seed() -> None:
    assert plan(KINDS, 5, 1, 3, 300) == plan(KINDS, 5, 1, 3, 300)
    assert plan(KINDS, 5, 1, 3, 300) != plan(KINDS, 5, 2, 3, 300)


def test_a_seed_draws_the_plan_that_it_always_drew() -> None:
    digest = sha256()
    for seed in range(20):
        for count in range(1, 6):
            for act in plan(KINDS, count, seed, 2 * SECOND, 30 * SECOND):
                digest.update(orjson.dumps(act.as_json()))
    assert digest.hexdigest() == PLANS_OF_TWENTY_SEEDS


def test_one_nemesis_changes_nothing_for_another() -> None:
    kills = plan([KILL], 5, 1, 3, 300)
    assert [act for act in plan(KINDS, 5, 1, 3, 300) if act.kind is KILL] == kills


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_each_kind_alternates_between_all_its_variants_and_their_end(kind: FaultKind) -> None:
    faults = plan([kind], 5, 1, 2 * SECOND, 1_000 * SECOND)
    assert [fault.f for fault in faults[::2]] == [kind.begins] * len(faults[::2])
    assert [fault.f for fault in faults[1::2]] == [kind.ends] * len(faults[1::2])
    assert 430 < len(faults) < 570
    assert all(fault.at < 1_000 * SECOND for fault in faults)
    variants = {fault.value.kind for fault in faults if fault.value is not None}
    assert variants == VARIANTS[kind]


def test_faults_of_several_kinds_overlap() -> None:
    faults = plan(KINDS, 5, 1, 2 * SECOND, 100 * SECOND)
    assert [fault.at for fault in faults] == sorted(fault.at for fault in faults)
    under_way: set[PlannedKind] = set()
    most = 0
    for fault in faults:
        if fault.value is not None:
            under_way.add(fault.kind)
        else:
            under_way.remove(fault.kind)
        most = max(most, len(under_way))
    assert most == 4


def test_a_run_as_long_as_the_mean_interval_has_a_fault() -> None:
    for seed in range(50):
        assert plan([PARTITION], 3, seed, 10 * SECOND, 10 * SECOND)


def test_a_single_node_has_no_links_but_can_be_killed() -> None:
    assert plan([PARTITION, SLOW], 1, 1, SECOND, 100 * SECOND) == []
    assert plan([KILL], 1, 1, SECOND, 100 * SECOND)


def test_kills_hit_as_many_as_their_name_says() -> None:
    assert sizes_for(1) == {"one": 1, "primary": 1}
    assert sizes_for(2) == {"one": 1, "majority": 2, "primary": 1}
    assert sizes_for(3) == {"one": 1, "majority": 2, "all": 3, "primary": 1}
    assert sizes_for(5) == {"one": 1, "minority": 2, "majority": 3, "all": 5, "primary": 1}
    for fault in plan([KILL], 5, 1, SECOND, 100 * SECOND):
        if isinstance(fault.value, Targets) and fault.value.nodes is not None:
            assert len(set(fault.value.nodes)) == sizes_for(5)[fault.value.kind]


def test_what_is_left_of_a_fault_without_a_node() -> None:
    kill = Act(7, KILL, Kill("majority", "n0 n1", ["n0", "n1"]))
    left = without_node(kill, "n1")
    assert left == Act(7, KILL, Kill("majority", "n0 n1 (without n1)", ["n0"]))
    assert without_node(left, "n0") is None
    cut = Act(7, PARTITION, majority(["n0", "n1", "n2", "n3"], Random(1)))
    left = without_node(cut, "n0")
    assert left is not None
    assert isinstance(left.value, Partition)
    assert sorted(left.value.cuts) == ["n1", "n2", "n3"]
    assert not any("n0" in sources for sources in left.value.cuts.values())
    one_off = one(["n0", "n1", "n2"], Random(1))
    (alone,) = (node for node, sources in one_off.cuts.items() if len(sources) == 2)
    assert without_node(Act(7, PARTITION, one_off), alone) is None
    left = without_node(Act(7, PARTITION, one_off), min({"n0", "n1", "n2"} - {alone}))
    assert left is not None
    assert isinstance(left.value, Partition)
    assert sum(map(len, left.value.cuts.values())) == 2
    slow = Act(7, SLOW, Slow("links", "", [["n0", "n1"]], 5))
    assert without_node(slow, "n2") is not None
    assert without_node(slow, "n1") is None
    for same in (Act(7, KILL, None), Act(7, KILL, Kill("primary", "the leader", None))):
        assert without_node(same, "n0") == same


def test_a_kill_of_the_leader_names_it_when_it_begins() -> None:
    kill = Kill("primary", "the leader", None)
    assert kill.aimed("n2", names(3)) == Kill("primary", "n2", ["n2"])
    unknown = Kill("primary", "n0, as no leader was seen", ["n0"])
    assert kill.aimed(None, names(3)) == unknown
    assert Kill("one", "n1", ["n1"]).aimed("n2", names(3)) == Kill("one", "n1", ["n1"])


def test_a_schedule_is_read_as_it_was_written() -> None:
    acts = plan(KINDS, 5, 1, SECOND, 100 * SECOND)
    assert {act.kind for act in acts} == {*KINDS}
    for act in acts:
        line = orjson.dumps(act.as_json())
        assert act_of(orjson.loads(line)) == act
        assert orjson.dumps(act_of(orjson.loads(line)).as_json()) == line


def test_a_line_of_a_schedule_has_the_names_that_stored_runs_have() -> None:
    values = [
        Act(1, PARTITION, Partition("one", "n0 | n1", {"n0": ["n1"], "n1": ["n0"]})),
        Act(2, KILL, Kill("one", "n0", ["n0"])),
        Act(3, SLOW, Slow("links", "n0 -> n1 by 50 ms", [["n0", "n1"]], 50)),
        Act(4, PAUSE, None),
    ]
    assert [orjson.dumps(act.as_json()["value"]).decode() for act in values] == [
        '{"kind":"one","text":"n0 | n1","cuts":{"n0":["n1"],"n1":["n0"]}}',
        '{"kind":"one","text":"n0","nodes":["n0"]}',
        '{"kind":"links","text":"n0 -> n1 by 50 ms","links":[["n0","n1"]],"ms":50}',
        "null",
    ]
    for act, f in zip(values, ("start-partition", "kill", "start-slow", "resume"), strict=True):
        assert list(act.as_json().items())[:2] == [("at", act.at), ("f", f)]


def test_names_tell_kinds_and_acts_apart() -> None:
    assert len({kind.name for kind in KINDS}) == len(KINDS)
    assert len(KIND_OF_ACT) == 2 * len((*KINDS, AIMED, RECONFIGURE))
    assert wanted(NEMESES, None) == (KILL, PARTITION, PAUSE)
    assert wanted(["pause"], 50) == (PAUSE, SLOW)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_the_page_knows_each_kind_by_its_name(kind: FaultKind) -> None:
    value: Json = {"kind": "a", "text": "b"}
    events = [
        Event(0, 10, "nemesis", "info", kind.begins, None, value),
        Event(1, 20, "nemesis", "info", kind.ends, None, None),
    ]
    (fault,) = faults_of(events)
    assert (fault.name, fault.text, fault.begin, fault.end) == (kind.name, "a: b", 10, 20)
