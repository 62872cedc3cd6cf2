"""What a judgement becomes: the verdict of a run, its screen, and what is exported."""

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any

import pytest

from vsr_node.bench.running.runner import Outcome
from vsr_node.bench.stored.exports import junit_of, summary_of
from vsr_node.bench.stored.results import Results, results_from_json
from vsr_node.bench.stored.screen import screen_of
from vsr_node.bench.workloads import WORKLOADS, Setting
from vsr_node.bench.workloads.broadcast import Broadcast
from vsr_node.bench.workloads.verdict import Culprit, WorkloadVerdict, verdict_of
from vsr_node.bench.workshop.broken_nodes import BrokenNode
from vsr_node.bench.workshop.self_test import rows
from vsr_node.checker import Bounds
from vsr_node.checker.history import Event
from vsr_node.checker.judgement import Anomaly, Judgement
from vsr_node.checker.validity import Validity

STORED = Path(__file__).parent / "stored" / "lin-kv"
LOST = Anomaly("lost", "7 was acknowledged and then not read", (0, 3))
STALE = Anomaly("stale", "7 was read late", (1, 2))
EVENTS = [
    Event(0, 0, 0, "invoke", "add", None, 7),
    Event(1, 1, 1, "invoke", "read"),
    Event(2, 2, 0, "ok", "add", None, 7),
    Event(3, 3, 1, "ok", "read", None, []),
]
MISSED = Judgement(
    valid=Validity.INVALID,
    as_maelstrom=Validity.VALID,
    strict=Validity.INVALID,
    anomalies=(LOST,),
    strict_anomalies=(LOST, STALE),
    explanation="Invalid: 1 of 2 operations.",
    figures={"lost-count": 1, "anomalies": {"lost": 1}},
)


@pytest.fixture
def results() -> Results:
    """The results of a stored run of another workload, for its other figures."""
    plain = json.loads((STORED / "results.json").read_bytes())
    stored = results_from_json(plain)
    mistakes = replace(stored.mistakes, count=0, by_node={})
    return replace(stored, mistakes=mistakes, never_ok=(), interrupted=False)


def test_the_verdict_is_the_workloads_promise_or_the_strict_one() -> None:
    verdict = verdict_of(MISSED, EVENTS, strict=False)
    assert (verdict.valid, verdict.as_maelstrom) == (Validity.INVALID, Validity.VALID)
    assert verdict.anomalies == (LOST,)
    assert verdict.violations == (Culprit(None, 1, 3),)
    assert verdict.details == {"lost-count": 1, "anomaly-counts": {"lost": 1}}
    assert LOST.explanation in verdict.explanation
    strict = verdict_of(replace(MISSED, valid=Validity.VALID), EVENTS, strict=True)
    assert strict.valid is Validity.INVALID
    assert strict.violations == (Culprit(None, 0, 2), Culprit(None, 1, 3))


def test_a_run_says_where_maelstrom_would_say_something_else(results: Results) -> None:
    judged = results.judged(verdict_of(MISSED, EVENTS, strict=False))
    assert (judged.valid, judged.as_maelstrom) == (Validity.INVALID, Validity.VALID)
    assert judged.anomalies == ("lost",)
    lines = screen_of(judged, Path("run")).splitlines()
    assert "anomalies     lost" in lines
    assert "Maelstrom     would call this run valid, and not invalid" in lines
    summary = summary_of([judged])
    assert "Anomalies: lost." in summary
    assert "Maelstrom would call this run valid." in summary
    assert LOST.explanation in junit_of([judged]).decode()
    again = results_from_json(json.loads(json.dumps(judged.as_json())))
    assert again == judged


def test_maelstroms_verdict_on_a_run_counts_its_stats_and_availability(results: Results) -> None:
    fine = replace(MISSED, valid=Validity.VALID, strict=Validity.VALID, anomalies=())
    verdict = verdict_of(fine, EVENTS, strict=False)
    never_ok = replace(results, never_ok=("cas",)).judged(verdict)
    assert (never_ok.valid, never_ok.as_maelstrom) == (Validity.INVALID, Validity.INVALID)
    assert "would call" not in screen_of(never_ok, Path("run"))


def test_the_last_line_says_that_a_majority_is_no_mistake(results: Results) -> None:
    availability = replace(results.availability, valid=Validity.INVALID, asked=1.0)
    verdict = WorkloadVerdict(Validity.VALID, "fine")
    cut = replace(results.network, servers=replace(results.network.servers, cut=9))
    judged = replace(results, availability=availability, network=cut).judged(verdict)
    text = "too few operations were ok (nodes that ask a majority can't answer while they are cut"
    assert text in screen_of(judged, Path("run")).splitlines()[-2]


def test_a_workload_without_other_verdicts_is_stored_as_ever(results: Results) -> None:
    judged = results.judged(WorkloadVerdict(Validity.VALID, "fine"))
    plain = judged.as_json()
    assert not plain.keys() & {"as_maelstrom", "strict", "anomalies"}
    assert not plain["workload"].keys() & {"as_maelstrom", "strict", "anomalies"}
    assert not plain["test"].keys() & {"strict", "topology", "key_count", "consistency_models"}


def test_broadcast_stands_beside_the_goals_of_its_challenges() -> None:
    first, second = Broadcast.goals({"stable-latencies": {"0.5": 412, "1": 793}}, 24.04)
    assert "24.0 messages an operation" in first
    assert "median 412 (3d: below 400, 3e: 1000)" in second
    assert "maximum 793 (3d: below 600, 3e: 2000)" in second
    assert not Broadcast.goals({}, 24.0)


def test_a_history_that_makes_no_sense_has_a_verdict() -> None:
    workload = WORKLOADS["g-set"](Setting(2, 2), Random(1))
    verdict = workload.judge([EVENTS[0], EVENTS[0]._replace(index=1)], Bounds())
    assert verdict.valid is Validity.UNKNOWN
    assert "can't be judged" in verdict.explanation


@pytest.mark.parametrize("name", ["txn-list-append", "txn-rw-register"])
@pytest.mark.parametrize(
    "answer",
    [[], [["r", 1, None]] * 3, [["zap", {}, []]], [["r", [1], {"a": 1}]], [["append", None, None]]],
)
def test_any_answer_to_a_transaction_is_judged(name: str, answer: Any) -> None:
    asked: Any = [["r", 1, None], ["append" if name == "txn-list-append" else "w", 1, 1]]
    events = [
        Event(0, 0, 0, "invoke", "txn", None, asked),
        Event(1, 1, 0, "ok", "txn", None, answer),
    ]
    verdict = WORKLOADS[name](Setting(2, 2), Random(1)).judge(events, Bounds())
    assert verdict.valid is Validity.INVALID
    assert verdict.anomalies is not None
    assert "changed-transaction" in [anomaly.name for anomaly in verdict.anomalies]


def test_the_self_test_runs_each_node_with_its_workload(results: Results) -> None:
    asked: list[Sequence[str]] = []

    def run(words: Sequence[str]) -> Outcome:
        asked.append(words)
        judged = results.judged(verdict_of(MISSED, EVENTS, strict=False))
        return Outcome(judged, Path("run"), EVENTS)

    node = BrokenNode("set-drops", "one add of fifty is not done", ("--rate", "9"), "g-set")
    (row,) = rows([node], run, 1)
    assert list(asked[0][:5]) == ["test", "-w", "g-set", "--bin", "broken:set-drops"]
    assert (row.caught_by, row.as_it_should) == ("lost", True)
    (row,) = rows([node._replace(anomalies=("phantom",))], run, 1)
    assert (row.caught_by, row.as_it_should) == ("lost", False)
