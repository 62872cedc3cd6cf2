"""The smallest failing part, held against the oracle, and what would mend a violation."""

from functools import cache
from random import Random
from typing import Any

import pytest

from tests.checker.histories import as_events, draw, history, without
from tests.checker.oracle import is_linearizable
from vsr_node.checker import (
    Bounds,
    Change,
    Event,
    FailingPart,
    MapModel,
    RegisterModel,
    check,
    explain,
    smallest_failing_part,
)


def smallest(events: list[Event], seconds: float = 60.0) -> FailingPart:
    (violation, *_) = explain(check(events, RegisterModel()), events, seconds)
    return violation.part


@cache
def lied_to() -> list[list[Event]]:
    """Histories that are not linearizable, of few operations, as the oracle is slow."""
    found = []
    for seed in range(600):
        events = draw(
            Random(seed), operations=14, processes=4, lies=0.3, unsure=0.1, values=(0, 1, 2)
        )
        if not is_linearizable(events):
            found.append(events)
    return found


def test_the_part_fails_and_taking_any_operation_away_mends_it() -> None:
    histories = lied_to()
    assert len(histories) > 200
    sizes = set()
    for events in histories:
        part = smallest(events)
        assert part.minimal
        assert part.culprit in part.operations
        assert not is_linearizable(as_events([*part.operations, *part.unsure]))
        for operation in part.operations:
            assert is_linearizable(as_events(without(part, operation)))
        sizes.add(len(part.operations))
    assert len(sizes) > 3


def test_each_remedy_mends_all_up_to_the_culprit() -> None:
    changes = set()
    for events in lied_to():
        part = smallest(events)
        for remedy in part.remedies:
            assert remedy.operation.invoked < (part.culprit.completed or 0)
            changes.add(remedy.change)
            if remedy.change is Change.LOST:
                left = {remedy.operation.invoked, remedy.operation.completed}
                cut = events[: (part.culprit.completed or 0) + 1]
                # What fails after the cut did not happen, though nothing of that is left in it.
                failed = {event.process for event in still_to_fail(events, len(cut))}
                kept = [
                    event
                    for event in cut
                    if event.index not in left
                    and not (event.process in failed and is_last_call(cut, event))
                ]
                assert is_linearizable(kept)
    assert changes == set(Change)


def still_to_fail(events: list[Event], cut: int) -> list[Event]:
    """The first completion after the cut of each process, where it is a failure."""
    first: dict[Any, Event] = {}
    for event in events[cut:]:
        first.setdefault(event.process, event)
    return [event for event in first.values() if event.type == "fail"]


def is_last_call(events: list[Event], event: Event) -> bool:
    return event == [each for each in events if each.process == event.process][-1]


def test_a_value_out_of_nowhere_needs_no_other_operation() -> None:
    events = history(
        (0, "invoke", "write", 1),
        (0, "ok", "write", 1),
        (1, "invoke", "write", 2),
        (0, "invoke", "read", None),
        (0, "ok", "read", 3),
        (1, "ok", "write", 2),
    )
    part = smallest(events)
    assert [operation.value for operation in part.operations] == [3]
    assert [operation.value for operation in part.unsure] == [1, 2]
    assert part.remedies == ()


def test_what_fails_after_the_violation_did_not_happen() -> None:
    # Cut off before its fail, write 3 would be of unknown outcome and explain the read.
    events = history(
        (1, "invoke", "write", 3),
        (0, "invoke", "read", None),
        (0, "ok", "read", 3),
        (1, "fail", "write", 3),
    )
    part = smallest(events)
    assert [operation.value for operation in part.operations] == [3]
    assert part.unsure == ()
    (remedy,) = part.remedies
    assert (remedy.change, remedy.operation.f) == (Change.HAPPENED, "write")


def test_a_part_of_another_key_plays_no_role() -> None:
    events = history(
        (0, "invoke", "write", 1, "a"),
        (0, "ok", "write", 1, "a"),
        (1, "invoke", "read", None, "b"),
        (1, "ok", "read", 1, "b"),
    )
    part = smallest(events)
    assert [operation.key for operation in part.operations] == ["b"]
    assert part.unsure == ()


def test_another_model() -> None:
    events = history(
        (0, "invoke", "append", "x"),
        (0, "ok", "append", "x"),
        (0, "invoke", "append", "y"),
        (0, "ok", "append", "y"),
        (0, "invoke", "get", None),
        (0, "ok", "get", "x"),
    )
    verdict = check(events, MapModel(), Bounds())
    culprit = verdict.keys[0].culprit
    assert culprit is not None
    part = smallest_failing_part(events, MapModel(), culprit, 60.0)
    # "x" may always have come later than the read; "y" may not.
    assert [operation.value for operation in part.operations] == ["y", "x"]
    assert part.minimal


def test_without_time_the_part_is_everything_and_says_so() -> None:
    events = lied_to()[0]
    (violation, *_) = explain(check(events, RegisterModel()), events, 0.0)
    assert not violation.part.minimal
    assert not is_linearizable(as_events([*violation.part.operations, *violation.part.unsure]))
    assert "Time ran out" in "\n".join(violation.lines())


@pytest.mark.parametrize("count", [5, 60])
def test_the_text_is_a_screen_however_long_the_history(count: int) -> None:
    steps: list[tuple[Any, ...]] = []
    for _ in range(count):
        steps += [(0, "invoke", "write", 1), (0, "ok", "write", 1)]
    steps += [(0, "invoke", "write", 2), (0, "ok", "write", 2)]
    steps += [(1, "invoke", "read", None), (1, "ok", "read", 1)]
    events = history(*steps)
    (violation,) = explain(check(events, RegisterModel()), events, 60.0)
    # Each write of 1 could have come last, were its outcome not known.
    assert violation.part.minimal
    assert len(violation.part.operations) == count + 2
    lines = list(violation.lines())
    assert len(lines) < 30
    assert max(map(len, lines)) < 500
    assert f"these {count + 2} operations can't all have happened" in lines[0]


WRITTEN_AND_READ_OLD: tuple[tuple[Any, ...], ...] = (
    (0, "invoke", "write", 1),
    (0, "ok", "write", 1),
    (0, "invoke", "write", 2),
    (0, "ok", "write", 2),
    (1, "invoke", "read", None),
    (1, "ok", "read", 2),
    (1, "invoke", "read", None),
    (1, "ok", "read", 1),
)


def remedies_of(*later_reads: int) -> list[tuple[Change, int, bool]]:
    later = [
        (2, kind, "read", value)
        for read in later_reads
        for kind, value in (("invoke", None), ("ok", read))
    ]
    part = smallest(history(*WRITTEN_AND_READ_OLD, *later))
    return [
        (each.change, each.agreeing_count, each.contradiction is not None)
        for each in part.remedies
        if each.change in (Change.STALE, Change.LOST_ALL)
    ]


def test_later_reads_tell_a_stale_read_from_a_loss() -> None:
    both = {change for change, _, _ in remedies_of()}
    assert both == {Change.STALE, Change.LOST_ALL}
    assert remedies_of(1, 1) == [(Change.LOST_ALL, 2, False), (Change.STALE, 0, True)]
    assert remedies_of(2, 2) == [(Change.STALE, 2, False), (Change.LOST_ALL, 0, True)]


def test_a_loss_is_described_with_its_time_and_what_was_seen_later() -> None:
    events = [
        event._replace(time=event.index * 1_000_000_000)
        for event in history(
            *WRITTEN_AND_READ_OLD, (2, "invoke", "read", None), (2, "ok", "read", 1)
        )
    ]
    (violation,) = explain(check(events, RegisterModel()), events)
    remedies = list(violation.remedies())
    assert remedies[0] == (
        "if all that was acknowledged from 2.000 s to 6.000 s, 2 operations, had not happened: "
        "lost; what the next operation saw agrees"
    )
    assert remedies[-1] == (
        "if read 1 by process 1 at 6.000 s could show an earlier state: a stale read; "
        "but read 1 (process 2) at 9.000 s does not agree"
    )
