"""Aimed faults: what each tactic does, and when."""

from collections.abc import Callable, Sequence
from itertools import pairwise
from random import Random
from typing import Any

import pytest

from tests.bench.conftest import MS, World
from vsr_node.bench.faults.aimed import AIMED, TACTICS, Pursuit, Tactic
from vsr_node.bench.faults.kind import Demand, FaultKind, FaultValue
from vsr_node.bench.faults.partition import PARTITION, Partition
from vsr_node.bench.faults.plan import Act, act_of, plan_faults
from vsr_node.bench.stored.option_values import nemeses

ACKNOWLEDGED = {"type": "write_ok", "in_reply_to": 1}
READ = {"type": "read_ok", "value": 1, "in_reply_to": 1}


class Client:
    """Takes any reply."""

    def on_reply(self, source: str, body: dict[str, Any]) -> None:
        del source, body


class Stage:
    """A group of nodes that are lists, whose leader is n0, and a tactic that acts on it."""

    def __init__(self, world: World, tactic: str) -> None:
        self.world = world
        self.leader: str | None = "n0"
        self.acts: list[str] = []
        self.held: Sequence[str] = ()
        world.network.add_client("c1", Client())
        nodes = list(world.got)
        timers = world.time.timers
        self.pursuit = Pursuit(
            timers, nodes, world.network, lambda: self.leader, self.carry_out, self.hold_changes
        )
        self.pursuit.begin(Tactic(tactic, tactic))

    def carry_out(self, kind: FaultKind, value: FaultValue | None) -> None:
        if value is None:
            self.acts.append(kind.ends)
            return
        aimed = value.aimed(self.leader, list(self.world.got))
        self.acts.append(f"{kind.begins} {aimed.text}")
        if isinstance(aimed, Partition):
            cuts = {node: frozenset(sources) for node, sources in aimed.cuts.items()}
            self.world.network.links.cut(cuts)

    def hold_changes(self, nodes: Sequence[str]) -> None:
        if nodes != self.held:
            self.held = nodes
            self.acts.append(" ".join(("hold", *nodes)))

    def lead(self, node: str) -> None:
        """Let another node lead, as a message of its shows."""
        self.leader = node
        self.world.send(node, "n0", {"type": "heartbeat"})

    def answer(self, body: dict[str, Any] = ACKNOWLEDGED, count: int = 1) -> None:
        for _ in range(count):
            self.world.send("n0", "c1", body)

    def wait(self, milliseconds: int) -> None:
        self.world.time.run_until(self.world.time.now + milliseconds * MS)


@pytest.fixture
def play(make_world: Callable[..., World]) -> Callable[[str], Stage]:
    return lambda tactic: Stage(make_world(), tactic)


Play = Callable[[str], Stage]


@pytest.mark.parametrize("tactic", TACTICS)
def test_a_tactic_that_waits_in_vain_hits_no_leader(play: Play, tactic: str) -> None:
    stage = play(tactic)
    stage.answer(READ, 10)
    stage.wait(1000)
    assert not any("n0" in act.split("|")[0] for act in stage.acts)


@pytest.mark.parametrize("tactic", TACTICS)
def test_what_a_tactic_began_ends_with_it(play: Play, tactic: str) -> None:
    stage = play(tactic)
    stage.answer(count=10)
    stage.wait(100)
    assert any("n0" in act for act in stage.acts)
    stage.pursuit.end()
    begins = {act.split()[0] for act in stage.acts} & {"kill", "pause", "start-partition"}
    assert stage.acts[-len(begins) :]
    assert not begins & {act.split()[0] for act in stage.acts[-1:]}
    before = list(stage.acts)
    stage.answer(count=10)
    stage.wait(1000)
    assert stage.acts == before


def test_a_cut_comes_between_an_acknowledgement_and_the_next_message(play: Play) -> None:
    stage = play("cut the leader off")
    stage.world.send("n0", "n1", {"type": "before"})
    stage.answer()
    stage.world.send("n0", "n1", {"type": "after"})
    assert stage.world.fates == ["delivered", "delivered", "cut"]


def test_a_kill_waits_until_all_output_is_read(play: Play) -> None:
    stage = play("kill the leader")
    stage.answer()
    assert not stage.acts
    stage.wait(0)
    assert stage.acts == ["kill n0"]


def test_a_paused_leader_goes_on_once_another_has_acknowledged_something(play: Play) -> None:
    stage = play("pause the leader")
    stage.answer()
    assert stage.acts == ["pause n0"]
    stage.leader = None
    stage.wait(500)
    stage.lead("n1")
    assert stage.acts == ["pause n0"]
    stage.answer()
    assert stage.acts == ["pause n0", "resume"]


def test_the_leader_dies_as_a_node_comes_back_that_is_behind(play: Play) -> None:
    stage = play("kill the leader as another returns")
    assert stage.acts == ["kill n1"]
    stage.answer(count=4)
    stage.wait(100)
    assert stage.acts == ["kill n1"]
    stage.answer()
    stage.wait(0)
    assert stage.acts == ["kill n1", "start", "kill n0"]


def test_the_witnesses_start_again_as_the_leader_that_they_know_is_cut_off(play: Play) -> None:
    stage = play("restart the witnesses")
    stage.answer()
    assert stage.acts == ["start-partition n0 | n1 n2"]
    stage.lead("n2")
    stage.answer(count=5)
    stage.wait(0)
    apart = "start-partition n0 | n1 | n2"
    assert stage.acts[1:] == [apart, "kill n1", "start-partition n2 | n0 n1", "start"]


def test_the_witnesses_die_when_no_message_is_under_way_to_them(
    make_world: Callable[..., World],
) -> None:
    stage = Stage(make_world(latency_ms=50), "restart the witnesses")
    stage.answer()
    stage.lead("n2")
    stage.world.send("n2", "n1", {"type": "heartbeat"})
    stage.answer(count=5)
    stage.wait(49)
    assert stage.acts[2:] == []
    stage.wait(10)
    assert stage.acts[2:] == ["kill n1", "start-partition n2 | n0 n1", "start"]


def test_a_majority_dies_one_after_the_other(make_world: Callable[..., World]) -> None:
    stage = Stage(make_world(5), "kill a majority")
    stage.answer()
    stage.wait(100)
    assert stage.acts == ["kill n0"]
    stage.wait(1000)
    assert stage.acts == ["kill n0", "kill n1", "kill n2"]


def test_each_new_leader_is_cut_off(play: Play) -> None:
    stage = play("cut each leader off")
    stage.answer()
    stage.wait(100)
    stage.leader = None
    stage.wait(100)
    stage.lead("n2")
    stage.wait(0)
    cuts = ["start-partition n0 | n1 n2", "start-partition n2 | n0 n1"]
    assert stage.acts == cuts


def test_all_die_with_an_acknowledgement(play: Play) -> None:
    stage = play("kill all")
    stage.answer()
    stage.wait(0)
    assert stage.acts == ["kill n0 n1 n2"]


@pytest.mark.parametrize(
    ("node_count", "sides"),
    [
        (3, ("n0 | n1 | n2", "n0 n1 | n2", "n1 n2 | n0")),
        (5, ("n0 | n1 | n2 | n3 | n4", "n0 n1 n3 | n2 n4", "n1 n2 n3 | n0 n4")),
    ],
)
def test_two_old_leaders_return_each_to_the_same_nodes(
    make_world: Callable[..., World], node_count: int, sides: tuple[str, ...]
) -> None:
    stage = Stage(make_world(node_count), "return old leaders")
    stage.answer()
    stage.acts.clear()
    stage.lead("n2")
    stage.wait(2000)
    apart, first, second = (f"start-partition {side}" for side in sides)
    hold_all = " ".join(("hold", *stage.pursuit.nodes))
    assert stage.acts[:3] == [apart, hold_all.replace(" n0", ""), hold_all.replace(" n2", "")]
    assert stage.acts[3:] == [hold_all, first]
    stage.answer(READ)
    stage.wait(500)
    assert stage.acts[5:] == [second]
    stage.answer(READ)
    stage.wait(500)
    stage.pursuit.end()
    assert stage.acts[6:] == ["hold", "stop-partition"]


def test_a_new_leader_is_cut_off_before_its_first_message_leaves(play: Play) -> None:
    stage = play("cut each leader off")
    stage.answer()
    stage.leader = "n2"
    stage.world.send("n2", "n1", {"type": "heartbeat"})
    stage.wait(0)
    assert stage.acts[1:] == ["start-partition n2 | n0 n1"]


def test_a_tactic_lasts_as_long_as_its_steps_take() -> None:
    demand = Demand((AIMED,), ("n0", "n1", "n2"), 200 * MS, 300_000 * MS, thorough=True)
    acts = plan_faults(demand, Random)
    assert {act.value.kind for act in acts if act.value is not None} == {*TACTICS}
    for begin, end in pairwise(acts[:-1]):
        if begin.value is not None:
            assert end.at - begin.at >= begin.value.lasts_ns_min > 0


def test_a_tactic_is_read_back_as_it_was_written() -> None:
    for value in (Tactic("kill the leader", "kill the leader"), None):
        act = Act(5, AIMED, value)
        assert act_of(act.as_json()) == act
    assert Tactic("kill the leader", "x").without("n0") == Tactic("kill the leader", "x")


def test_all_nemeses_are_those_of_before() -> None:
    assert nemeses("aimed,kill") == ("kill", "aimed")
    assert "aimed" not in nemeses("all")
    assert PARTITION.name in nemeses("all")
