"""Maps of texts: as sound as the search of all orders, and quick where texts are long."""

from random import Random
from typing import Any

import pytest

from tests.checker.oracle import is_linearizable
from vsr_node.checker import Bounds, Event, MapModel, check
from vsr_node.checker.history import pair_operations, split_by_key
from vsr_node.checker.search import Search, SearchOutcome


def draw_map(
    random: Random,
    *,
    clients: int,
    keys: int,
    operations_per_key: int,
    puts: float = 0.02,
    unsure: float = 0.0,
    lies: float = 0.0,
    texts: tuple[str, ...] = (),
) -> list[Event]:
    """A history of a map; what is appended is of these texts, or else never the same.

    Of the gets a share gives an older value, or one that lacks something in the middle.
    """
    calls = [key for key in range(keys) for _ in range(operations_per_key)]
    random.shuffle(calls)
    values: dict[int, list[str]] = {key: [""] for key in range(keys)}
    under_way: dict[int, tuple[str, int, Any, bool]] = {}
    events: list[Event] = []
    free = list(range(clients))
    fresh = clients

    def note(process: int, kind: str, f: str, key: int, value: Any) -> None:
        index = len(events)
        events.append(Event(index, index, process, kind, f, key=key, value=value))

    while calls or under_way:
        process = random.choice(free)
        if process not in under_way:
            if not calls:
                free.remove(process)
                continue
            key = calls.pop()
            f = "put" if random.random() < puts else random.choice(("append", "get"))
            text = random.choice(texts) if texts else f"x {process} {len(events)} y"
            value = None if f == "get" else text
            note(process, "invoke", f, key, value)
            under_way[process] = (f, key, value, False)
            continue
        f, key, value, is_done = under_way.pop(process)
        known = values[key]
        if not is_done and random.random() < unsure / 2:
            is_done = True  # It never happens.
            value = known[-1] if f == "get" else value
        elif not is_done:
            if f == "get":
                value = _lie(random, known) if random.random() < lies else known[-1]
            else:
                known.append(known[-1] + value if f == "append" else value)
            under_way[process] = (f, key, value, True)
            continue
        if f != "get" and random.random() < unsure:
            note(process, "info", f, key, value)
            free.remove(process)
            free.append(fresh)
            fresh += 1
        else:
            note(process, "ok", f, key, value)
    return events


def _lie(random: Random, known: list[str]) -> str:
    if random.random() < 0.5:
        return random.choice(known)
    start, end = sorted(random.randrange(len(known[-1]) + 1) for _ in range(2))
    return known[-1][:start] + known[-1][end:]


@pytest.mark.parametrize("texts", [(), ("a", "b"), ("a", "aa", "")])
def test_agrees_with_the_search_of_all_orders(texts: tuple[str, ...]) -> None:
    verdicts: list[bool] = []
    for seed in range(400):
        random = Random(seed)
        events = draw_map(
            random,
            clients=random.randint(2, 5),
            keys=1,
            operations_per_key=random.randint(4, 14),
            puts=random.choice((0.0, 0.1, 0.3)),
            unsure=random.choice((0.0, 0.3)),
            lies=random.choice((0.0, 0.1)),
            texts=texts,
        )
        verdicts.append(is_linearizable(events, "map"))
        assert check(events, MapModel()).valid is verdicts[-1], seed
    assert verdicts.count(False) > 30
    assert verdicts.count(True) > 100


@pytest.mark.parametrize("lies", [0.0, 0.005], ids=["valid", "not valid"])
@pytest.mark.parametrize("puts", [0.0, 0.02])
def test_long_texts_are_decided_in_few_steps(lies: float, puts: float) -> None:
    events = draw_map(Random(7), clients=50, keys=10, operations_per_key=200, puts=puts, lies=lies)
    steps = 0

    def count() -> bool:
        nonlocal steps
        steps += 1
        return steps > 50_000

    outcomes = set()
    for operations in split_by_key(pair_operations(events)).values():
        search = Search(MapModel(), operations)
        outcomes.add(search.run(count))
        assert search.memory_bytes < 10_000_000
    assert SearchOutcome.PAUSED not in outcomes
    assert (SearchOutcome.NOT_LINEARIZABLE in outcomes) == (lies > 0)
    assert steps < 50_000


def test_unsure_appends_that_show_up_late_are_decided() -> None:
    events = draw_map(
        Random(3), clients=50, keys=10, operations_per_key=200, unsure=0.05, puts=0.01
    )
    assert check(events, MapModel(), Bounds(seconds=30, memory_bytes=50_000_000)).valid is not None
