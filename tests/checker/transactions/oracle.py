"""A search of all orders, to hold the judges of transactions against.

    python -m tests.checker.transactions.oracle [HISTORIES]

It shares no code with the checker. It knows one thing: a history is serializable if some order of
all transactions that succeeded, and of any that may have happened, gives what was read; in strong
sessions if it keeps the order within each process, strictly if it keeps that of time.
"""

import sys
from enum import Enum
from random import Random
from typing import Any, NamedTuple

from tests.checker.transactions.drawn import LISTS, REGISTERS, draw, perform
from vsr_node.checker.history import Event
from vsr_node.checker.judgement import Demands, Judgement
from vsr_node.checker.transactions import judge_list_append, judge_rw_register
from vsr_node.checker.validity import Validity

HISTORIES = 20_000


class Call(NamedTuple):
    start: int
    end: float
    value: Any
    is_sure: bool
    process: int | str


class Order(Enum):
    """What else an order has to keep, by the model that says so."""

    NONE = "serializable"
    PROCESS = "strong-session-serializable"
    TIME = "strict-serializable"


def calls_of(events: list[Event]) -> list[Call]:
    calls: list[Call] = []
    for place, event in enumerate(events):
        if event.type != "invoke":
            continue
        ends = (e for e in events[place + 1 :] if e.process == event.process)
        end = next(ends, None)
        if end is not None and end.type == "fail":
            continue
        is_sure = end is not None and end.type == "ok"
        if end is not None and is_sure:
            calls.append(Call(event.index, end.index, end.value, True, event.process))
        else:
            calls.append(Call(event.index, float("inf"), event.value, False, event.process))
    return calls


def has_order(calls: list[Call], order: Order) -> bool:
    """Whether there is an order that gives what was read."""
    dead: set[tuple[int, str]] = set()

    def search(left: int, state: dict[int, Any]) -> bool:
        waiting = [n for n in range(len(calls)) if left >> n & 1]
        if not any(calls[n].is_sure for n in waiting):
            return True
        mark = (left, repr(sorted(state.items())))
        if mark in dead:
            return False
        for n in waiting:
            call = calls[n]
            if any(_comes_first(calls[other], call, order) for other in waiting):
                continue
            answer, after = perform(state, call.value)
            if call.is_sure and _seen(answer) != _seen(call.value):
                continue
            if search(left & ~(1 << n), after):
                return True
        dead.add(mark)
        return False

    return search((1 << len(calls)) - 1, {})


def _comes_first(other: Call, call: Call, order: Order) -> bool:
    if order is Order.PROCESS and other.process != call.process:
        return False
    return order is not Order.NONE and other.end < call.start


def _seen(value: Any) -> list[Any]:
    return [part[2] or None for part in value if part[0] == "r"]


def drawn(seed: int, write: str) -> list[Event]:
    """A history of up to 7 transactions, of all kinds by and by."""
    random = Random(seed)
    return draw(
        random,
        write,
        transactions=random.randint(2, 7),
        processes=random.randint(2, 5),
        keys=random.randint(1, 3),
        length=random.randint(1, 4),
        lies=random.choice((0.0, 0.1, 0.3)),
        unsure=random.choice((0.0, 0.15, 0.5)),
    )


def judged(events: list[Event], write: str, model: str = "serializable") -> Judgement:
    judge = judge_list_append if write == LISTS else judge_rw_register
    return judge(events, Demands((model,)))


class Tally(NamedTuple):
    """How the judge compares with the search: numbers of histories without an order, and seeds."""

    wrong: int
    missed: list[int]
    false_alarms: list[int]


def compare(write: str, seeds: range, order: Order) -> Tally:
    wrong, missed, false_alarms = 0, [], []
    for seed in seeds:
        events = drawn(seed, write)
        verdict = judged(events, write, order.value).valid
        is_right = has_order(calls_of(events), order)
        wrong += not is_right
        if is_right and verdict is Validity.INVALID:
            false_alarms.append(seed)
        if not is_right and verdict is not Validity.INVALID:
            missed.append(seed)
    return Tally(wrong, missed, false_alarms)


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else HISTORIES
    for write in (LISTS, REGISTERS):
        for order in Order:
            wrong, missed, false_alarms = compare(write, range(count), order)
            print(
                f"{write:6} {order.value}: {count} histories, "
                f"{wrong} wrong, {len(missed)} of these missed {missed[:5]}, "
                f"{len(false_alarms)} false alarms {false_alarms[:5]}",
                flush=True,
            )


if __name__ == "__main__":
    main()
