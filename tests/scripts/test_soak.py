import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from scripts.soaking import __main__ as command
from scripts.soaking.checks import CHECKS, Check, CheckRun, Share
from scripts.soaking.runs import Done, Journal, carry_out, content_key, judge
from scripts.soaking.service import service_figures
from scripts.soaking.table import Row, summarize

SECOND = 1_000_000_000


def shell(text: str, name: str = "run", **expected: Any) -> CheckRun:
    return CheckRun(name, ("sh", "-c", text), **expected)


def soak(folder: Path, *checks: Check, jobs: int = 1) -> list[Row]:
    journal = Journal(folder)
    try:
        carry_out(checks, journal, jobs, folder / "runs")
        return [summarize(check, journal.done) for check in checks]
    finally:
        journal.close()


def leave_results(folder: Path, results: Mapping[str, Any], events: list[dict[str, Any]]) -> None:
    store = folder / "store/latest"
    (store / "node-logs").mkdir(parents=True)
    (store / "results.json").write_text(json.dumps({"test": {"nodes": []}} | dict(results)))
    (store / "history.jsonl").write_text("".join(json.dumps(event) + "\n" for event in events))


def test_runs_pass_and_fail_by_their_exit_status(tmp_path: Path) -> None:
    good = Check("good", "", (shell("exit 0", "a"), shell("exit 1", "b", exit_status=1)))
    bad = Check("bad", "", (shell("exit 0", "a"), shell("echo why; exit 2", "b")))
    rows = soak(tmp_path, good, bad)
    assert [(r.check, r.state, r.passed, r.failed, r.left) for r in rows] == [
        ("good", "ok", 2, 0, 0),
        ("bad", "FAILED", 1, 1, 0),
    ]
    assert (tmp_path / "runs/bad/b/output.txt").read_text() == "why\n"
    assert not (tmp_path / "runs/good/a").exists()


@pytest.mark.parametrize(("passes_min", "state"), [(1, "ok"), (2, "FAILED"), (None, "FAILED")])
def test_some_runs_may_fail_where_a_check_says_how_many_must_pass(
    tmp_path: Path, passes_min: int | None, state: str
) -> None:
    runs = (shell("exit 0", "a"), shell("exit 1", "b"))
    (row,) = soak(tmp_path, Check("most", "", runs, passes_min=passes_min))
    assert (row.state, row.passed, row.failed) == (state, 1, 1)


def test_what_is_done_is_not_done_again(tmp_path: Path) -> None:
    mark = tmp_path / "marks"
    check = Check("check", "", (shell(f"echo x >>'{mark}'", "a"), shell(f"echo x >>'{mark}'", "b")))
    soak(tmp_path, check)
    assert soak(tmp_path, check)[0].state == "ok"
    assert mark.read_text() == "x\nx\n"


def test_a_failed_run_stays_failed(tmp_path: Path) -> None:
    flag = tmp_path / "flag"
    check = Check("check", "", (shell(f"test -e '{flag}'"),))
    assert soak(tmp_path, check)[0].state == "FAILED"
    flag.touch()
    assert soak(tmp_path, check)[0].state == "FAILED"


def test_a_run_that_was_interrupted_is_not_counted_and_taken_up_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    flag = tmp_path / "flag"
    wait_or_pass = f"test -e '{flag}' || exec sleep 600"
    check = Check("check", "", (shell("exit 0", "a"), shell(wait_or_pass, "b")))
    journal = Journal(tmp_path)

    def interrupt(_: float) -> None:
        if ("check", "a") in journal.done:
            monkeypatch.undo()
            raise KeyboardInterrupt

    monkeypatch.setattr("scripts.soaking.runs.time.sleep", interrupt)
    with pytest.raises(KeyboardInterrupt):
        carry_out([check], journal, 2, tmp_path / "runs")
    assert summarize(check, journal.done).state == "unfinished"
    journal.close()
    flag.touch()
    assert soak(tmp_path, check)[0].state == "ok"


def test_a_run_without_an_end_is_stopped_and_fails(tmp_path: Path) -> None:
    check = Check("check", "", (shell("exec sleep 600", time_limit_s=0.1),))
    assert soak(tmp_path, check)[0].state == "FAILED"


def test_a_journal_that_was_cut_short_counts_its_whole_lines(tmp_path: Path) -> None:
    check = Check("check", "", (shell("exit 0", "a"), shell("exit 0", "b")))
    soak(tmp_path, check)
    file = tmp_path / "done.jsonl"
    file.write_bytes(file.read_bytes()[:-5])
    journal = Journal(tmp_path)
    assert list(journal.done) == [("check", "a")]
    journal.close()
    assert soak(tmp_path, check)[0].state == "ok"
    assert len(file.read_text().splitlines()) == 2


def test_a_cleared_journal_counts_anew(tmp_path: Path) -> None:
    check = Check("check", "", (shell("exit 1"),))
    soak(tmp_path, check)
    journal = Journal(tmp_path)
    journal.clear()
    carry_out([check], journal, 1, tmp_path / "runs")
    journal.close()
    assert len((tmp_path / "done.jsonl").read_text().splitlines()) == 1


def test_code_that_changes_meanwhile_counts_for_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    check = Check("check", "", (shell("exit 0"),))
    keys = iter(("before", "after", "after", "after"))
    monkeypatch.setattr(command, "CHECKS", (check,))
    monkeypatch.setattr(command, "STATE", tmp_path)
    monkeypatch.setattr(command, "content_key", lambda: next(keys))
    monkeypatch.setattr("signal.signal", lambda *_: None)
    assert command.main([]) == 1
    assert "the code changed" in capsys.readouterr().err
    assert command.main([]) == 0
    assert capsys.readouterr().out.startswith("[1/1] check: run: ok")


def test_one_process_at_a_time_has_the_journal(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    with pytest.raises(BlockingIOError):
        Journal(tmp_path)
    journal.close()
    Journal(tmp_path).close()


@pytest.mark.parametrize(("time_outs", "fault"), [(0, ""), (1, "time_outs is 1.0")])
def test_a_figure_is_held_to_its_bound(tmp_path: Path, time_outs: int, fault: str) -> None:
    run = shell("", at_most={"time_outs": 0})
    leave_results(tmp_path, {"time_outs": time_outs}, [])
    assert judge(Check("check", "", (run,)), run, 0, tmp_path, 0).fault == fault


def test_a_figure_that_is_missing_is_no_zero(tmp_path: Path) -> None:
    run = shell("", at_most={"time_outs": 0})
    leave_results(tmp_path, {}, [])
    with pytest.raises(KeyError):
        judge(Check("check", "", (run,)), run, 0, tmp_path, 0)


@pytest.mark.parametrize(
    ("logs", "is_fault"),
    [({"n0": "fine"}, False), ({"n0": "", "n1": "n1 entered view 1"}, True), ({}, True)],
)
def test_a_text_that_must_not_be_logged(
    tmp_path: Path, logs: dict[str, str], is_fault: bool
) -> None:
    run = shell("", never_logged="entered view")
    leave_results(tmp_path, {}, [])
    for node, text in logs.items():
        (tmp_path / f"store/latest/node-logs/{node}.log").write_text(text)
    assert bool(judge(Check("check", "", (run,)), run, 0, tmp_path, 0).fault) == is_fault


@pytest.mark.parametrize(
    ("time_outs", "state"), [((0, 0), "ok"), ((0, 1), "ok"), ((1, 1), "FAILED")]
)
def test_a_share_is_counted_over_all_runs(time_outs: tuple[int, int], state: str) -> None:
    runs = (shell("", "a"), shell("", "b"))
    check = Check("check", "", runs, Share("time_outs", "count", below=1 / 2000))
    done = {
        ("check", run.name): Done(
            "check", run.name, 1, "", {"time_outs": time_out_count, "count": 2000}
        )
        for run, time_out_count in zip(runs, time_outs, strict=True)
    }
    assert summarize(check, done).state == state


def test_the_key_is_that_of_the_code(tmp_path: Path) -> None:
    (tmp_path / "vsr_node").mkdir()
    (tmp_path / "vsr_node/node.py").write_text("1")
    key = content_key(tmp_path)
    (tmp_path / "README.md").write_text("1")
    assert content_key(tmp_path) == key
    (tmp_path / "vsr_node/node.py").write_text("2")
    assert content_key(tmp_path) != key


def test_the_registry_names_each_run_once_and_can_be_listed(
    capsys: pytest.CaptureFixture[str],
) -> None:
    names = [(check.name, run.name) for check in CHECKS for run in check.runs]
    assert len(set(names)) == len(names)
    assert command.main(["--list", "--commands", "matrix"]) == 0
    listed = capsys.readouterr().out
    assert sys.executable in listed
    assert "{" not in listed
    assert "matrix-partition-lossy (15 runs)" in listed
    assert "broken-nodes" not in listed


def test_an_unknown_name_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert command.main(["no-such-check"]) == 2
    assert "no-such-check" in capsys.readouterr().err


class CutHistory:
    """The history of three nodes; n0 is cut off one second after the beginning."""

    def __init__(self, cuts: dict[str, list[str]]) -> None:
        self.events: list[dict[str, Any]] = []
        self._add(1.0, "nemesis", "info", "start-partition", value={"cuts": cuts})

    def operate(self, node: str, begin_s: float, end_s: float, code: int | None = None) -> None:
        process = len(self.events)
        self._add(begin_s, process, "invoke", "read", node=node)
        error = None if code is None else [code, "text"]
        self._add(end_s, process, "fail" if error else "ok", "read", node=node, error=error)

    def heal(self, at_s: float) -> None:
        self._add(at_s, "nemesis", "info", "stop-partition", value=None)

    def figures(self, folder: Path) -> dict[str, float]:
        self.events.sort(key=lambda event: event["time"])
        leave_results(folder, {}, self.events)
        return service_figures(folder / "store/latest/history.jsonl", ["n0", "n1", "n2"])

    def _add(self, at_s: float, process: int | str, type_: str, f: str, **others: Any) -> None:
        event = {"time": int(at_s * SECOND), "process": process, "type": type_, "f": f}
        self.events.append(event | {"node": None, "error": None} | others)


ONE_CUT_OFF = {"n0": ["n1", "n2"], "n1": ["n0"], "n2": ["n0"]}
RING = {"n0": ["n1"], "n1": ["n2"], "n2": ["n0"]}


def test_the_gap_ends_with_the_first_answer_on_the_majoritys_side(tmp_path: Path) -> None:
    history = CutHistory(ONE_CUT_OFF)
    history.operate("n1", 0.9, 1.1)  # began before the cut
    history.operate("n0", 1.1, 1.2)  # on the other side
    history.operate("n1", 1.1, 1.3, code=11)  # refused
    history.operate("n2", 1.2, 1.5, code=20)  # an answer
    history.operate("n1", 1.3, 1.6)
    history.heal(4.0)
    assert history.figures(tmp_path) == {"cuts": 1, "longest_gap_s": 0.5, "unanswered": 0}


def test_no_answer_at_all_is_a_gap_as_long_as_the_cut(tmp_path: Path) -> None:
    history = CutHistory(ONE_CUT_OFF)
    history.operate("n1", 1.1, 2.2, code=0)
    history.operate("n1", 2.3, 3.4, code=0)
    history.heal(4.0)
    assert history.figures(tmp_path) == {"cuts": 1, "longest_gap_s": 3.0, "unanswered": 1}


def test_a_short_cut_without_an_answer_tells_nothing(tmp_path: Path) -> None:
    history = CutHistory(ONE_CUT_OFF)
    history.heal(1.5)
    assert history.figures(tmp_path) == {"cuts": 0, "longest_gap_s": 0, "unanswered": 0}


def test_a_ring_is_no_clean_cut(tmp_path: Path) -> None:
    history = CutHistory(RING)
    history.heal(4.0)
    assert history.figures(tmp_path)["cuts"] == 0
