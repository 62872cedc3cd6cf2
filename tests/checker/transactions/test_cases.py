"""Small histories, one for each anomaly and each trap, with their verdicts."""

from collections.abc import Callable, Sequence
from typing import NamedTuple, TypeAlias

import pytest

from tests.checker.transactions.drawn import at_once, history, in_turn
from vsr_node.checker.history import Event
from vsr_node.checker.judgement import Demands, Judgement
from vsr_node.checker.transactions import judge_list_append, judge_rw_register

RU, RC, RR = "read-uncommitted", "read-committed", "repeatable-read"
SI, SER, STRICT = "snapshot-isolation", "serializable", "strict-serializable"
SESSION_SI, SESSION_SER = "strong-session-snapshot-isolation", "strong-session-serializable"


Judge: TypeAlias = Callable[[Sequence[Event], Demands], Judgement]


class Case(NamedTuple):
    events: list[Event]
    model: str
    verdicts: str  # Of valid, as_maelstrom and strict: t, f or u each.
    named: str = ""
    absent: str = ""


FAILED_APPEND = ((0, "invoke", "a7:3"), (0, "fail", "a7:3"))
FAILED_WRITE = ((0, "invoke", "w7:3"), (0, "fail", "w7:3"))
UNSURE_APPEND = ((0, "invoke", "a7:3"), (0, "info", "a7:3"))
UNSURE_WRITE = ((0, "invoke", "w7:3"), (0, "info", "w7:3"))

LONG_FORK = ("a7:1", "a8:1", "r7[1] r8[]", "r7[] r8[1]")

LISTS = {
    # Cycles, by their kind
    "G0": Case(at_once("a7:1 a8:4", "a7:2 a8:3", "r7[1,2] r8[3,4]"), RU, "fff", "G0"),
    "G1c by reads": Case(at_once("a7:1 r8[2]", "a8:2 r7[1]"), RC, "fff", "G1c", "G0"),
    "G1c is not for read-uncommitted": Case(at_once("a7:1 r8[2]", "a8:2 r7[1]"), RU, "ttf"),
    "G-single": Case(at_once("a7:2 a8:5", "r7[] r8[5]"), SI, "fff", "G-single-item", "G1c"),
    "G-single is not for read-committed": Case(at_once("a7:2 a8:5", "r7[] r8[5]"), RC, "ttf"),
    "G-single is for repeatable-read": Case(
        at_once("a7:2 a8:5", "r7[] r8[5]"), RR, "fff", "G-single-item"
    ),
    "a long fork": Case(
        at_once(*LONG_FORK), SI, "fff", "G-nonadjacent-item", "G-single-item G2-item"
    ),
    "write skew": Case(at_once("r7[] a8:1", "r8[] a7:1"), SER, "fff", "G2-item", "lost-update"),
    "write skew is for snapshot-isolation": Case(at_once("r7[] a8:1", "r8[] a7:1"), SI, "ttf"),
    # Time
    "a stale read": Case(in_turn("a7:1", "r7[]"), STRICT, "fff", "G-single-item-realtime"),
    "a stale read, serializable": Case(in_turn("a7:1", "r7[]"), SER, "ttf"),
    "a read of later": Case(in_turn("r7[4]", "a7:4"), STRICT, "fff", "G1c-realtime", "G1c"),
    "a process misses its own append": Case(
        history((0, "invoke", "a7:1"), (0, "ok", "a7:1"), (0, "invoke", "r7"), (0, "ok", "r7[]")),
        SESSION_SI,
        "fff",
        "G-single-item-process",
        "G-single-item",
    ),
    "another process may miss it": Case(in_turn("a7:1", "r7[]"), SESSION_SER, "ttf"),
    "an unsure append of the same process comes whenever": Case(
        history(*UNSURE_APPEND, (0, "invoke", "r7"), (0, "ok", "r7[]"), (0, "invoke", "r7")),
        SESSION_SER,
        "ttt",
    ),
    # Single transactions
    "duplicate": Case(at_once("a7:1", "r7[1,1]"), RU, "fff", "duplicate-elements"),
    "aborted read": Case(
        history(*FAILED_APPEND, (1, "invoke", "r7"), (1, "ok", "r7[3]")), RC, "fff", "G1a"
    ),
    "aborted read, read-uncommitted": Case(
        history(*FAILED_APPEND, (1, "invoke", "r7"), (1, "ok", "r7[3]")), RU, "uuf"
    ),
    "a read of an unsure append": Case(
        history(*UNSURE_APPEND, (1, "invoke", "r7"), (1, "ok", "r7[3]")), STRICT, "ttt"
    ),
    "intermediate read": Case(at_once("a7:1 a7:2", "r7[1]"), RC, "fff", "G1b"),
    "internal": Case(at_once("r7[] a7:1 r7[2,1]", "a7:2"), SER, "fff", "internal"),
    "internal, own append at the end": Case(at_once("a7:1 r7[1,2]", "a7:2"), SI, "fff", "internal"),
    "internal is not for read-committed": Case(at_once("r7[] r7[2]", "a7:2 a8:1"), RC, "ttf"),
    "null, then an element": Case(
        at_once("r7 r7[2]", "a7:2 a8:1"), "read-atomic", "ftf", "internal"
    ),
    "future read": Case(at_once("r7[1] a7:1", "a8:1", "r8[1]"), RC, "fff", "future-read"),
    "incompatible orders": Case(
        at_once("a7:1", "a7:2", "r7[1]", "r7[2]"), RC, "fff", "incompatible-order"
    ),
    "dirty update": Case(
        history(*FAILED_APPEND, *((1, "invoke", "a7:4"), (1, "ok", "a7:4")))
        + [e._replace(index=e.index + 4) for e in in_turn("r8[]", "r8[]", "r7[3,4]")],
        RC,
        "fff",
        "dirty-update G1a",
    ),
    "lost update": Case(
        at_once("a7:1", "r7[1] a7:2", "r7[1] a7:3"), RR, "fff", "lost-update", "G1c"
    ),
    "lost update is not for read-committed": Case(
        at_once("a7:1", "r7[1] a7:2", "r7[1] a7:3"), RC, "ttf"
    ),
    "garbage": Case(at_once("a7:1", "r7[1,5]"), RU, "fuf", "garbage-read"),
    "not a list": Case(
        history((0, "invoke", "r7"), (0, "ok", [["r", 7, 5]])), RU, "fuf", "garbage-read"
    ),
    "another answer": Case(
        history((0, "invoke", "a7:1"), (0, "ok", "a8:1"), (1, "invoke", "r8"), (1, "ok", "r8[1]")),
        STRICT,
        "ftf",
        "changed-transaction",
    ),
    "an element twice": Case(at_once("a7:1", "a7:1", "r7[1]"), STRICT, "uuu"),
    # What is right
    "own appends": Case(in_turn("a7:1 r7[1] a7:2 r7[1,2]", "r7[1,2] a7:3"), STRICT, "ttt"),
    "empty transactions": Case(in_turn("", "a7:1", "r7[1]", ""), STRICT, "ttt"),
    "unread appends are in no order": Case(at_once("a7:1 a8:1", "a7:2 a8:2"), STRICT, "uuu"),
}

REGISTERS = {
    "G0": Case(at_once("w7:1 r8:1 w8:2", "r7:1 w7:2 w8:1"), RU, "fff", "G0"),
    "G1c": Case(at_once("w7:1 r8:2", "w8:2 r7:1"), RC, "fff", "G1c"),
    "G-single": Case(at_once("w7:2 w8:5", "r7 r8:5"), SI, "fff", "G-single-item", "G2-item"),
    "G-single by a read version": Case(
        at_once("w7:1 w8:1", "r7:1 w7:2 w8:2", "r7:1 r8:2"), SI, "fff", "G-single-item"
    ),
    "a long fork": Case(
        at_once("w7:1", "w8:1", "r7:1 r8", "r7 r8:1"), SI, "fff", "G-nonadjacent-item"
    ),
    "write skew": Case(at_once("r7 w8:1", "r8 w7:1"), SER, "fff", "G2-item", "lost-update"),
    "lost update": Case(at_once("w7:1", "r7:1 w7:2", "r7:1 w7:3"), RR, "fff", "lost-update"),
    "versions in a circle": Case(at_once("r7:1 w7:2", "r7:2 w7:1"), RU, "fff", "cyclic-versions"),
    "aborted read": Case(
        history(*FAILED_WRITE, (1, "invoke", "r7"), (1, "ok", "r7:3")), RC, "fff", "G1a"
    ),
    "a read of an unsure write": Case(
        history(*UNSURE_WRITE, (1, "invoke", "r7"), (1, "ok", "r7:3")), SER, "tft"
    ),
    "half of an unsure transaction": Case(
        history(
            *((0, "invoke", "w7:3 w8:3"), (0, "info", "w7:3 w8:3")),
            *((1, "invoke", "r7 r8"), (1, "ok", "r7:3 r8"), (2, "invoke", "r8"), (2, "ok", "r8")),
        ),
        STRICT,
        "ftf",
        "G-single-item",
    ),
    "intermediate read": Case(at_once("w7:1 w7:2", "r7:1"), RC, "fff", "G1b"),
    "internal": Case(at_once("w7:1 r7:2", "w7:2"), SER, "fff", "internal"),
    "null, then a value": Case(at_once("r7 r7:1 w8:1", "w7:1", "r8:1"), SI, "ftf", "internal"),
    "future read": Case(in_turn("r7:1 w7:1 w8:1", "r8:1"), RC, "ftf", "future-read"),
    "garbage": Case(in_turn("w7:1", "r7:5"), RU, "fff", "garbage-read"),
    "garbage beside an edge": Case(in_turn("w7:1", "r7:5", "r7:1"), RU, "ftf", "garbage-read"),
    "another answer": Case(
        history((0, "invoke", "w7:1"), (0, "ok", "w7:2"), (1, "invoke", "r7"), (1, "ok", "r7:2")),
        STRICT,
        "ftf",
        "changed-transaction",
    ),
    "a value twice": Case(at_once("w7:1", "w7:1", "r7:1"), SER, "uuu"),
    "a value twice, unread": Case(at_once("w7:1", "w7:1", "w7:2", "r7:2"), SER, "ttt"),
    "no edge": Case(at_once("w7:1", "w8:1"), SER, "ufu"),
    "each of two blind writes is the later one for somebody": Case(
        at_once("w7:1 w9:1", "w7:2 w8:1", "r7:1 r8:1", "r7:2 r9:1"), SER, "ftf", "G2-item"
    ),
    # Time
    "a stale read": Case(in_turn("w7:1", "r7"), STRICT, "fff", "G-single-item-realtime"),
    "a stale read of a blind write": Case(
        in_turn("w7:1", "w7:2", "r7:1"), STRICT, "ftf", "G-single-item-realtime"
    ),
    "a stale read of an unsure write": Case(
        history(
            *UNSURE_WRITE,
            *((1, "invoke", "r7"), (1, "ok", "r7:3"), (1, "invoke", "w7:4"), (1, "ok", "w7:4")),
            *((1, "invoke", "r7"), (1, "ok", "r7:3")),
        ),
        STRICT,
        "ftf",
        "G-single-item-realtime",
    ),
    "back and forth in one process": Case(
        history(
            *((0, "invoke", "w7:1"), (2, "invoke", "w7:2")),
            *((1, "invoke", "r7"), (1, "ok", "r7:1"), (1, "invoke", "r7"), (1, "ok", "r7:2")),
            *((1, "invoke", "r7"), (1, "ok", "r7:1"), (0, "ok", "w7:1"), (2, "ok", "w7:2")),
        ),
        SESSION_SER,
        "ftf",
        "G-single-item-process",
    ),
    "an old version, for one who sees what came with the new one": Case(
        history(
            *((0, "invoke", "w7:1"), (2, "invoke", "w7:2 w8:5"), (3, "invoke", "r7 r8")),
            *((1, "invoke", "r7"), (1, "ok", "r7:1"), (1, "invoke", "r7"), (1, "ok", "r7:2")),
            *((0, "ok", "w7:1"), (2, "ok", "w7:2 w8:5"), (3, "ok", "r7:1 r8:5")),
        ),
        SESSION_SER,
        "ftf",
        "G-single-item-process",
    ),
    "blind writes at once": Case(in_turn("w7:1", "w7:2", "r7:2"), STRICT, "ttt"),
    "own writes": Case(in_turn("w7:3 r7:3 w7:4 r7:4", "r7:4"), STRICT, "ttt"),
}

WORKLOAD: dict[Judge, str] = {judge_list_append: "list", judge_rw_register: "register"}

CASES: list[tuple[Judge, Case, str]] = [
    *((judge_list_append, case, name) for name, case in LISTS.items()),
    *((judge_rw_register, case, name) for name, case in REGISTERS.items()),
]


@pytest.mark.parametrize(
    ("judge", "case"),
    [(judge, case) for judge, case, _ in CASES],
    ids=[f"{WORKLOAD[judge]}: {name}" for judge, _, name in CASES],
)
def test_case(judge: Judge, case: Case) -> None:
    judgement = judge(case.events, Demands((case.model,)))
    verdicts = (judgement.valid, judgement.as_maelstrom, judgement.strict)
    named = {anomaly.name for anomaly in judgement.anomalies}
    strictly_named = {anomaly.name for anomaly in judgement.strict_anomalies}
    assert "".join(str(each.value)[0].lower() for each in verdicts) == case.verdicts
    assert named >= set(case.named.split())
    assert strictly_named >= named
    assert not strictly_named & set(case.absent.split())
    assert bool(named) == (case.verdicts[0] == "f")
    for anomaly in judgement.strict_anomalies:
        assert len(anomaly.explanation.splitlines()) <= 24
        assert set(anomaly.events) <= {event.index for event in case.events}
