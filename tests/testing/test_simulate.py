"""``simulate`` finds each planted fault within 50 seeds, and nothing in an honest machine."""

from collections.abc import Callable
from random import Random
from typing import Any

import pytest

from vsr_node.machines.library.counter import Counter
from vsr_node.machines.library.key_value import KeyValue
from vsr_node.machines.typed import Machine, Request, command
from vsr_node.testing.drawing import draw_call, draw_value
from vsr_node.testing.simulate import SimulationFailure, simulate

from . import faulty

SEEDS = range(50)


@pytest.mark.parametrize(
    ("machine", "found_by"),
    [
        (faulty.Time, {"agreement"}),
        (faulty.Chance, {"agreement", "answers"}),
        (faulty.SetOrder, {"another-process", "agreement", "answers"}),
        (faulty.Address, {"agreement", "answers", "another-process"}),
        (faulty.LostField, {"snapshot"}),
        (faulty.FloatText, {"snapshot"}),
        (faulty.ExceptionText, {"agreement"}),
        (faulty.GlobalVariable, {"agreement"}),
    ],
)
def test_a_planted_fault_is_found(machine: Callable[[], Any], found_by: set[str]) -> None:
    with pytest.raises(SimulationFailure) as caught:
        simulate(machine, seeds=SEEDS, shrink=False)
    assert caught.value.failure.invariant in found_by, str(caught.value)
    assert caught.value.seed in SEEDS


@pytest.mark.parametrize("machine", [faulty.Bank, Counter, KeyValue])
def test_nothing_is_found_in_an_honest_machine(machine: type[Machine]) -> None:
    report = simulate(machine, seeds=range(4))
    assert report.seeds == 4
    assert report.operations > 1_600
    assert report.is_tried_elsewhere
    assert "nothing found" in str(report)


def test_a_broken_invariant_is_found_and_its_plan_is_small() -> None:
    with pytest.raises(SimulationFailure, match="no_money_is_made") as caught:
        simulate(faulty.Invented, seeds=SEEDS)
    plan = caught.value.plan
    calls = [each for lane in plan.lanes for each in lane.operations]
    assert (len(plan.faults), len(calls)) == (0, 1)
    assert '"refund"' in str(caught.value)
    assert f"--vsr-seed {caught.value.seed}" in str(caught.value)


def test_own_calls_and_an_own_invariant() -> None:
    def calls(random: Random) -> Request[Counter, Any]:
        return Counter.add.request(random.randrange(3))

    simulate(Counter, seeds=range(2), calls=calls, invariant=lambda counter: counter.value >= 0)
    with pytest.raises(SimulationFailure, match="invariant"):
        simulate(
            Counter,
            seeds=range(2),
            calls=calls,
            invariant=lambda counter: counter.value < 5,
            shrink=False,
        )


def test_a_machine_made_within_a_function_is_not_tried_elsewhere() -> None:
    class Local(Machine):
        value: int = 0

        @command
        def touch(self) -> int:
            return self.value

    report = simulate(Local, seeds=range(1))
    assert not report.is_tried_elsewhere
    assert "not in another process" in str(report)


def test_a_seed_is_a_seed() -> None:
    texts = []
    for _ in range(2):
        with pytest.raises(SimulationFailure) as caught:
            simulate(faulty.Invented, seeds=[3], shrink=False)
        texts.append(str(caught.value))
    assert texts[0] == texts[1]


@pytest.mark.parametrize(
    "kind",
    [
        *(int, str, float, bool, bytes, Any, None | int, str | None),
        *(list[int], dict[str, list[int]], set[str], tuple[int, str], tuple[int, ...]),
    ],
)
def test_values_are_drawn_of_a_type(kind: Any) -> None:
    values = [draw_value(Random(seed), kind) for seed in range(20)]
    assert len(set(map(repr, values))) > 1
    assert values == [draw_value(Random(seed), kind) for seed in range(20)]


def test_a_type_without_a_pool_asks_for_own_calls() -> None:
    with pytest.raises(TypeError, match="calls of your own"):
        draw_value(Random(1), complex)


def test_calls_are_drawn_of_all_commands() -> None:
    texts = {
        draw_call(Random(seed), faulty.Bank).operation(0, 0).split(",")[0] for seed in range(99)
    }
    assert texts == {'["mint"', '["move"', '["balance"', '["all_owners"]'}
