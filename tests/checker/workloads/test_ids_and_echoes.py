"""The judges of unique-ids, echo and lin-kv, and what all judges share."""

import pytest

from tests.checker.workloads.histories import answered, history
from vsr_node.checker import HistoryError
from vsr_node.checker.history import Json
from vsr_node.checker.judgement import Judgement
from vsr_node.checker.validity import Validity
from vsr_node.checker.workloads import judge

VALID, INVALID, UNKNOWN = Validity.VALID, Validity.INVALID, Validity.UNKNOWN


def verdicts(judgement: Judgement) -> tuple[Validity, Validity, Validity]:
    return judgement.valid, judgement.as_maelstrom, judgement.strict


def names(judgement: Judgement) -> list[str]:
    return [anomaly.name for anomaly in judgement.anomalies]


def test_ids_that_differ_are_valid() -> None:
    judgement = judge("unique-ids", answered((0, "generate", None, "a"), (1, "generate", None, 1)))
    assert verdicts(judgement) == (VALID, VALID, VALID)
    assert judgement.figures["acknowledged-count"] == 2
    assert judgement.figures["range"] is None


def test_an_id_given_twice_names_both_requests() -> None:
    judgement = judge(
        "unique-ids",
        answered((0, "generate", None, 7), (1, "generate", None, 8), (2, "generate", None, 7)),
    )
    assert verdicts(judgement) == (INVALID, INVALID, INVALID)
    (anomaly,) = judgement.anomalies
    assert anomaly.name == "duplicate-id"
    assert anomaly.events == (0, 1, 4, 5)
    assert "2 requests got the id 7" in anomaly.explanation
    assert judgement.figures["duplicated"] == {"7": 2}


def test_one_and_one_point_zero_and_true_are_three_ids() -> None:
    events = answered(*((0, "generate", None, value) for value in (1, 1.0, True)))
    assert judge("unique-ids", events).valid is VALID


def test_only_acknowledged_ids_count() -> None:
    judgement = judge(
        "unique-ids",
        history(
            (0, "invoke", "generate", None),
            (0, "ok", "generate", 7),
            (0, "invoke", "generate", None),
            (0, "info", "generate", 7),
        ),
    )
    assert judgement.valid is VALID
    assert judgement.figures["attempted-count"] == 2


def test_an_echo_that_comes_back_changed_is_named_with_both_texts() -> None:
    judgement = judge("echo", answered((0, "echo", "a", "a"), (1, "echo", "b", "a")))
    assert verdicts(judgement) == (INVALID, INVALID, INVALID)
    assert names(judgement) == ["changed-echo"]
    assert '"b" came back as "a"' in judgement.anomalies[0].explanation
    assert judgement.anomalies[0].events == (2, 3)


def test_maelstroms_echo_is_the_body_of_the_message() -> None:
    body: Json = {"type": "echo_ok", "echo": "a", "in_reply_to": 3}
    assert judge("echo", answered((0, "echo", "a", body))).valid is VALID
    assert judge("echo", answered((0, "echo", "b", body))).valid is INVALID


@pytest.mark.parametrize("outcome", ["info", "fail"])
def test_an_echo_that_got_no_answer_is_wrong_for_maelstrom_alone(outcome: str) -> None:
    judgement = judge(
        "echo",
        history(
            (0, "invoke", "echo", "a"),
            (0, "ok", "echo", "a"),
            (1, "invoke", "echo", "b"),
            (1, outcome, "echo", "b"),
        ),
    )
    assert verdicts(judgement) == (VALID, INVALID, VALID)


def test_a_function_that_was_never_ok_leaves_the_verdict_open() -> None:
    judgement = judge(
        "unique-ids", history((0, "invoke", "generate", None), (0, "info", "generate", None))
    )
    assert judgement.valid is UNKNOWN
    assert judgement.as_maelstrom is INVALID
    assert "tried and never ok: generate" in judgement.explanation


def test_lin_kv_is_judged_by_the_search() -> None:
    stale = answered((0, "write", 1, 1), (1, "read", None, None))
    judgement = judge("lin-kv", stale)
    assert verdicts(judgement) == (INVALID, INVALID, INVALID)
    assert names(judgement) == ["not-linearizable"]
    assert judgement.anomalies[0].events == (2, 3)
    assert judge("lin-kv", answered((0, "write", 1, 1), (1, "read", None, 1))).valid is VALID


@pytest.mark.parametrize("workload", ["echo", "unique-ids"])
def test_a_foreign_operation_is_refused(workload: str) -> None:
    with pytest.raises(HistoryError, match=f"event 0: {workload} has .*, not enqueue"):
        judge(workload, answered((0, "enqueue", 1, 1)))
