"""The nemesis that asks for other members, in virtual time; and what the results make of it."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from random import Random
from types import SimpleNamespace
from typing import Any, cast

import pytest

from vsr_node.bench.faults.kind import Demand
from vsr_node.bench.faults.nemesis import Effect, Nemesis
from vsr_node.bench.faults.plan import Act, act_of, plan_faults, without_node
from vsr_node.bench.faults.reconfigure import RECONFIGURE, Offer, Reconfigure
from vsr_node.bench.nodes.clients import Client
from vsr_node.bench.nodes.gauge import LeaderGauge
from vsr_node.bench.nodes.ground import RunGround
from vsr_node.bench.nodes.history import History
from vsr_node.bench.nodes.log_file import LogFile
from vsr_node.bench.nodes.members import Members
from vsr_node.bench.stored.pauses import pauses_ms
from vsr_node.report.recorded_run import faults_of

MS = 1_000_000
SECOND = 1_000 * MS
CHANGE = Reconfigure("2 members", "n0 n2 (asked of n1)", ["n0", "n2"], "n1")
OK = {"type": "reconfigure_ok", "epoch": 1, "members": ["n2", "n0"]}

NewClient = Callable[[], Client]


@pytest.fixture
def world(make_world: Any) -> Any:
    return make_world()


@pytest.fixture
def new_client(world: Any) -> NewClient:
    names = iter(range(10))
    return lambda: Client(f"c{next(names)}", world.network, world.time.timers)


@pytest.fixture
def trial(
    world: Any, new_client: NewClient, tmp_path: Path
) -> Iterator[tuple[Nemesis, History, LeaderGauge]]:
    """Yield a nemesis that asks at 100 and at 200 ms, its history, and the gauge."""
    lines, text = LogFile(tmp_path / "lines"), LogFile(tmp_path / "text")
    timers, nodes = world.time.timers, list(world.got)
    history = History(timers.now, lines, text)
    ground = RunGround(timers, world.mistakes, world.network, history, lambda _: None)
    members = cast("Members", SimpleNamespace(names=nodes, network=world.network))
    gauge = LeaderGauge(timers, nodes, world.network.servers)
    nemesis = Nemesis(
        ground, members, gauge, {"n1": 3}, lambda: None, lambda nodes: None, new_client
    )
    nemesis.start([Act(at * MS, RECONFIGURE, CHANGE) for at in (100, 200)])
    yield nemesis, history, gauge
    lines.close()
    text.close()


def acts(history: History) -> list[tuple[str, Any]]:
    return [(event.f, event.value) for event in history.events]


def test_a_node_is_asked_and_the_answer_is_the_end_of_the_act(world: Any, trial: Any) -> None:
    nemesis, history, gauge = trial
    world.time.run_until(150 * MS)
    body = {"type": "reconfigure", "members": ["n0", "n2"], "msg_id": 1}
    assert [message["body"] for _, message in world.got["n1"]] == [body]
    world.send("n1", "c0", OK | {"in_reply_to": 1})
    world.time.run_until(170 * MS)
    answer = {"kind": "ok", "text": "epoch 1: n2 n0"}
    assert acts(history) == [("reconfigure", CHANGE.as_json()), ("reconfigured", answer)]
    assert gauge.members == ("n2", "n0")
    (effect,) = nemesis.effects
    assert (effect.epoch, effect.nodes, effect.operations_in_flight) == (1, ["n0", "n2"], 3)
    assert effect.has_touched
    (span,) = faults_of(history.events)
    assert span.text == "2 members: n0 n2 (asked of n1); ok: epoch 1: n2 n0"


def test_no_second_change_is_asked_for_before_the_answer(world: Any, trial: Any) -> None:
    _, history, _ = trial
    world.time.run_until(300 * MS)
    assert len(world.got["n1"]) == len(acts(history)) == 1


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        ({"type": "error", "code": 14, "text": "another change is being prepared"}, "fail"),
        ({"type": "error", "code": 11, "text": "no quorum"}, "fail"),
        ({"type": "error", "code": 13, "text": "the node ends"}, "info"),
        (None, "info"),
    ],
)
def test_a_refused_change_begins_no_epoch(
    world: Any, trial: Any, body: dict[str, Any] | None, kind: str
) -> None:
    nemesis, history, gauge = trial
    world.time.run_until(150 * MS)
    if body is not None:
        world.send("n1", "c0", body | {"in_reply_to": 1})
    world.time.run_until(11 * SECOND)
    assert acts(history)[1][1]["kind"] == kind
    assert nemesis.effects[0].epoch is None
    assert not nemesis.effects[0].has_touched
    assert gauge.members == ["n0", "n1", "n2"]


def test_the_present_members_begin_no_epoch(world: Any, trial: Any) -> None:
    nemesis, _, _ = trial
    world.time.run_until(150 * MS)
    world.send("n1", "c0", OK | {"in_reply_to": 1})
    world.time.run_until(250 * MS)
    world.send("n1", "c1", OK | {"in_reply_to": 1})
    world.time.run_until(300 * MS)
    assert [effect.epoch for effect in nemesis.effects] == [1, None]


def test_a_plan_asks_for_sets_of_each_size_and_ends_none_of_them() -> None:
    nodes = [f"n{number}" for number in range(5)]
    demand = Demand((RECONFIGURE,), nodes, SECOND, 100 * SECOND, thorough=True, heals=True)
    plan = plan_faults(demand, Random)
    changes = [act.value for act in plan]
    assert all(isinstance(change, Reconfigure) for change in changes)
    sizes = {len(change.nodes) for change in changes if isinstance(change, Reconfigure)}
    assert sizes == {1, 2, 3, 4, 5}
    assert [act_of(act.as_json()) for act in plan] == plan


def test_what_is_left_of_a_change_in_a_smaller_group() -> None:
    act = Act(0, RECONFIGURE, CHANGE)
    left = without_node(act, "n1")
    assert left is not None
    assert left.value == Reconfigure("2 members", "n0 n2 (asked of n0)", ["n0", "n2"], "n0")
    left = without_node(left, "n0")
    assert left is not None
    assert without_node(left, "n2") is None


def test_a_node_that_offers_no_changes_is_known_before_the_run(
    world: Any, new_client: NewClient
) -> None:
    for code, missing in ((12, False), (10, True)):
        offer = Offer(new_client(), "n0")
        world.time.run_until(world.time.now + MS)
        client = world.got["n0"][-1][1]["src"]
        world.send("n0", client, {"type": "error", "code": code, "text": "no", "in_reply_to": 1})
        world.time.run_until(world.time.now + MS)
        assert offer.is_known
        assert (offer.missing is not None) == missing
        if offer.missing is not None:
            assert "n0 answered error 10: no" in offer.missing


def test_a_pause_is_that_of_the_slowest_write_while_the_epoch_began() -> None:
    effect = Effect("reconfigure", "", "", [], None, False, 100 * MS, 0, 0, 120 * MS, 0, 1)
    writes = [(number * 10 * MS, number * 10 * MS + 2 * MS) for number in range(20)]
    slow = (105 * MS, 135 * MS)
    earlier = (10 * MS, 90 * MS)
    refused = replace(effect, epoch=None)
    assert pauses_ms([effect, refused], [*writes, slow, earlier]) == [28.0, None]
    assert pauses_ms([effect], [earlier]) == [None]
