"""Load in virtual time, the yardsticks as a lin-kv group, and one short measurement."""

import json
import sys
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any
from xml.etree import ElementTree

import orjson
import pytest

from vsr_node.bench.command_line.cli import main
from vsr_node.bench.perf.cells import Cell, Figures, cells_of
from vsr_node.bench.perf.figures import summaries_of
from vsr_node.bench.perf.load import ClosedLoop, OpenLoop, Target, draw_requests
from vsr_node.bench.perf.measuring import Measured
from vsr_node.bench.perf.subjects import ECHO, FOLDER, REPLICATION, Subject
from vsr_node.bench.perf.usage import usage_of

MS = 1_000_000
SECOND = 1_000 * MS
REQUESTS = [{"type": "read", "key": 1}]


class SlowNode:
    """Answers one request after the other, each after 10 ms."""

    def __init__(self, world: Any, name: str) -> None:
        self.world = world
        self.name = name
        self.asked = 0
        self.free_at = 0

    def write(self, payload: bytes) -> bool:
        message = orjson.loads(payload)
        self.asked += 1
        self.free_at = max(self.free_at, self.world.time.now) + 10 * MS
        reply = {"type": "read_ok", "value": 1, "in_reply_to": message["body"]["msg_id"]}
        timers = self.world.time.timers
        timers.call_at(self.free_at, self.world.send, self.name, message["src"], reply)
        return True


@pytest.fixture
def slow_world(make_world: Callable[..., Any]) -> Any:
    world = make_world()
    world.slow = {name: SlowNode(world, name) for name in world.got}
    for name, node in world.slow.items():
        world.network.add_node(name, node)
    return world


def target(world: Any, *nodes: str) -> Target:
    return Target(world.time.timers, world.network, nodes, "c-")


def test_each_client_of_a_closed_loop_asks_again_once_it_is_answered(slow_world: Any) -> None:
    load = ClosedLoop(target(slow_world, "n0", "n1"), REQUESTS, 4)
    load.start()
    assert load.waiting_count == 4
    slow_world.time.run_until(SECOND)
    assert len(load.latencies_ns) == 200
    assert set(load.latencies_ns[10:]) == {20 * MS}  # Two clients share a node.
    load.stop()
    slow_world.time.run_until(2 * SECOND)
    assert load.waiting_count == 0
    assert [slow_world.slow[name].asked for name in ("n0", "n1", "n2")] == [102, 102, 0]


def test_an_open_loop_counts_from_when_a_request_was_due(slow_world: Any) -> None:
    """A node that does 100 a second is asked 200 a second: who waits in line waits for long."""
    load = OpenLoop(target(slow_world, "n0"), REQUESTS, 200, Random(1))
    load.start()
    slow_world.time.run_until(10 * SECOND)
    assert 990 < len(load.latencies_ns) <= 1_000
    assert max(load.latencies_ns) == pytest.approx(5 * SECOND, rel=0.15)
    assert load.waiting_count == pytest.approx(1_000, rel=0.15)


def test_an_open_loop_keeps_its_rate_whatever_comes_back(slow_world: Any) -> None:
    load = OpenLoop(target(slow_world, "n0", "n1"), REQUESTS, 100, Random(1))
    load.start()
    slow_world.time.run_until(20 * SECOND)
    assert len(load.latencies_ns) == pytest.approx(2_000, rel=0.1)
    load.measure()
    assert load.latencies_ns == []


def test_requests_are_of_the_mix_that_is_asked_for() -> None:
    kinds = [request["type"] for request in draw_requests(Random(1), 0.25)]
    assert kinds.count("read") / len(kinds) == pytest.approx(0.25, abs=0.03)
    assert set(kinds) == {"read", "write"}


def test_the_loads_are_all_that_can_be_made() -> None:
    cells = cells_of((1, 8), (50.0,), ("primary", "spread"), (0.0, 100.0))
    assert len(set(cells)) == len(cells) == 12
    assert cells[0].text == "1 clients, primary, 0% reads"


def figures_at(speed: float) -> Figures:
    names = dict.fromkeys(Figures.__dataclass_fields__, 1.0)
    return Figures(**names | {"operations_per_second": speed})  # type: ignore[arg-type]


def test_ratios_are_of_one_round_and_their_median_counts() -> None:
    cell = Cell("spread", 0.5, clients=8)
    speeds = [{ECHO: 100.0, REPLICATION: 50.0, "x": own} for own in (10.0, 20.0, 90.0)]
    speeds.append({ECHO: 10.0, REPLICATION: 5.0, "x": 2.0})
    rounds = [
        [
            Measured(Subject(name, ("x",)), 0.1, None, [(cell, figures_at(speed))])
            for name, speed in each.items()
        ]
        for each in speeds
    ]
    echo, replication, own = summaries_of(rounds)
    assert own.figures["operations_per_second"] == 15
    assert own.ratios[ECHO]["operations_per_second"] == pytest.approx(0.2)
    assert own.ratios[REPLICATION]["operations_per_second"] == pytest.approx(0.4)
    assert REPLICATION not in replication.ratios
    assert echo.ratios[REPLICATION]["operations_per_second"] == pytest.approx(2)


def test_usage_is_read_of_a_process_and_is_nothing_of_none() -> None:
    import os

    sum(range(2_000_000))
    usage = usage_of(os.getpid())
    assert usage.cpu_seconds > 0
    assert usage.resident_bytes > 5 << 20
    assert usage_of(2**22 + 1) == (0.0, 0)


@pytest.fixture(params=[2, 3, 4, 5])
def node_count(request: pytest.FixtureRequest) -> int:
    assert type(request.param) is int
    return request.param


def test_the_bare_replication_node_is_linearizable(tmp_path: Path, node_count: int) -> None:
    script = tmp_path / "node"
    script.write_text(f"#!/bin/sh\nexec {sys.executable} {FOLDER / 'replication.py'}\n")
    script.chmod(0o755)
    words = f"test -w lin-kv --bin {script} --node-count {node_count} --concurrency 4n --rate 300"
    more = f"--latency 5 --latency-dist constant --time-limit 1 --store {tmp_path} --seed 3"
    assert main([*words.split(), *more.split()]) == 0


def test_a_measurement_puts_figures_beside_the_yardsticks(tmp_path: Path) -> None:
    words = "perf --bin broken:honest --set memory= --clients= --rates 100 --reads 50"
    more = f"--at primary,spread --seconds 0.3 --seed 1 --store {tmp_path} --vs broken:honest"
    assert main([*words.split(), *more.split()]) == 0
    folder = tmp_path / "perf/latest"
    results = json.loads((folder / "perf.json").read_bytes())
    assert list(results["subjects"]) == [ECHO, REPLICATION, "memory", "broken:honest"]
    assert len(results["summaries"]) == 2 * 4
    for summary in results["summaries"]:
        figures = summary["figures"]
        assert figures["operations"] > 0
        assert figures["errors"] == 0
        assert 0 < figures["latency_p50_ms"] <= figures["latency_p99_ms"]
        assert set(summary["ratios"]) == {ECHO, REPLICATION} - {summary["subject"]}
        if summary["subject"] == ECHO:
            assert figures["server_messages"] == 0
        if summary["place"] == "spread" and summary["subject"] == "memory":
            assert 0.4 < figures["server_messages"] < 0.9  # Two of three nodes forward.
    assert not (tmp_path / "latest").exists()
    ElementTree.parse(folder / "perf.svg")
    assert "100 a second, spread, 50% reads" in (folder / "perf.txt").read_text()


def test_another_node_alone_has_its_name_in_the_table(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = "perf --vs broken:honest --clients 2 --rates= --reads 50 --seconds 0.1"
    assert main([*words.split(), "--store", str(tmp_path)]) == 0
    results = json.loads((tmp_path / "perf/latest/perf.json").read_bytes())
    assert list(results["subjects"]) == [ECHO, REPLICATION, "broken:honest"]
    assert "\n  broken:honest " in capsys.readouterr().out
    assert main(["perf", "--store", str(tmp_path)]) == 254
    assert "--bin, or that of --vs" in capsys.readouterr().err


def test_a_subject_that_does_not_come_up_is_told_and_the_others_are_measured(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    script = tmp_path / "node"
    script.write_text("#!/bin/sh\nexit 3\n")
    script.chmod(0o755)
    words = f"perf --bin {script} --set x= --clients 1 --rates= --reads 50 --seconds 0.1"
    assert main([*words.split(), "--store", str(tmp_path)]) == 255
    assert "ERROR: x: the group did not come up" in capsys.readouterr().out
    results = json.loads((tmp_path / "perf/latest/perf.json").read_bytes())
    assert results["failed"] == ["x"]
    assert list(results["subjects"]) == [ECHO, REPLICATION]
