"""No input makes a judge fail: odd shapes get a verdict or a HistoryError that says what is odd."""

from random import Random
from typing import Any

import pytest

from tests.checker.workloads.drawn import draw_counter, draw_kafka, draw_set
from tests.checker.workloads.histories import answered, history
from vsr_node.checker import Event, HistoryError
from vsr_node.checker.judgement import Judgement
from vsr_node.checker.workloads import judge

ODD: tuple[Any, ...] = (
    *(
        None,
        True,
        0,
        -1,
        1.5,
        10**15,
        10**40,
        float("inf"),
        "",
        "x",
        [],
        {},
        [[]],
        [None],
        {"a": 1},
    ),
    *([["poll"]], [["poll", {"k": [[1]]}]], [["poll", {"k": [["0", 1]]}]], [["send", "k"]]),
    *([["send", None, [1, 2]]], [["send", ["k"], [10**15, {}]]], [["poll", {"k": [[-3, 1]]}]]),
    *([["poll", {"k": []}]], [["poll", None]], [1, 1.0, True], [{"a": 1}, {"a": 1}], [["poll", 3]]),
)


def odd(events: list[Event], random: Random) -> list[Event]:
    """Return the events with some odd values, and some events missing."""
    changed = [
        event._replace(value=random.choice(ODD)) if random.random() < 0.2 else event
        for event in events
    ]
    return [event for event in changed if random.random() < 0.97]


@pytest.mark.parametrize(
    ("workload", "draw"),
    [
        ("g-set", draw_set),
        ("pn-counter", draw_counter),
        ("kafka", draw_kafka),
        ("echo", lambda seed: [event._replace(f="echo") for event in draw_set(seed)]),
        ("unique-ids", lambda seed: [event._replace(f="generate") for event in draw_set(seed)]),
    ],
)
def test_a_history_with_odd_values_gets_a_verdict_or_a_reason(workload: str, draw: Any) -> None:
    verdicts = 0
    for seed in range(400):
        try:
            judgement = judge(workload, odd(draw(seed), Random(seed)))
        except HistoryError:
            continue
        verdicts += isinstance(judgement, Judgement)
    assert verdicts > 10


@pytest.mark.parametrize(
    "workload", ["g-set", "broadcast", "g-counter", "kafka", "echo", "unique-ids"]
)
def test_an_empty_history_gets_a_verdict(workload: str) -> None:
    assert not judge(workload, []).anomalies


def test_a_counter_of_huge_numbers_is_judged_without_all_sums() -> None:
    events = history(
        (0, "invoke", "add", 10**30),
        (1, "invoke", "add", 3),
        (1, "ok", "add", 3),
        (2, "invoke", "add", 7),
        (3, "invoke", "read", None, "final"),
        (3, "ok", "read", 10**30 + 10, "final"),
    )
    assert judge("pn-counter", events).valid.value is True
    wrong = [*events[:-1], events[-1]._replace(value=2 * 10**30)]
    assert judge("pn-counter", wrong).valid.value is False


@pytest.mark.parametrize(
    ("workload", "events", "message"),
    [
        ("g-set", answered((0, "read", None, 7)), "event 1: a read of a set returns a list, not 7"),
        ("pn-counter", answered((0, "add", "x", "x")), 'event 0: add needs an integer, not "x"'),
        ("kafka", answered((0, "poll", [["poll"]], [["poll", []]])), r'event 1: \["send", key'),
        ("kafka", answered((0, "send", 5, 5)), "event 1: send needs a list of steps|event 0: send"),
        ("kafka", answered((0, "assign", "k", "k")), "event 0: assign needs a list of keys"),
        (
            "kafka",
            answered((0, "poll", [["poll"]], [["poll", {"k": [[0]]}]])),
            r"event 1: a polled message is \[offset, message\], not \[0\]",
        ),
    ],
)
def test_what_makes_no_sense_is_named(workload: str, events: list[Event], message: str) -> None:
    with pytest.raises(HistoryError, match=message):
        judge(workload, events)
