"""Histories of transactions for the tests: written by hand in a line each, or drawn by a seed."""

from collections.abc import Iterable
from random import Random
from typing import Any

from vsr_node.checker.history import Event, Json

LISTS, REGISTERS = "append", "w"


def history(*steps: tuple[Any, ...]) -> list[Event]:
    """Events of (process, type, transaction), a millisecond apart."""
    return [
        Event(index, index * 1_000_000, process, kind, "txn", value=parts(value))
        for index, (process, kind, value) in enumerate(steps)
    ]


def parts(text: Any) -> Any:
    """The parts of "r7[1,2] a7:3 w8:1 r8:2 r8", which reads, appends and writes."""
    if not isinstance(text, str):
        return text
    return [_part(word) for word in text.split()]


def _part(word: str) -> list[Any]:
    f, rest = {"r": "r", "a": "append", "w": "w"}[word[0]], word[1:]
    if "[" in rest:
        key, elements = rest.rstrip("]").split("[")
        return [f, int(key), [int(each) for each in elements.split(",") if each]]
    key, _, value = rest.partition(":")
    return [f, int(key), int(value) if value else None]


def at_once(*transactions: str) -> list[Event]:
    """All of them at the same time, each by a process of its own, all with success."""
    calls = [(n, "invoke", _asked(text)) for n, text in enumerate(transactions)]
    return history(*calls, *((n, "ok", text) for n, text in enumerate(transactions)))


def in_turn(*transactions: str) -> list[Event]:
    """One after the other, each by a process of its own, all with success."""
    steps: list[tuple[Any, ...]] = []
    for n, text in enumerate(transactions):
        steps += [(n, "invoke", _asked(text)), (n, "ok", text)]
    return history(*steps)


def _asked(text: str) -> list[list[Any]]:
    return [[f, key, None if f == "r" else value] for f, key, value in parts(text)]


def draw(
    random: Random,
    write: str,
    *,
    transactions: int,
    processes: int = 4,
    keys: int = 2,
    length: int = 3,
    lies: float = 0.1,
    unsure: float = 0.15,
) -> list[Event]:
    """A history that a real group could have produced, but for the given share of lies.

    Each transaction takes effect at a drawn moment between its events. A lie is a transaction that
    sees an older state, or a newer one of some key, or takes effect though it failed, or not though
    it succeeded.
    """
    state: dict[int, Any] = {}
    older: list[dict[int, Any]] = [{}]
    counts = [0] * keys
    under_way: dict[int, list[Any]] = {}
    events: list[Event] = []
    free = list(range(processes))
    begun = 0

    def note(process: int, kind: str, value: Any) -> None:
        index = len(events)
        events.append(Event(index, index * 1_000_000, process, kind, "txn", value=value))

    while under_way or (free and begun < transactions):
        if free and begun < transactions and random.random() < 0.5:
            process = free.pop(random.randrange(len(free)))
            asked: list[list[Any]] = []
            for _ in range(random.randint(1, length)):
                key = random.randrange(keys)
                if random.random() < 0.5:
                    asked.append(["r", key, None])
                else:
                    counts[key] += 1
                    asked.append([write, key, counts[key]])
            note(process, "invoke", asked)
            under_way[process] = [asked, None]
            begun += 1
        elif under_way:
            process = random.choice(list(under_way))
            asked, answer = under_way[process]
            if answer is None:
                lie = random.random() < lies
                seen = dict(random.choice(older)) if lie else dict(state)
                answer, after = perform(seen, asked)
                happens = random.random() > (0.3 if lie else 0.0)
                if happens:
                    for f, key, value in asked:
                        if f != "r":
                            state[key] = after[key] if not lie else _more(state, f, key, value)
                    older.append(dict(state))
                under_way[process][1] = answer
                continue
            del under_way[process]
            kind = random.choices(
                ("ok", "info", "fail", "open"), (1 - unsure, unsure / 2, unsure / 4, unsure / 4)
            )[0]
            if kind == "open":
                continue  # Its process is never free again.
            note(process, kind, answer if kind == "ok" else asked)
            free.append(process)
    return events


def _more(state: dict[int, Any], f: str, key: int, value: Any) -> Any:
    return value if f == "w" else [*(state.get(key) or []), value]


def perform(state: dict[int, Any], asked: Iterable[Any]) -> tuple[list[Any], dict[int, Any]]:
    """What a transaction gives in a state, and the state after it."""
    after = dict(state)
    answer: list[Any] = []
    for f, key, value in asked:
        if f == "r":
            answer.append([f, key, after.get(key)])
        else:
            after[key] = _more(after, f, key, value)
            answer.append([f, key, value])
    return answer, after


def one_cycle(write: str, transactions: int) -> list[Event]:
    """Return transactions at once, each of which reads what the one before wrote, around."""
    asked: list[Json] = [
        [["r", (place or transactions) - 1, None], [write, place, 1]]
        for place in range(transactions)
    ]
    seen: Json = 1 if write == "w" else [1]
    answered: list[Json] = [
        [["r", (place or transactions) - 1, seen], [write, place, 1]]
        for place in range(transactions)
    ]
    calls = [("invoke", process, value) for process, value in enumerate(asked)]
    calls += [("ok", process, value) for process, value in enumerate(answered)]
    return [
        Event(index, index, process, type_, "txn", None, value)
        for index, (type_, process, value) in enumerate(calls)
    ]


def draw_long(
    random: Random, write: str, transactions: int, *, stale: float = 0.0, processes: int = 10
) -> list[Event]:
    """A long history as Maelstrom asks for one: ten keys at a time, 16 writes a key.

    Of the transactions a share sees one of the last versions of each key instead of the newest.
    """
    keys = list(range(10))
    weights = [2**place for place in range(10)]
    versions: dict[int, list[Any]] = {}
    events: list[Event] = []
    under_way: dict[int, Any] = {}
    begun = 0

    def ask() -> Any:
        asked: list[list[Any]] = []
        for _ in range(random.randint(1, 4)):
            (place,) = random.choices(range(10), weights)
            if random.random() < 0.5:
                asked.append(["r", keys[place], None])
                continue
            if counts.get(keys[place], 0) == 16:
                keys[place] = max(keys) + 1
            counts[keys[place]] = counts.get(keys[place], 0) + 1
            asked.append([write, keys[place], counts[keys[place]]])
        return asked

    def act(asked: Any) -> Any:
        is_stale = random.random() < stale
        answer: list[list[Any]] = []
        for f, key, value in asked:
            known = versions.setdefault(key, [None])
            if f == "r":
                seen = random.choice(known[-5:]) if is_stale else known[-1]
                answer.append([f, key, seen])
            else:
                known.append(value if f == "w" else [*(known[-1] or []), value])
                answer.append([f, key, value])
        return answer

    counts: dict[int, int] = {}
    while begun < transactions or under_way:
        process = random.randrange(processes)
        asked = under_way.pop(process, None)
        if asked is None and begun < transactions:
            begun += 1
            under_way[process] = asked = ask()
            events.append(Event(len(events), len(events), process, "invoke", "txn", value=asked))
        elif asked is not None:
            answer = act(asked)
            events.append(Event(len(events), len(events), process, "ok", "txn", value=answer))
    return events


def drawn_odd(random: Random, write: str) -> list[Event]:
    """A drawn history in which some values are of any shape."""
    events = draw(random, write, transactions=6)
    for _ in range(random.randint(1, 3)):
        place = random.randrange(len(events))
        event = events[place]
        if event.type != "invoke" or random.random() < 0.3:
            events[place] = event._replace(value=_spoilt(random, event.value))
    return events


def _spoilt(random: Random, value: Any) -> Any:
    """The value with one place of it replaced by something else."""
    odd: tuple[Any, ...] = (
        None,
        True,
        0,
        -1.5,
        "r",
        "",
        [],
        {},
        {"a": [1]},
        [[]],
        [None, [1], True],
        "append",
    )
    if not isinstance(value, list) or not value or random.random() < 0.2:
        return random.choice(odd)
    place = random.randrange(len(value))
    return [*value[:place], _spoilt(random, value[place]), *value[place + 1 :]]
