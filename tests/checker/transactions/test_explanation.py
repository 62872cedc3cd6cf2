"""What a verdict says: its facts, and that it fits on a screen."""

from random import Random

from tests.checker.transactions.drawn import LISTS, REGISTERS, at_once, draw, history, in_turn
from tests.checker.transactions.oracle import judged
from vsr_node.checker.history import Event
from vsr_node.checker.judgement import Demands
from vsr_node.checker.transactions import judge_list_append, judge_rw_register

SCREEN = 24


def strict(write: str, events: list[Event]) -> str:
    return judged(events, write).strict_anomalies[0].explanation


def test_read_skew_is_explained_by_both_transactions_and_both_reads() -> None:
    events = [event._replace(node="n1") for event in at_once("a7:2 a8:2", "r7[] r8[2]")]
    judgement = judge_list_append(events, Demands(("snapshot-isolation",)))
    (anomaly,) = judgement.anomalies
    heading, *lines = anomaly.explanation.splitlines()
    assert heading.startswith("not repeatable-read and not snapshot-isolation: G-single-item.")
    assert heading.endswith("are out, too; read-committed is not.")
    assert lines == [
        "    T1  process 0  n1  0.000 s to 0.002 s   append 7 2, append 8 2",
        "    T2  process 1  n1  0.001 s to 0.003 s   r 7 [], r 8 [2]",
        "  T1 before T2: T2 read key 8 as [2], whose 2 T1 appended. (wr)",
        "  T2 before T1: T2 read key 7 as [], T1 appended 2 after that. (rw)",
    ]
    assert anomaly.events == (0, 1, 2, 3)
    assert judgement.explanation == "Not snapshot-isolation: G-single-item."


def test_real_time_is_explained_by_the_answer_and_the_question() -> None:
    text = strict(LISTS, in_turn("a7:1", "r7[]"))
    assert "T1 was answered at 0.001 s, before T2 was asked at 0.002 s. (real time)" in text
    assert "T2 read key 7 as [], T1 appended 1 after that. (rw)" in text


def test_an_order_of_versions_is_explained_by_the_transactions_that_show_it() -> None:
    text = strict(REGISTERS, in_turn("w7:1", "w7:2", "r7:1"))
    assert "    T1  process 1  0.002 s to 0.003 s   w 7 2\n" in text
    assert "    T2  process 2  0.004 s to 0.005 s   r 7 1\n" in text
    assert "T2 read key 7 as 1, T1 wrote 2, which is later: T3, with 1, was answered at" in text
    assert "    T3  process 0  0.000 s to 0.001 s   w 7 1\n" in text


def test_what_follows_from_an_assumption_is_explained_by_three_transactions() -> None:
    events = at_once("w7:1 w9:1", "w7:2 w8:1", "r7:1 r8:1", "r7:2 r9:1")
    text = judged(events, REGISTERS).anomalies[0].explanation
    assert "T2 before T1: T4 read key 7 as 1 of T1; T2 wrote it, too, and came before T4." in text
    assert len(text.splitlines()) <= SCREEN


def test_an_aborted_read_names_the_writer_that_failed() -> None:
    steps = [(0, "invoke", "w7:3"), (0, "fail", "w7:3"), (1, "invoke", "r7"), (1, "ok", "r7:3")]
    text = strict(REGISTERS, history(*steps))
    assert "T1 read key 7 as 3, which T2 wrote, and T2 failed." in text
    assert "T2  process 0  0.000 s to 0.001 s, failed   w 7 3" in text


def test_long_lists_long_transactions_and_long_cycles_fit_on_a_screen() -> None:
    many = ",".join(map(str, range(1, 300)))
    appends = " ".join(f"a7:{n}" for n in range(1, 300))
    text = strict(LISTS, in_turn(appends, f"r7[{many},5]"))
    assert "[1, 2, ... 294 more ..., 297, 298, 299, 5]" in text
    assert max(map(len, text.splitlines())) < 200
    circle = at_once(*(f"a{n}:1 r{(n + 1) % 30}[1]" for n in range(30)))
    text = strict(LISTS, circle)
    assert "G1c" in text
    assert "and 22 more steps" in text
    assert len(text.splitlines()) <= SCREEN


def test_every_edge_of_drawn_histories_has_a_reason() -> None:
    for seed in range(300):
        for write, judge in ((LISTS, judge_list_append), (REGISTERS, judge_rw_register)):
            events = draw(Random(seed), write, transactions=12, processes=6, lies=0.4)
            for model in ("strict-serializable", "strong-session-serializable"):
                for anomaly in judge(events, Demands((model,))).strict_anomalies:
                    assert 3 <= len(anomaly.explanation.splitlines()) <= SCREEN
                    assert "T1" in anomaly.explanation


def test_an_exception_of_maelstrom_is_explained() -> None:
    judgement = judge_list_append(at_once("a7:1", "r7[1,5]"), Demands())
    assert judgement.explanation == (
        "Not strict-serializable: garbage-read. Maelstrom's checker ends with an "
        "exception: a read gave an element that nobody appended."
    )


def test_appends_that_nobody_read_are_counted() -> None:
    judgement = judge_list_append(in_turn("a7:1", "r7[1]", "a7:2"), Demands())
    assert "1 acknowledged append was never read" in judgement.explanation


def test_elles_results_are_among_the_figures() -> None:
    judgement = judge_list_append(at_once("a7:2 a8:2", "r7[] r8[2]"), Demands())
    assert judgement.figures["anomaly-types"] == ["G-single-item"]
    assert judgement.figures["not"] == ["consistent-view", "repeatable-read"]
    assert "snapshot-isolation" in str(judgement.figures["also-not"])
