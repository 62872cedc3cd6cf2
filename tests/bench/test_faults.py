"""Faults: their shapes, and the plan that the seed draws."""

from collections.abc import Sequence
from random import Random

import orjson
import pytest

from vsr_node.bench.faults.plan import (
    ENDS,
    NEMESES,
    Fault,
    Value,
    fault_of,
    majorities_ring,
    majority,
    minority_third,
    one,
    plan_faults,
    shapes_for,
    sizes_for,
    without_node,
)

SECOND = 1_000_000_000
SIZES = range(2, 10)
ALL = (*NEMESES, "slow")
TARGETS = {"one", "minority", "majority", "all", "primary"}
KINDS = {
    "partition": {"one", "majority", "minority-third", "majorities-ring"},
    "kill": TARGETS,
    "pause": TARGETS,
    "slow": {"links", "node"},
}


def names(count: int) -> list[str]:
    return [f"n{number}" for number in range(count)]


def plan(
    nemeses: Sequence[str], count: int, seed: int, interval: int, time_limit: int
) -> list[Fault]:
    def stream(part: str) -> Random:
        return Random(f"{seed}/{part}")

    slow_ms = 50 if "slow" in nemeses else None
    drawn = [nemesis for nemesis in nemeses if nemesis != "slow"]
    return plan_faults(drawn, names(count), stream, interval, time_limit, slow_ms)


def heard(partition: Value, nodes: list[str]) -> dict[str, set[str]]:
    return {node: set(nodes) - set(partition["cuts"].get(node, ())) for node in nodes}


def sides(partition: Value, nodes: list[str]) -> list[int]:
    """The sizes of a clean cut's sides; fails when it is none."""
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
    assert plan(ALL, 5, 1, 3, 300) == plan(ALL, 5, 1, 3, 300)
    assert plan(ALL, 5, 1, 3, 300) != plan(ALL, 5, 2, 3, 300)


def test_one_nemesis_changes_nothing_for_another() -> None:
    kills = plan(["kill"], 5, 1, 3, 300)
    assert [fault for fault in plan(ALL, 5, 1, 3, 300) if fault.f in ("kill", "start")] == kills


@pytest.mark.parametrize("begin", ENDS)
def test_each_nemesis_alternates_between_all_its_kinds_and_their_end(begin: str) -> None:
    nemesis = begin.removeprefix("start-")
    faults = plan([nemesis], 5, 1, 2 * SECOND, 1_000 * SECOND)
    assert [fault.f for fault in faults[::2]] == [begin] * len(faults[::2])
    assert [fault.f for fault in faults[1::2]] == [ENDS[begin]] * len(faults[1::2])
    assert 430 < len(faults) < 570
    assert all(fault.at < 1_000 * SECOND for fault in faults)
    kinds = {fault.value["kind"] for fault in faults if fault.value is not None}
    assert kinds == KINDS[nemesis]


def test_faults_of_several_nemeses_overlap() -> None:
    faults = plan(ALL, 5, 1, 2 * SECOND, 100 * SECOND)
    assert [fault.at for fault in faults] == sorted(fault.at for fault in faults)
    under_way: set[str] = set()
    most = 0
    for fault in faults:
        if fault.value is not None:
            under_way.add(ENDS[fault.f])
        else:
            under_way.remove(fault.f)
        most = max(most, len(under_way))
    assert most == 4


def test_a_run_as_long_as_the_mean_interval_has_a_fault() -> None:
    for seed in range(50):
        assert plan(["partition"], 3, seed, 10 * SECOND, 10 * SECOND)


def test_a_single_node_has_no_links_but_can_be_killed() -> None:
    assert plan(["partition", "slow"], 1, 1, SECOND, 100 * SECOND) == []
    assert plan(["kill"], 1, 1, SECOND, 100 * SECOND)


def test_kills_hit_as_many_as_their_name_says() -> None:
    assert sizes_for(1) == {"one": 1, "primary": 1}
    assert sizes_for(2) == {"one": 1, "majority": 2, "primary": 1}
    assert sizes_for(3) == {"one": 1, "majority": 2, "all": 3, "primary": 1}
    assert sizes_for(5) == {"one": 1, "minority": 2, "majority": 3, "all": 5, "primary": 1}
    for fault in plan(["kill"], 5, 1, SECOND, 100 * SECOND):
        if fault.value is not None and fault.value["kind"] != "primary":
            assert len(set(fault.value["nodes"])) == sizes_for(5)[fault.value["kind"]]


def test_what_is_left_of_a_fault_without_a_node() -> None:
    kill = Fault(7, "kill", {"kind": "majority", "text": "n0 n1", "nodes": ["n0", "n1"]})
    left = without_node(kill, "n1")
    assert left is not None
    assert left.value is not None
    assert left.value["nodes"] == ["n0"]
    assert without_node(left, "n0") is None
    cut = Fault(7, "start-partition", one(["n0", "n1", "n2"], Random(1)))
    left = without_node(cut, "n0")
    assert left is None or left.value["cuts"] == {"n1": ["n2"], "n2": ["n1"]}  # type: ignore[index]
    slow = Fault(7, "start-slow", {"kind": "links", "text": "", "links": [["n0", "n1"]], "ms": 5})
    assert without_node(slow, "n2") is not None
    assert without_node(slow, "n1") is None
    for same in (
        Fault(7, "start", None),
        Fault(7, "kill", {"kind": "primary", "text": "the leader", "nodes": None}),
    ):
        assert without_node(same, "n0") == same


def test_a_schedule_is_read_as_it_was_written() -> None:
    for fault in plan(ALL, 5, 1, SECOND, 20 * SECOND):
        assert fault_of(orjson.loads(orjson.dumps(fault._asdict()))) == fault
