"""A cas that failed with error 22 has seen another value than the one that it compared with."""

from collections.abc import Sequence
from random import Random
from typing import Any

import pytest

from tests.checker.oracle import is_linearizable
from vsr_node.bench.workloads import WORKLOADS, Setting
from vsr_node.checker import Bounds, Event, RegisterModel, check
from vsr_node.checker.explanation import explain
from vsr_node.checker.history import MISMATCH, Json, failed_operations, pair_operations
from vsr_node.checker.judgement import Demands
from vsr_node.checker.validity import Validity
from vsr_node.checker.workloads.lin_kv import judge

ERROR: list[Json] = [22, "it is another value"]


def after_write_of_7(value: Any, error: Any, f: str = "cas") -> list[Event]:
    """Return the history of a write of 7 and, after it, an operation that fails."""
    return [
        Event(0, 1, 0, "invoke", "write", 1, 7),
        Event(1, 2, 0, "ok", "write", 1, 7),
        Event(2, 3, 1, "invoke", f, 1, value),
        Event(3, 4, 1, "fail", f, 1, value, error),
    ]


def valid(events: Sequence[Event]) -> bool | None:
    return check(events, RegisterModel()).valid


def test_the_value_was_another_one() -> None:
    assert valid(after_write_of_7([6, 8], ERROR)) is True
    assert valid(after_write_of_7([7, 8], ERROR)) is False


def test_a_missing_key_has_another_value_and_null_counts_for_nothing() -> None:
    assert valid(after_write_of_7([7, 8], ERROR)[2:]) is True
    assert valid(after_write_of_7([None, 8], ERROR)[2:]) is True
    assert valid(after_write_of_7([None, 8], ERROR)) is True


@pytest.mark.parametrize(
    "error",
    [None, 22, [11, "no"], [20.5], ["precondition-failed", "x"], "precondition-failed", ["no", 22]],
)
def test_other_errors_say_nothing(error: Any) -> None:
    assert valid(after_write_of_7([7, 8], error)) is True


@pytest.mark.parametrize("f", ["read", "write"])
def test_only_a_cas_has_a_precondition(f: str) -> None:
    assert valid(after_write_of_7(7, ERROR, f)) is True


def test_of_unknown_outcome_it_says_nothing() -> None:
    *before, completion = after_write_of_7([7, 8], ERROR)
    assert valid([*before, completion._replace(type="info")]) is True


def test_a_write_under_way_may_have_come_between() -> None:
    events = after_write_of_7([7, 8], ERROR)
    write = Event(0, 1, 2, "invoke", "write", 1, 9)
    shifted = [event._replace(index=event.index + 1) for event in events]
    assert valid([write, *shifted]) is True


def test_it_may_have_happened_nevertheless() -> None:
    events = after_write_of_7([7, 8], ERROR)
    (operation,) = [each for each in pair_operations(events) if each.f == MISMATCH]
    assert (operation.value, operation.invoked, operation.completed) == (7, 2, 3)
    assert [each.f for each in failed_operations(events)] == ["cas"]


def test_both_verdicts_say_what_maelstrom_would() -> None:
    lin_kv = WORKLOADS["lin-kv"](Setting(1, 2), Random(0))
    done: list[tuple[str, Json]] = [("read", None), ("cas", [None, 1])]
    served = [
        Event(number, 5, 0, type_, f, 2, value)
        for number, (f, value) in enumerate(done, 2)
        for number, type_ in ((2 * number, "invoke"), (2 * number + 1, "ok"))
    ]
    for f, value, error in (("cas", [7, 8], ERROR), ("read", None, [20, "gone"])):
        events = [*after_write_of_7(value, error, f), *served]
        verdict, judgement = lin_kv.judge(events, Bounds()), judge(events, Demands())
        assert (verdict.valid, verdict.as_maelstrom) == (Validity.INVALID, Validity.VALID)
        assert (judgement.valid, judgement.as_maelstrom) == (Validity.INVALID, Validity.VALID)
    stale = [*after_write_of_7(None, None, "read")[:3], Event(3, 4, 1, "ok", "read", 1, 5)]
    assert lin_kv.judge(stale, Bounds()).as_maelstrom is None
    assert judge(stale, Demands()).as_maelstrom is Validity.INVALID


def test_the_explanation_names_the_value() -> None:
    events = after_write_of_7([7, 8], ERROR)
    (violation,) = explain(check(events, RegisterModel()), events)
    text = "\n".join(violation.lines())
    for part in ("write 7", "failed cas of 7", "the register is 7"):
        assert part in text


def test_a_search_of_all_orders_agrees() -> None:
    verdicts = [both(Random(seed)) for seed in range(600)]
    assert all(ours == plain for ours, plain in verdicts)
    assert 100 < sum(plain for _, plain in verdicts) < 500


def both(random: Random) -> tuple[bool | None, bool]:
    """Return the verdicts of the checker and of a plain search on a drawn history.

    To the plain search a cas that failed is read-only, and fits any value but its own.
    """
    events: list[Event] = []
    under_way: dict[int, tuple[str, Json]] = {}
    while len(events) < 12:
        process = random.randrange(4)
        if process not in under_way:
            f = random.choice(["write", "write", "cas", "cas", "cas", "read"])
            compared = random.randrange(2)
            value: Json = {"read": None, "write": compared}.get(f, [compared, 1 - compared])
            under_way[process] = f, value
            events.append(Event(len(events), 0, process, "invoke", f, 1, value))
        else:
            f, value = under_way.pop(process)
            is_refused = f == "cas" and random.random() < 0.6
            shown = random.randrange(2) if f == "read" else value
            type_, error = ("fail", ERROR) if is_refused else ("ok", None)
            events.append(Event(len(events), 0, process, type_, f, 1, shown, error))
    return valid(events), is_linearizable(events)
