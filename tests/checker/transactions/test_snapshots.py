"""Honest snapshot isolation is never accused, of whatever strength it is."""

from random import Random
from typing import Any

import pytest

from tests.checker.transactions.drawn import LISTS, REGISTERS, perform
from tests.checker.transactions.oracle import judged
from vsr_node.checker.history import Event
from vsr_node.checker.validity import Validity

MODELS = (
    "strong-snapshot-isolation",
    "strong-session-snapshot-isolation",
    "snapshot-isolation",
)


def draw_snapshots(random: Random, write: str, model: str) -> list[Event]:
    """A history of a store with snapshot isolation, first committer wins.

    A strong one takes the newest snapshot; one with strong sessions any that is not older than what
    the process has met; else any.
    """
    committed: list[dict[int, Any]] = [{}]
    changed: list[set[int]] = [set()]
    met: dict[int, int] = {}
    under_way: dict[int, list[Any]] = {}
    events: list[Event] = []
    counts: dict[int, int] = {}
    left = 14

    def ask() -> Any:
        asked: list[list[Any]] = []
        for _ in range(random.randint(1, 3)):
            key = random.randrange(3)
            if random.random() < 0.5:
                asked.append(["r", key, None])
            else:
                counts[key] = counts.get(key, 0) + 1
                asked.append([write, key, counts[key]])
        return asked

    def finish(process: int, asked: Any, snapshot: int) -> tuple[str, Any]:
        keys = {key for f, key, _ in asked if f != "r"}
        if any(keys & each for each in changed[snapshot + 1 :]):
            return "fail", asked
        answer, after = perform(committed[snapshot], asked)
        if keys:
            committed.append({**committed[-1], **{key: after[key] for key in keys}})
            changed.append(keys)
        met[process] = len(committed) - 1 if keys else max(snapshot, met.get(process, 0))
        return random.choice(("ok", "ok", "ok", "info")), answer

    while left or under_way:
        process = random.randrange(4)
        call = under_way.get(process)
        if call is None:
            if left:
                left -= 1
                under_way[process] = [ask(), None]
                value = under_way[process][0]
                events.append(
                    Event(len(events), len(events), process, "invoke", "txn", value=value)
                )
        elif call[1] is None:
            newest = len(committed) - 1
            oldest = {MODELS[0]: newest, MODELS[1]: met.get(process, 0)}.get(model, 0)
            call[1] = random.randint(max(oldest, newest - 3), newest)
        else:
            del under_way[process]
            kind, answer = finish(process, *call)
            value = answer if kind == "ok" else call[0]
            events.append(Event(len(events), len(events), process, kind, "txn", value=value))
    return events


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("write", [LISTS, REGISTERS])
def test_honest_snapshots_are_never_accused(write: str, model: str) -> None:
    strictly: set[Validity] = set()
    for seed in range(400):
        events = draw_snapshots(Random(seed), write, model)
        judgement = judged(events, write, model)
        assert judgement.valid is not Validity.INVALID, (seed, judgement.explanation)
        strictly.add(judgement.strict)
    assert strictly >= {Validity.INVALID, Validity.VALID}
