"""The nemesis in virtual time: when a fault of the leader begins."""

from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from vsr_node.bench.faults.nemesis import Nemesis
from vsr_node.bench.faults.partition import PARTITION
from vsr_node.bench.faults.plan import Act
from vsr_node.bench.nodes.clients import Client
from vsr_node.bench.nodes.gauge import LeaderGauge
from vsr_node.bench.nodes.ground import RunGround
from vsr_node.bench.nodes.history import History
from vsr_node.bench.nodes.log_file import LogFile
from vsr_node.bench.nodes.members import Members

MS = 1_000_000

Begun = Callable[[], list[int]]


class Listener:
    """A client that takes every reply."""

    def on_reply(self, source: str, body: dict[str, Any]) -> None:
        del source, body


@pytest.fixture
def trial(make_world: Any, tmp_path: Path) -> Iterator[tuple[Any, Begun]]:
    """Yield a world where the leader is to be cut off from 100 to 1,000 ms, and when it was."""
    world = make_world()
    lines, text = LogFile(tmp_path / "lines"), LogFile(tmp_path / "text")
    history = History(world.time.timers.now, lines, text)
    ground = RunGround(world.time.timers, world.mistakes, world.network, history, lambda _: None)
    members = cast("Members", SimpleNamespace(names=list(world.got), network=world.network))
    gauge = LeaderGauge(world.time.timers, list(world.got), world.network.servers)
    nemesis = Nemesis(
        ground,
        members,
        gauge,
        {},
        lambda: None,
        lambda nodes: None,
        lambda: Client("c9", world.network, world.time.timers),
    )
    nemesis.start([Act(100 * MS, PARTITION, PARTITION.at_leader), Act(1_000 * MS, PARTITION, None)])
    world.network.add_client("c0", Listener())
    yield world, lambda: [effect.begin // MS for effect in nemesis.effects]
    lines.close()
    text.close()


@pytest.mark.parametrize(("kind", "begun"), [("write_ok", 150), ("cas_ok", 150), ("read_ok", 600)])
def test_a_fault_of_the_leader_begins_with_an_acknowledgement_or_half_a_second_later(
    trial: tuple[Any, Begun], kind: str, begun: int
) -> None:
    world, begins = trial
    world.time.run_until(50 * MS)
    world.send("n0", "c0", {"type": "write_ok", "in_reply_to": 1})
    world.time.run_until(150 * MS)
    world.send("n0", "c0", {"type": kind, "in_reply_to": 2})
    world.time.run_until(2_000 * MS)
    assert begins() == [begun]
    assert not world.network.links.drops("n0", "n1")
