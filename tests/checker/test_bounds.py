"""Bounds on time and memory, and what a verdict says when one is hit."""

import gc
import tracemalloc
from itertools import pairwise
from random import Random
from typing import Any

import pytest

from tests.checker.histories import draw, history
from tests.checker.oracle import is_linearizable
from vsr_node.checker import (
    Bounds,
    Event,
    MapModel,
    Model,
    RegisterModel,
    check,
    pair_operations,
)
from vsr_node.checker.search import Search, SearchOutcome

Step = tuple[Any, ...]


def easy(process: int, key: Any) -> list[Step]:
    return [
        (process, "invoke", "write", 1, key),
        (process, "ok", "write", 1, key),
        (process, "invoke", "read", None, key),
        (process, "ok", "read", 1, key),
    ]


def hard(first: int, width: int, key: Any) -> list[Step]:
    """Reads of 0, 1 and 0 again while `width` writes are under way, all of which are read later.

    Not linearizable, and all subsets of the writes may have come before the second read.
    """
    reader = first + width
    writes = [(first + number, number) for number in range(width)]
    steps: list[Step] = [(process, "invoke", "write", value, key) for process, value in writes]
    for value in (0, 1, 0):
        steps += [(reader, "invoke", "read", None, key), (reader, "ok", "read", value, key)]
    steps += [(process, "ok", "write", value, key) for process, value in writes]
    steps += [(process, "invoke", "read", None, key) for process, _ in writes]
    return steps + [(process, "ok", "read", value, key) for process, value in writes]


def searched(events: list[Event], model: Model, configurations_max: int) -> Search:
    search = Search(model, pair_operations(events))
    left = configurations_max

    def pause() -> bool:
        nonlocal left
        left -= 1
        return left < 0

    search.run(pause)
    return search


def configurations(width: int) -> int:
    search = Search(RegisterModel(), pair_operations(history(*hard(0, width, None))))
    count = 0

    def pause() -> bool:
        nonlocal count
        count += 1
        return False

    assert search.run(pause) is SearchOutcome.NOT_LINEARIZABLE
    return count


def test_the_hard_history_is_hard() -> None:
    counts = [configurations(width) for width in (4, 6, 8, 10)]
    assert all(after > 3 * before for before, after in pairwise(counts))


@pytest.mark.parametrize(
    ("bounds", "reason"),
    [
        (Bounds(seconds=0.2), "the time limit (0.2 s)"),
        (Bounds(memory_bytes=1_000_000), "the memory limit (1000000 bytes)"),
    ],
)
@pytest.mark.usefixtures("steady_time")
def test_a_hard_key_is_undecided_and_the_others_are_not(bounds: Bounds, reason: str) -> None:
    steps = hard(0, 40, "hard")
    for number in range(20):
        steps += easy(100 + number, number)
    verdict = check(history(*steps), RegisterModel(), bounds)
    assert verdict.valid is None
    first, *others = verdict.keys
    assert all(key.valid for key in others)
    assert first.valid is None
    assert first.reason == (
        f"valid up to operation 2 of 83; undecided, as {reason} was hit with 39 open there"
    )
    assert 'Key "hard": valid up to operation 2 of 83' in verdict.explanation()


@pytest.mark.usefixtures("steady_time")
def test_hard_keys_do_not_hide_a_violation() -> None:
    lie: list[Step] = [(900, "invoke", "read", None, "lie"), (900, "ok", "read", 7, "lie")]
    steps = [*hard(0, 40, "x"), *hard(100, 40, "y"), *lie]
    for bounds in (Bounds(seconds=0.5), Bounds(memory_bytes=1_000_000)):
        verdict = check(history(*steps), RegisterModel(), bounds)
        assert verdict.valid is False
        assert [key.valid for key in verdict.keys] == [None, None, False]
        assert "can't be placed" in verdict.explanation()
        assert "undecided" in verdict.explanation()


def test_memory_that_one_hard_key_gives_up_serves_the_next() -> None:
    """Two keys that together need more than there is, and one of them alone does not."""
    events = history(*hard(0, 40, "too hard"), *hard(100, 9, "hard"))
    alone = searched(history(*hard(0, 9, None)), RegisterModel(), 10**9).memory_bytes
    verdict = check(events, RegisterModel(), Bounds(memory_bytes=4 * alone))
    assert [key.valid for key in verdict.keys] == [None, False]


def test_what_a_partial_verdict_calls_valid_is_valid() -> None:
    events = history(*hard(0, 12, None))
    (key,) = check(events, RegisterModel(), Bounds(memory_bytes=60_000)).keys
    assert key.valid is None
    completions = [event.index for event in events if event.type == "ok"]
    assert key.valid_count > 0
    assert is_linearizable(events[: completions[key.valid_count - 1] + 1])


def test_no_time_at_all() -> None:
    verdict = check(history(*easy(0, None)), RegisterModel(), Bounds(seconds=0))
    assert verdict.valid is None
    assert verdict.keys[0].reason.startswith("valid up to operation 0 of 2; undecided")


def test_wide_bounds_change_no_verdict() -> None:
    bounds = Bounds(seconds=1000, memory_bytes=10**9)
    model = RegisterModel()
    for seed in range(200):
        events = draw(Random(seed), operations=12, processes=4, lies=0.2)
        assert check(events, model, bounds) == check(events, model)


def appends(count: int) -> list[Event]:
    calls: list[Step] = [(number, "invoke", "append", chr(97 + number)) for number in range(count)]
    return history(*calls, (count, "invoke", "get", None), (count, "ok", "get", "?"))


@pytest.mark.parametrize(
    ("events", "model"),
    [
        (history(*hard(0, 30, None)), RegisterModel()),
        (appends(9), MapModel()),
        (draw(Random(1), operations=5000, processes=10, unsure=0), RegisterModel()),
        (
            draw(Random(1), operations=2000, processes=30, values=tuple(range(500)), unsure=0.05),
            RegisterModel(),
        ),
        (draw(Random(1), operations=2000, processes=30, unsure=0.3), RegisterModel()),
    ],
    ids=["masks", "states", "long", "many values", "many unsure"],
)
def test_memory_is_accounted_for_honestly(events: list[Event], model: Model) -> None:
    """What a search says that it holds, beside what Python says."""
    before = searched(events, model, 0).memory_bytes
    gc.collect()
    tracemalloc.start()
    try:
        compiled = Search(model, pair_operations(events))
        gc.collect()
        not_counted, _ = tracemalloc.get_traced_memory()
        del compiled
        search = searched(events, model, 5_000)
        gc.collect()
        measured = tracemalloc.get_traced_memory()[0] - not_counted
    finally:
        tracemalloc.stop()
    assert 0.9 * measured < search.memory_bytes - before < 2 * measured
