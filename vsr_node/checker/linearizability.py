"""Judges a history: each key by itself, all keys within common bounds.

The keys' searches take turns, so that one hard key does not keep the others from a verdict. When
memory runs out, the largest search gives up, and its memory serves the others.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from math import inf
from time import monotonic

from vsr_node.checker.history import Event, Operation, pair_operations, split_by_key
from vsr_node.checker.models import Model
from vsr_node.checker.search import Search, SearchOutcome
from vsr_node.checker.verdict import KeyVerdict, Verdict, describe_culprit

TURN_CONFIGURATIONS = 2000
"""How many configurations a search examines in a turn: some 10 ms."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """Bounds on the search for all keys together. None means no bound.

    ``seconds`` bounds its time, ``memory_bytes`` its caches, to which the history itself is added.
    """

    seconds: float | None = None
    memory_bytes: int | None = None


NO_BOUNDS = Bounds()


def check(events: Iterable[Event], model: Model, bounds: Bounds = NO_BOUNDS) -> Verdict:
    """Judge whether the history is linearizable, by the model of one key.

    Raises HistoryError if the history makes no sense or has operations unknown to the model.
    """
    parts = list(split_by_key(pair_operations(events)).values())
    undecided = {number: Search(model, operations) for number, operations in enumerate(parts)}
    verdicts: dict[int, KeyVerdict] = {}

    def settle(number: int, valid: bool | None, bound: str = "") -> None:
        verdicts[number] = _judge(model, parts[number], undecided.pop(number), valid, bound)

    end = inf if bounds.seconds is None else monotonic() + bounds.seconds
    memory_max = inf if bounds.memory_bytes is None else bounds.memory_bytes
    held = sum(search.memory_bytes for search in undecided.values())
    while undecided and monotonic() < end:
        for number in tuple(undecided):
            search = undecided.get(number)
            if search is None:
                continue
            held -= search.memory_bytes
            outcome = search.run(_turn(search, end, memory_max - held))
            if outcome is not SearchOutcome.PAUSED:
                settle(number, outcome is SearchOutcome.LINEARIZABLE)
                continue
            held += search.memory_bytes
            if held >= memory_max:
                largest = max(undecided, key=lambda number: undecided[number].memory_bytes)
                held -= undecided[largest].memory_bytes
                settle(largest, None, f"the memory limit ({bounds.memory_bytes} bytes)")
    for number in tuple(undecided):
        settle(number, None, f"the time limit ({bounds.seconds:g} s)")
    return Verdict(model, tuple(verdicts[number] for number in range(len(parts))))


def _turn(search: Search, end: float, memory_max: float) -> Callable[[], bool]:
    """Return a function that is true when the turn, the time (monotonic) or memory is used up."""
    left = TURN_CONFIGURATIONS

    def pause() -> bool:
        nonlocal left
        left -= 1
        return left < 0 or search.memory_bytes >= memory_max or monotonic() >= end

    return pause


def _judge(
    model: Model, operations: list[Operation], search: Search, valid: bool | None, bound: str
) -> KeyVerdict:
    valid_count = search.furthest_deadline
    progress = f"valid up to operation {valid_count} of {search.completed_count}"
    culprit = None
    if valid:
        reason = f"valid, all {search.completed_count} completed operations"
    elif valid is None:
        reason = f"{progress}; undecided, as {bound} was hit with {search.open_count} open there"
    else:
        culprit = search.deadline_operation
        reason = f"{progress}; {describe_culprit(model, culprit)} can't be placed"
    return KeyVerdict(
        key=operations[0].key,
        valid=valid,
        operation_count=len(operations),
        completed_count=search.completed_count,
        valid_count=valid_count,
        reason=reason,
        linearization=search.linearization(),
        culprit=culprit,
        dead_ends=search.dead_ends() if valid is False else (),
    )
