"""Recorded runs of the bench's broken nodes: explanations name the operations that were lied about.

`broken/` has of each run the events of one key, up to the violation, and the completions of what
was under way then. Which operations the lie was about was read off the run's messages.
"""

from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.checker.histories import as_events, without
from vsr_node.bench.workshop.broken_nodes import BROKEN_NODES
from vsr_node.checker import (
    Bounds,
    Change,
    Operation,
    RegisterModel,
    check,
    explain,
    load_history,
)

FOLDER = Path(__file__).parent / "broken"


class Lie(NamedTuple):
    involved: set[int]
    """Operations, by their first event, that must be in the smallest part."""
    remedies: set[tuple[Change, int]]
    """What must be named as what would mend it."""


LIES = {
    # The write went to n1, and n2 knows nothing of it.
    "own-dict": Lie({1, 4}, {(Change.LOST, 1), (Change.STALE, 4)}),
    # Acknowledged by n0 after it was replaced, and 65 ms later still unknown to n1, which answers.
    "early-ack": Lie({201, 212}, {(Change.STALE, 212)}),
    # The copy of what the cas had set was still on its way to n2.
    "stale-reads": Lie({52, 59}, {(Change.LOST, 52), (Change.STALE, 59)}),
    # n0 went on as a primary beside n1: the write went to the one, the read to the other.
    "two-primaries": Lie({175, 212}, {(Change.STALE, 212)}),
    # The hundredth write to reach n0.
    "forgets-writes": Lie({1111, 1115}, {(Change.LOST, 1111)}),
    # Both compared with the value that they found when they came, 20 ms before they set theirs.
    "late-cas": Lie({120, 129}, {(Change.LOST, 120), (Change.LOST, 129)}),
    # The client of this read had asked the same before, and got that answer again.
    "old-reply": Lie({44}, {(Change.STALE, 44)}),
    # The cas of 0 was answered 1 ms before a new primary replayed the log in another order.
    "loses-order": Lie({82, 90}, {(Change.LOST, 82)}),
    # Done, and answered with error 11, "not done".
    "wrong-errors": Lie({310, 318}, {(Change.HAPPENED, 312)}),
    # Read 30 ms earlier, and remembered.
    "cached-reads": Lie({6, 8}, {(Change.LOST, 6), (Change.STALE, 8)}),
    # Shown to this read, and taken back with error 11 later.
    "dirty-reads": Lie({480}, {(Change.HAPPENED, 473)}),
    # n0, which keeps all data, was killed in between; a cas then found no key.
    "forgets-all": Lie({0, 21}, {(Change.STALE, 21)}),
    # The network repeated what node 2 forwarded of this write, 18 ms after it was done.
    "does-it-twice": Lie({443, 452, 456}, {(Change.REPEATED, 443)}),
}


def test_all_broken_nodes_are_here() -> None:
    assert LIES.keys() == {node.name for node in BROKEN_NODES}


def judged(operations: Iterable[Operation]) -> bool | None:
    bounds = Bounds(seconds=None, memory_bytes=None)
    return check(as_events(operations), RegisterModel(), bounds).valid


@pytest.mark.slow
@pytest.mark.usefixtures("steady_time")
@pytest.mark.parametrize("name", LIES)
def test_the_explanation_names_what_was_lied_about(name: str) -> None:
    events = load_history(FOLDER / f"{name}.jsonl")
    (violation,) = explain(check(events, RegisterModel()), events, 120.0)
    part = violation.part
    assert part.minimal
    assert judged([*part.operations, *part.unsure]) is False
    assert all(judged(without(part, operation)) for operation in part.operations)
    assert {operation.invoked for operation in part.operations} >= LIES[name].involved
    named = {(remedy.change, remedy.operation.invoked) for remedy in part.remedies}
    assert named >= LIES[name].remedies
    text = "\n".join(violation.lines())
    for index in LIES[name].involved:
        (operation,) = (each for each in part.operations if each.invoked == index)
        assert violation.in_a_line(operation) in text
