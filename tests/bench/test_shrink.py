"""Shrinking: the search by itself, beside violations that are known, and with real processes."""

import json
import re
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from random import Random

import pytest

from vsr_node.bench.command_line import cli
from vsr_node.bench.faults.kind import Demand
from vsr_node.bench.faults.partition import PARTITION, Partition
from vsr_node.bench.faults.plan import plan_faults
from vsr_node.bench.running.shrink import (
    Finding,
    OutOfTimeError,
    Shrinker,
    beginnings,
    script_in,
    with_gaps_at_most,
    with_operations,
    without,
)
from vsr_node.bench.stored.options import Options
from vsr_node.bench.stored.script import Script, ScriptedOperation
from vsr_node.bench.workloads.workload import Operation

MS = 1_000_000
SECOND = 1_000 * MS
NODES = ("n0", "n1", "n2")

Shows = Callable[[list[ScriptedOperation], Options], int | None]
"""Return the place of the operation at which a violation shows, None when there is none."""


def options_of(count: int, **changes: object) -> Options:
    words = ["test", "-w", "lin-kv", "--bin", "broken:honest", "--node-count", "3"]
    arguments = cli.parse([*words, "--nemesis", "partition", "--latency", "20"])
    random = Random(1)
    operations = tuple(
        ScriptedOperation(
            number * 10 * MS,
            random.randrange(12),
            random.choice(NODES),
            Operation(random.choice(("read", "write", "cas")), random.randrange(2), number),
        )
        for number in range(count)
    )
    demand = Demand((PARTITION,), NODES, interval_ns=SECOND, time_limit_ns=count * 10 * MS)
    faults = tuple(plan_faults(demand, lambda part: random))
    options = cli.options_of(arguments, 1)
    return replace(options, script=Script(operations, faults), **changes)  # type: ignore[arg-type]


def pair(operations: list[ScriptedOperation], options: Options) -> int | None:
    """A write at one node, and later a write at another one, of key 1."""
    del options
    first = None
    for place, scripted in enumerate(operations):
        if scripted.operation.f == "write" and scripted.operation.key == 1:
            if first not in (None, scripted.node):
                return place
            first = scripted.node
    return None


def under_a_cut(operations: list[ScriptedOperation], options: Options) -> int | None:
    """A write 100 to 300 ms after a cut."""
    for place, scripted in enumerate(operations):
        for fault in script_in(options).faults:
            cut = fault.value is not None
            soon = 100 * MS <= scripted.at - fault.at < 300 * MS
            if cut and soon and scripted.operation.f == "write":
                return place
    return None


def searched(options: Options, shows: Shows, chance: float = 1.0) -> tuple[Shrinker, list[str]]:
    random = Random(2)
    told: list[str] = []

    def attempt(candidate: Options) -> Finding | None:
        operations = list(script_in(candidate).operations)
        place = shows(operations, candidate)
        if place is None or random.random() >= chance:
            return None
        places = frozenset(range(place + 1))
        return Finding(places, frozenset(p for p in places if operations[p].operation.f != "cas"))

    place = shows(list(script_in(options).operations), options)
    assert place is not None
    shrinker = Shrinker(attempt, told.append)
    shrinker.search(beginnings(options, place))
    return shrinker, told


def test_what_is_left_is_what_it_takes() -> None:
    shrinker, told = searched(options_of(2000), pair)
    assert shrinker.best is not None
    script = script_in(shrinker.best)
    assert len(script.operations) == 2
    assert script.faults == ()
    assert shrinker.best.latency.mean_ms == 0
    assert len(shrinker.best.nodes) == 2
    assert script.operations[-1].at <= 20 * MS
    assert shrinker.attempt_count < 200
    assert told[-1].startswith("2 operations, 0 faults, 2 nodes, 0.0")


@pytest.mark.parametrize("chance", [0.7, 0.4])
def test_what_fails_now_and_then_is_shrunk_as_well(chance: float) -> None:
    shrinker, _ = searched(options_of(500), pair, chance)
    assert shrinker.best is not None
    assert len(script_in(shrinker.best).operations) < 10


def test_a_fault_that_it_takes_is_kept_with_its_time() -> None:
    shrinker, _ = searched(options_of(2000), under_a_cut)
    assert shrinker.best is not None
    script = script_in(shrinker.best)
    assert len(script.operations) == 1
    assert len(script.faults) == 1
    assert 100 * MS <= script.operations[0].at - script.faults[0].at < 300 * MS


def test_what_never_fails_again_is_not_shrunk() -> None:
    shrinker, _ = searched(options_of(100), pair, chance=0)
    assert shrinker.best is None


def test_the_time_may_be_up() -> None:
    def attempt(candidate: Options) -> Finding | None:
        raise OutOfTimeError

    shrinker = Shrinker(attempt, lambda text: None)
    shrinker.search(beginnings(options_of(50), 20))
    assert shrinker.best is None


def test_a_part_begins_at_once_and_keeps_the_faults_of_its_time_and_two_before() -> None:
    options = options_of(2000)
    script = script_in(options)
    part = script_in(with_operations(options, script.operations[1000:1100]))
    last_before = [fault for fault in script.faults if fault.at < script.operations[1000].at][-2:]
    assert part.faults[0] == last_before[0]._replace(at=0)
    assert part.operations[0].at == script.operations[1000].at - last_before[0].at
    assert all(fault.at <= part.operations[-1].at for fault in part.faults)


def test_pauses_are_cut_and_the_order_stays() -> None:
    options = options_of(300)
    before, after = script_in(options), script_in(with_gaps_at_most(options, 2 * MS))
    ats = sorted([each.at for each in after.operations] + [fault.at for fault in after.faults])
    assert max(b - a for a, b in pairwise(ats)) <= 2 * MS
    assert [each.operation for each in after.operations] == [
        each.operation for each in before.operations
    ]


def test_a_node_goes_with_its_operations_or_hands_them_on_and_faults_forget_it() -> None:
    options = options_of(300)
    fewer = without(options, "n1", None)
    assert fewer.nodes == ("n0", "n2")
    assert {each.node for each in script_in(fewer).operations} == {"n0", "n2"}
    for fault in script_in(fewer).faults:
        if fault.value is not None:
            assert isinstance(fault.value, Partition)
            assert "n1" not in fault.value.cuts
            assert not any("n1" in sources for sources in fault.value.cuts.values())
    moved = without(options, "n1", "n0")
    assert len(script_in(moved).operations) == 300


def test_a_real_run_shrinks_and_fails_again(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    store = ("--store", str(tmp_path))
    words = "test -w lin-kv --bin broken:own-dict --node-count 2 --rate 100 --time-limit 1"
    assert cli.main([*words.split(), "--seed", "1", *store]) == 1
    latest = tmp_path / "latest"
    capsys.readouterr()
    assert cli.main(["shrink", str(latest), *store, "--measure", "3"]) == 0
    screen = capsys.readouterr().out
    (summary,) = re.findall(r"(\d+) operations, 0 faults, (\d) nodes, .* of \d+ operations", screen)
    assert int(summary[0]) < 8
    assert int(summary[1]) == 2
    (rate,) = re.findall(r"fails ([1-3] of 3), after", screen)
    assert "happened as they were told" in screen
    assert f"it fails {rate} times" in (latest / "report.html").read_text()
    results = json.loads((latest / "results.json").read_bytes())
    assert results["shrunk"]["fails"] == rate
    assert results["stats"]["count"] == int(summary[0])
    assert results["repeat"].endswith(f"replay {latest.resolve()}")
    assert cli.main(["replay", str(latest), *store, "--times", "3"]) == 1
    assert re.search(r"fails [1-3] of 3", capsys.readouterr().out)
