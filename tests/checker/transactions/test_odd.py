"""What no honest client or node sends gets a verdict, or an error that says what is wrong."""

from random import Random
from typing import Any

import pytest

from tests.checker.transactions.drawn import at_once, drawn_odd, history
from vsr_node.checker.history import Event, HistoryError
from vsr_node.checker.judgement import Demands
from vsr_node.checker.transactions import judge_list_append, judge_rw_register
from vsr_node.checker.validity import Validity

MODELS = ("strict-serializable", "strong-session-serializable", "read-committed")
JUDGES = {"append": judge_list_append, "w": judge_rw_register}


@pytest.mark.parametrize("write", JUDGES)
def test_no_history_makes_a_judge_throw(write: str) -> None:
    verdicts: set[Validity] = set()
    errors = 0
    for seed in range(800):
        try:
            judgement = JUDGES[write](drawn_odd(Random(seed), write), Demands((MODELS[seed % 3],)))
            verdicts.add(judgement.valid)
        except HistoryError:
            errors += 1
    assert verdicts >= {Validity.VALID, Validity.INVALID}
    assert 0 < errors < 500


@pytest.mark.parametrize(
    ("events", "message"),
    [
        (history((0, "invoke", 7)), "event 0: 7 is not a transaction"),
        (history((0, "invoke", [["cas", 1, 2]])), "is not a transaction"),
        (history((0, "invoke", [["r", 1]])), "is not a transaction"),
        (history((0, "ok", "r1")), "completes txn, which it did not invoke"),
        (history((0, "invoke", "r1"), (0, "invoke", "r1")), "is still under way"),
        ([Event(0, 0, 0, "invoke", "read")], "has read; the histories judged here have txn"),
        ([Event(1, 0, 0, "invoke", "txn", value=[])] * 2, "event 1 comes after event 1"),
    ],
)
def test_a_history_without_sense_is_refused(events: list[Event], message: str) -> None:
    for judge in JUDGES.values():
        with pytest.raises(HistoryError, match=message):
            judge(events, Demands())


def test_an_unknown_model_is_refused() -> None:
    with pytest.raises(HistoryError, match="no consistency model serialisable; these are known"):
        judge_list_append([], Demands(("serialisable",)))


def test_two_models_in_one_text_are_one_that_maelstrom_does_not_know() -> None:
    events = at_once("a7:1", "r7[1]")
    judgement = judge_list_append(events, Demands(("snapshot-isolation,read-committed",)))
    assert (judgement.valid, judgement.as_maelstrom) == (Validity.VALID, Validity.UNKNOWN)


@pytest.mark.parametrize(
    "answer", [None, 7, {"r": 7}, [["r", 7]], [["r", 8, None]], [[1, 2, 3]], []]
)
@pytest.mark.parametrize("write", JUDGES)
def test_an_answer_that_is_not_the_transaction(write: str, answer: Any) -> None:
    steps = [(0, "invoke", [["r", 7, None], [write, 8, 1]]), (0, "ok", answer)]
    judgement = JUDGES[write](history(*steps), Demands(("read-uncommitted",)))
    assert [anomaly.name for anomaly in judgement.anomalies] == ["changed-transaction"]
    assert judgement.valid is Validity.INVALID
    is_odd = answer not in (None, [], [["r", 8, None]])
    assert (judgement.as_maelstrom is Validity.UNKNOWN) == (is_odd or write == "append")


def test_numbers_truth_values_and_texts_differ() -> None:
    steps = [(0, "invoke", [["append", 7, 1]]), (0, "ok", [["append", 7, 1]])]
    for process, value in enumerate((True, 1.0, "1"), start=1):
        answer = [["r", 7, [value]]]
        events = history(*steps, (process, "invoke", "r7"), (process, "ok", answer))
        names = [anomaly.name for anomaly in judge_list_append(events, Demands()).anomalies]
        assert names[0] == "garbage-read"


def test_no_order_no_success_and_nothing_at_all_are_unknown() -> None:
    one = history((0, "invoke", [["append", 7, 1]]), (0, "ok", [["append", 7, 1]]))
    none = history((0, "invoke", [["append", 7, 1]]), (0, "fail", [["append", 7, 1]]))
    lists = [judge_list_append(events, Demands()) for events in (one, none, [])]
    assert [each.valid for each in lists] == [Validity.UNKNOWN] * 3
    assert [each.as_maelstrom.value for each in lists] == ["unknown", False, "unknown"]
    one[:] = history((0, "invoke", "w7:1"), (0, "ok", "w7:1"))
    none[:] = history((0, "invoke", "w7:1"), (0, "fail", "w7:1"))
    registers = [judge_rw_register(events, Demands()) for events in (one, none, [])]
    assert [each.valid for each in registers] == [Validity.UNKNOWN] * 3
    assert [each.as_maelstrom.value for each in registers] == [False, False, False]
