"""The verdicts: famous cases, agreement with the oracle, and orders that are what they claim."""

from random import Random
from typing import Any

import pytest

from tests.checker.benchmark import drawn, judge, seconds
from tests.checker.histories import VALUES, draw, history
from tests.checker.oracle import is_linearizable
from vsr_node.checker import (
    Event,
    HistoryError,
    KeyVerdict,
    MapModel,
    Model,
    Operation,
    RegisterModel,
    check,
    pair_operations,
    search,
    split_by_key,
)


def verdict(*steps: tuple[Any, ...]) -> bool | None:
    return check(history(*steps), RegisterModel()).valid


def done(process: int, f: str, value: Any) -> list[tuple[Any, ...]]:
    asked = None if f == "read" else value
    return [(process, "invoke", f, asked), (process, "ok", f, value)]


class TestFamousCases:
    def test_nothing_happened(self) -> None:
        assert verdict() is True

    def test_a_register_is_null_at_first(self) -> None:
        assert verdict(*done(0, "read", None)) is True
        assert verdict(*done(0, "read", 0)) is False

    def test_a_stale_read(self) -> None:
        assert verdict(*done(0, "write", 1), *done(0, "write", 2), *done(1, "read", 1)) is False

    def test_a_read_beside_a_write_may_see_either_value(self) -> None:
        for value in (1, 2):
            assert (
                verdict(
                    *done(0, "write", 1),
                    (0, "invoke", "write", 2),
                    *done(1, "read", value),
                    (0, "ok", "write", 2),
                )
                is True
            )

    def test_reads_beside_a_write_do_not_go_back(self) -> None:
        assert (
            verdict(
                *done(0, "write", 1),
                (0, "invoke", "write", 2),
                *done(1, "read", 2),
                *done(2, "read", 1),
                (0, "ok", "write", 2),
            )
            is False
        )

    def test_two_cas_from_the_same_value_can_not_both_succeed(self) -> None:
        assert (
            verdict(
                *done(0, "write", 0),
                (0, "invoke", "cas", [0, 1]),
                (1, "invoke", "cas", [0, 2]),
                (0, "ok", "cas", [0, 1]),
                (1, "ok", "cas", [0, 2]),
            )
            is False
        )

    def test_sequentially_consistent_but_not_linearizable(self) -> None:
        assert verdict(*done(0, "write", 1), *done(1, "read", None)) is False

    def test_a_failed_write_did_not_happen(self) -> None:
        failed = [(0, "invoke", "write", 1), (0, "fail", "write", 1)]
        assert verdict(*failed, *done(1, "read", None)) is True
        assert verdict(*failed, *done(1, "read", 1)) is False

    @pytest.mark.parametrize("completion", [[], [(0, "info", "write", 1)]])
    def test_an_unsure_write_may_happen_late_or_never(
        self, completion: list[tuple[Any, ...]]
    ) -> None:
        unsure = [(0, "invoke", "write", 1), *completion]
        assert verdict(*unsure, *done(1, "read", None), *done(1, "read", 1)) is True
        assert verdict(*unsure, *done(1, "read", None), *done(1, "read", None)) is True
        assert verdict(*unsure, *done(1, "read", 1), *done(1, "read", None)) is False

    def test_an_unsure_write_happens_once(self) -> None:
        unsure = [(0, "invoke", "write", 1), (0, "info", "write", 1)]
        rest = [*done(1, "read", 1), *done(1, "write", 2), *done(1, "read", 1)]
        assert verdict(*unsure, *rest) is False
        assert verdict(*unsure, (2, "invoke", "write", 1), *rest) is True

    def test_an_unsure_write_does_not_happen_before_it_was_asked_for(self) -> None:
        assert verdict(*done(1, "read", 1), (0, "invoke", "write", 1)) is False

    def test_unsure_operations_can_build_on_each_other(self) -> None:
        unsure = [
            (0, "invoke", "cas", [2, 3]),
            (1, "invoke", "cas", [1, 2]),
            (2, "invoke", "write", 1),
        ]
        assert verdict(*unsure, *done(3, "read", 3)) is True
        assert verdict(*unsure[:2], *done(3, "read", 3)) is False

    def test_a_failed_or_unsure_read_says_nothing(self) -> None:
        for end in ("fail", "info"):
            assert verdict((0, "invoke", "read", None), (0, end, "read", 7)) is True

    def test_faults_are_not_judged(self) -> None:
        assert verdict(("nemesis", "info", "start", None), *done(0, "read", None)) is True

    @pytest.mark.parametrize(("written", "read"), [(1, True), (1, 1.0), (0, False), (1, "1")])
    def test_values_that_python_or_people_take_for_equal(self, written: Any, read: Any) -> None:
        assert verdict(*done(0, "write", written), *done(0, "read", read)) is False
        assert verdict(*done(0, "write", written), *done(0, "cas", [read, 5])) is False

    def test_maps_compare_as_maps(self) -> None:
        assert verdict(*done(0, "write", {"a": 1, "b": [2]}), *done(0, "read", {"b": [2], "a": 1}))

    def test_keys_that_python_takes_for_equal(self) -> None:
        events = history(
            *[(*step, 1) for step in done(0, "write", 5)],
            *[(*step, True) for step in done(0, "read", None)],
        )
        found = check(events, RegisterModel())
        assert found.valid is True
        assert [key.key for key in found.keys] == [1, True]

    def test_each_key_has_a_verdict_of_its_own(self) -> None:
        events = history(
            *[(*step, "a") for step in done(0, "read", None)],
            *[(*step, "b") for step in done(0, "read", 3)],
        )
        found = check(events, RegisterModel())
        assert found.valid is False
        assert [(key.key, key.valid) for key in found.keys] == [("a", True), ("b", False)]

    def test_a_map(self) -> None:
        steps = [*done(0, "append", "x"), *done(0, "put", "y"), *done(0, "append", "z")]
        for value, expected in (("yz", True), ("xyz", False), ("", False)):
            read = [(0, "invoke", "get", None), (0, "ok", "get", value)]
            assert check(history(*steps, *read), MapModel()).valid is expected
        missing = [(0, "invoke", "get", None), (0, "ok", "get", "")]
        assert check(history(*missing), MapModel()).valid is True

    def test_operations_that_the_model_does_not_know(self) -> None:
        for f, value in (("append", "x"), ("cas", 3), ("cas", [1, 2, 3])):
            with pytest.raises(HistoryError, match="event 0: the register model does not know"):
                verdict((0, "invoke", f, value))

    def test_a_long_history(self) -> None:
        events = draw(Random(1), operations=20_000, processes=5, unsure=0.001)
        found = check(events, RegisterModel())
        assert found.valid is True
        assert_orders_hold(events, found.keys, RegisterModel())


def any_history(random: Random) -> list[Event]:
    """A small history without rhyme or reason, but for what a client can see of it."""
    steps: list[tuple[Any, ...]] = []
    values = random.choice([(0, 1), (None, 0, 1, 2), VALUES])
    under_way: dict[int, tuple[str, Any]] = {}
    fresh = 100
    for _ in range(random.randint(2, 22)):
        process = random.randrange(5)
        if process not in under_way:
            f = random.choice(("read", "write", "cas"))
            value: Any = None if f == "read" else random.choice(values)
            if f == "cas":
                value = [value, random.choice(values)]
            under_way[process] = f, value
            steps.append((process, "invoke", f, value))
        else:
            f, value = under_way.pop(process)
            kind = random.choice(("ok", "ok", "ok", "info", "fail"))
            if f == "read" and kind == "ok":
                value = random.choice(values)
            steps.append((process, kind, f, value))
            if kind == "info":
                # A process whose operation's outcome is unknown is not used again.
                steps = [(fresh if step[0] == process else step[0], *step[1:]) for step in steps]
                fresh += 1
    return history(*steps)


def any_map_history(random: Random) -> list[Event]:
    steps: list[tuple[Any, ...]] = []
    under_way: dict[int, tuple[str, Any]] = {}
    value = ""
    for _ in range(random.randint(2, 22)):
        process = random.randrange(4)
        if process not in under_way:
            f = random.choice(("get", "get", "put", "append"))
            asked = None if f == "get" else random.choice("ab")
            under_way[process] = f, asked
            steps.append((process, "invoke", f, asked))
        else:
            f, asked = under_way.pop(process)
            value = {"get": value, "put": asked, "append": f"{value}{asked}"}[f]
            told = asked
            if f == "get":
                told = value if random.random() < 0.9 else random.choice(("", "a", "ab"))
            kind = "ok" if random.random() < 0.9 else "fail" if f == "get" else "ok"
            steps.append((process, kind, f, told))
    return history(*steps)


def drawn_history(random: Random) -> list[Event]:
    return draw(
        random,
        operations=random.randint(1, 14),
        processes=random.randint(1, 6),
        values=random.choice([(0, 1), (None, 0, 1, 2), VALUES, tuple(range(12))]),
        lies=random.choice([0, 0.1, 0.3]),
        unsure=random.choice([0, 0.2, 0.5]),
        keys=random.choice([(None,), (0, True, "0")]),
    )


def crowded_history(random: Random) -> list[Event]:
    return draw(
        random,
        operations=random.randint(8, 16),
        processes=random.randint(4, 8),
        values=random.choice([(0, 1), (None, 0, 1, 2), tuple(range(6))]),
        lies=random.choice([0.05, 0.1, 0.3]),
        unsure=random.choice([0.1, 0.3, 0.5]),
    )


def assert_orders_hold(events: list[Event], keys: tuple[KeyVerdict, ...], model: Model) -> None:
    """Each order that a verdict claims contains what completed by then, obeys time and model."""
    parts = split_by_key(pair_operations(events)).values()
    for key, operations in zip(keys, parts, strict=True):
        completed = sorted(
            (operation for operation in operations if operation.completed is not None),
            key=lambda operation: operation.completed or 0,
        )
        orders = [key.linearization, *(end.linearization for end in key.dead_ends)]
        for order in orders:
            assert set(by_call(completed[: key.valid_count])) <= set(by_call(order))
            assert len(set(by_call(order))) == len(order)
            latest_call = -1
            state = model.initial
            for operation in order:
                # Nothing that was invoked later than this completed has been placed before it.
                assert operation.completed is None or operation.completed > latest_call
                latest_call = max(latest_call, operation.invoked)
                fits, state = model.apply(state, operation)
                assert fits
        for end in key.dead_ends:
            assert end.candidates[0] == key.culprit == completed[key.valid_count]


def by_call(operations: Any) -> list[int]:
    return [operation.invoked for operation in operations]


@pytest.mark.parametrize(
    ("histories", "name"),
    [(drawn_history, "register"), (any_history, "register"), (any_map_history, "map")],
)
def test_the_oracle_agrees(histories: Any, name: str) -> None:
    model: Model = MapModel() if name == "map" else RegisterModel()
    counts = {True: 0, False: 0}
    for seed in range(3000):
        events = histories(Random(seed))
        found = check(events, model)
        assert found.valid is is_linearizable(events, name), f"seed {seed}: {events}"
        assert_orders_hold(events, found.keys, model)
        counts[found.valid] += 1
    assert min(counts.values()) > 300, counts


def test_the_oracle_agrees_where_lost_causes_are_looked_for_at_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Small histories are seldom crowded enough for the search to look for lost causes."""
    monkeypatch.setattr(search, "CROWD", 0)
    counts = {True: 0, False: 0}
    for seed in range(1500):
        events = crowded_history(Random(seed))
        found = check(events, RegisterModel())
        assert found.valid is is_linearizable(events), f"seed {seed}: {events}"
        assert_orders_hold(events, found.keys, RegisterModel())
        counts[found.valid] += 1
    assert min(counts.values()) > 300, counts


def without_failed(events: list[Event]) -> list[Event]:
    """Leaves out what failed: cut off before its completion, it would be of unknown outcome."""
    left_out: set[int] = set()
    for event in events:
        if event.type == "fail":
            call = max(
                earlier.index
                for earlier in events[: event.index]
                if earlier.process == event.process and earlier.type == "invoke"
            )
            left_out |= {call, event.index}
    return [event for event in events if event.index not in left_out]


def test_the_prefix_that_is_called_valid_is_the_longest() -> None:
    invalid_count = 0
    for seed in range(600):
        events = without_failed(any_history(Random(seed)))
        found = check(events, RegisterModel())
        if found.valid is False:
            (key,) = found.keys
            assert key.culprit is not None
            assert key.culprit.completed is not None
            before = [event for event in events if event.index < key.culprit.completed]
            assert is_linearizable(before)
            assert not is_linearizable([*before, events[len(before)]])
            invalid_count += 1
    assert invalid_count > 100


class Counter(Model):
    """Knows no reads and no simplifications: the search has nothing but `apply` to go by."""

    name = "counter"
    initial = 0

    def apply(self, state: Any, operation: Operation) -> tuple[bool, Any]:
        if operation.f == "add":
            return True, state + operation.value
        return state == operation.value, state


def test_a_model_with_nothing_but_apply() -> None:
    adds = [(process, "invoke", "add", 1 << process) for process in range(4)]
    unsure = [(3, "info", "add", 8)]
    for value in range(17):
        read = [(9, "invoke", "get", None), (9, "ok", "get", value)]
        assert check(history(*adds, *unsure, *read), Counter()).valid is (value < 16)
    done_adds = [(process, "ok", "add", 1 << process) for process in range(3)]
    for value in range(17):
        read = [(9, "invoke", "get", None), (9, "ok", "get", value)]
        expected = value in (7, 15)
        assert check(history(*adds, *done_adds, *unsure, *read), Counter()).valid is expected


class PlainRegister(RegisterModel):
    """The register without what the model tells the search beyond `apply`."""

    read_functions = ()

    def simplify(self, operations: Any) -> list[Operation]:
        return list(operations)


def test_what_a_model_tells_beyond_apply_changes_no_verdict() -> None:
    for seed in range(1500):
        events = drawn_history(Random(seed))
        found = check(events, PlainRegister())
        assert [key.valid for key in found.keys] == [
            key.valid for key in check(events, RegisterModel()).keys
        ]
        assert_orders_hold(events, found.keys, PlainRegister())


def test_the_checker_is_faster_than_the_oracle() -> None:
    """A ratio in one run, far above what it takes; the benchmark script shows the figures."""
    histories = drawn()
    checker_s, verdicts = seconds(judge, histories)
    oracle_s, oracle_verdicts = seconds(is_linearizable, histories)
    assert verdicts == oracle_verdicts
    assert checker_s < oracle_s / 2
