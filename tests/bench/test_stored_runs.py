"""Runs on disk: judged again, done once more, and handed on as one file."""

import json
import re
import shutil
import tarfile
from itertools import pairwise
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import orjson
import pytest

from tests.checker.histories import history
from tests.checker.test_bounds import configurations, hard
from vsr_node.bench.command_line import cli
from vsr_node.bench.command_line.cli import main
from vsr_node.bench.running import runner
from vsr_node.bench.running.runner import Outcome
from vsr_node.bench.stored.exports import write_bundle
from vsr_node.bench.stored.stored_runs import UnreadableRunError, load_results, load_run
from vsr_node.bench.workshop.broken_nodes import OTHER_NODES
from vsr_node.bench.workshop.self_test import NODES
from vsr_node.checker import RegisterModel, check, load_history
from vsr_node.shell_command import command_here

WORK = "-w lin-kv --bin broken:honest --node-count 3 --concurrency 4n --rate 100 --latency 2"
FAULTS = "--nemesis partition --nemesis-interval 0.3"
ENOUGH = ("--time-limit", "1", "--seed", "4")
"""Time for several writes, so that the run is valid on a slow machine, too."""


@pytest.fixture(scope="module")
def run_once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A short, valid run with faults; its folder."""
    store = tmp_path_factory.mktemp("store")
    words = [*WORK.split(), *FAULTS.split(), *ENOUGH, "--store", str(store)]
    assert main(["test", *words]) == 0
    return (store / "latest").resolve()


@pytest.fixture
def stored(run_once: Path, tmp_path: Path) -> Path:
    """A copy of that run for one test."""
    return shutil.copytree(run_once, tmp_path / "stored")


def results_in(folder: Path) -> dict[str, Any]:
    value = json.loads((folder / "results.json").read_bytes())
    assert isinstance(value, dict)
    return value


def invocations(folder: Path) -> list[tuple[Any, ...]]:
    events = load_history(folder / "history.jsonl")
    asked = [e for e in events if e.type == "invoke" and e.process != "nemesis"]
    return sorted((e.node, int(e.process) % 12, e.f, e.key, str(e.value)) for e in asked)


def test_a_replay_does_the_same_operations_and_faults(stored: Path, tmp_path: Path) -> None:
    assert main(["replay", str(stored), "--store", str(tmp_path)]) == 0
    again = (tmp_path / "latest").resolve()
    assert again != stored
    assert invocations(again) == invocations(stored)
    assert (again / "faults.jsonl").read_bytes() == (stored / "faults.jsonl").read_bytes()
    assert results_in(again)["bite"]["faults"] == results_in(stored)["bite"]["faults"] > 0
    assert results_in(again)["repeat"] == command_here("bench", "replay", str(again))
    assert main(["replay", str(again), "--store", str(tmp_path)]) == 0
    last = (tmp_path / "latest").resolve()
    operations = "operations.jsonl"
    assert (last / operations).read_bytes() == (again / operations).read_bytes()


def test_a_replay_does_the_operation_that_began_as_the_time_ran_out(
    stored: Path, tmp_path: Path
) -> None:
    test = json.loads((stored / "test.json").read_bytes())
    last = max(e.time for e in load_history(stored / "history.jsonl") if e.type == "invoke")
    test["time_limit_s"] = (last - test["operations_begin_ns"]) / 1e9
    (stored / "test.json").write_text(json.dumps(test))
    assert main(["replay", str(stored), "--store", str(tmp_path)]) == 0
    assert invocations((tmp_path / "latest").resolve()) == invocations(stored)


def test_many_replays_are_a_line_each_and_a_tally(
    stored: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    capsys.readouterr()
    words = ["replay", str(stored), "--store", str(tmp_path), "--times", "2"]
    assert main([*words, "--bin", "broken:own-dict"]) == 1
    lines = [line for line in capsys.readouterr().out.splitlines() if " of 2" in line]
    assert len(lines) == 3
    for number, line in enumerate(lines[:2], start=1):
        assert re.match(
            rf"run {number} of 2: invalid, \d+ operations, {tmp_path}/.*: Key \d+, at ", line
        )
    assert lines[2] == "fails 2 of 2"


def test_a_replay_of_another_binary(stored: Path, tmp_path: Path) -> None:
    words = ["replay", str(stored), "--store", str(tmp_path), "--bin", "broken:own-dict"]
    assert main(words) == 1


def test_what_is_no_run_is_refused(
    tmp_path: Path, stored: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for command in ("check", "replay", "shrink"):
        assert main([command, str(tmp_path / "nowhere")]) == 254
        assert "is not the folder of a run" in capsys.readouterr().err
    assert main(["shrink", str(stored)]) == 254
    assert "nothing to shrink" in capsys.readouterr().err
    (tmp_path / "x.tar.gz").write_bytes(b"no archive")
    assert main(["check", str(tmp_path / "x.tar.gz"), "--store", str(tmp_path)]) == 254
    assert "can't be unpacked" in capsys.readouterr().err


def test_check_judges_again_from_disk(stored: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = results_in(stored)
    assert main(["check", str(stored)]) == 0
    assert results_in(stored) == before
    lines = (stored / "history.jsonl").read_text().splitlines()
    for place, line in enumerate(lines):
        event = json.loads(line)
        if (event["type"], event["f"]) == ("ok", "read"):
            lines[place] = json.dumps(event | {"value": 77})
    (stored / "history.jsonl").write_text("\n".join(lines) + "\n")
    capsys.readouterr()
    assert main(["check", str(stored)]) == 1
    assert "Analysis invalid!" in capsys.readouterr().out
    assert results_in(stored)["valid"] is False


@pytest.mark.parametrize("written", [None, '{"valid": '])
def test_a_run_that_was_killed_can_be_judged(
    stored: Path, written: str | None, capsys: pytest.CaptureFixture[str]
) -> None:
    (stored / "results.json").unlink()
    if written is not None:
        (stored / "results.json").write_text(written)
    assert main(["check", str(stored)]) == 2
    assert "can't be more than valid so far" in capsys.readouterr().out


def test_an_endless_search_ends_within_its_bound_with_a_verdict_that_is_true(
    stored: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The search grows more than threefold for every two writes; there are forty."""
    assert all(b > 3 * a for a, b in pairwise(configurations(width) for width in (4, 6, 8)))
    events = history(*hard(0, 40, "hard"))
    text = b"".join(orjson.dumps(event._asdict()) + b"\n" for event in events)
    (stored / "history.jsonl").write_bytes(text)
    for bound, reason in (
        (("--check-time", "0.3"), "the time limit (0.3 s)"),
        (("--check-memory", "2"), "the memory limit (2000000 bytes)"),
    ):
        capsys.readouterr()
        assert main(["check", str(stored), *bound]) == 2
        assert reason in capsys.readouterr().out
        results = results_in(stored)
        assert results["valid"] == "unknown"
        (key,) = results["workload"]["keys"]
        assert key["valid"] == "unknown"
        assert key["reason"].startswith("valid up to operation 2 of 83; undecided")
    # What it calls valid is: the history up to its second completion.
    second = [event.index for event in events if event.type == "ok"][1]
    assert check(events[: second + 1], RegisterModel()).valid


@pytest.mark.parametrize("has_filters", [True, False])
def test_a_bundle_stays_in_its_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, has_filters: bool
) -> None:
    if not has_filters:
        # As up to Python 3.11.3.
        monkeypatch.delattr(tarfile, "data_filter", raising=False)
    bundle = tmp_path / "b.tar.gz"
    with tarfile.open(bundle, "w:gz") as archive:
        archive.add(__file__, "run/../../outside")
    with pytest.raises(UnreadableRunError, match="can't be unpacked"):
        load_run(bundle, tmp_path / "store")
    assert not (tmp_path / "outside").exists()


def test_a_bundle_is_read_and_repeated(tmp_path: Path) -> None:
    files = {name: tmp_path / name for name in ("j.xml", "s.md", "b.tar.gz")}
    words = [*WORK.split(), *FAULTS.split(), *ENOUGH, "--store", str(tmp_path)]
    exports = zip(("--junit", "--summary", "--bundle"), map(str, files.values()), strict=True)
    words += [word for pair in exports for word in pair]
    assert main(["test", *words]) == 0
    folder = (tmp_path / "latest").resolve()
    original = invocations(folder)
    assert "--bundle" not in (folder / "command.txt").read_text()
    with tarfile.open(files["b.tar.gz"]) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    assert {"README.txt", "history.jsonl", "results.json", "program/honest.py"} <= names
    shutil.rmtree(folder)
    other = tmp_path / "elsewhere"
    assert main(["check", str(files["b.tar.gz"]), "--store", str(other)]) == 0
    assert main(["replay", str(files["b.tar.gz"]), "--store", str(other)]) == 0
    assert invocations(other / "latest") == original
    suite = ElementTree.parse(files["j.xml"]).getroot()[0]
    assert (suite.get("failures"), suite.get("errors")) == ("0", "0")
    names_of_cases = [case.get("name") for case in suite.iter("testcase")]
    assert names_of_cases == ["history", "protocol", "faults bit", "proves something"]
    strength = {each.get("name"): each.get("value") for each in suite.iter("property")}
    assert int(strength["answered"] or 0) > 0
    assert "valid" in files["s.md"].read_text().splitlines()[0]


def test_exports_tell_what_is_wrong(tmp_path: Path) -> None:
    files = [str(tmp_path / name) for name in ("j.xml", "s.md")]
    words = "test -w lin-kv --bin broken:own-dict --node-count 3 --rate 100 --time-limit 1"
    more = ["--availability", "total", "--require-faults", "--store", str(tmp_path)]
    assert main([*words.split(), *more, "--junit", files[0], "--summary", files[1]]) == 1
    suite = ElementTree.parse(files[0]).getroot()[0]
    kinds = {case.get("name"): [child.tag for child in case] for case in suite}
    assert kinds["history"] == kinds["availability"] == ["failure"]
    assert kinds["faults bit"] == ["error"]
    assert kinds["protocol"] == []
    (failure,) = suite.findall("testcase[@name='history']/failure")
    explanation = "can't all have happened as they were told"
    assert explanation in (failure.text or "")
    summary = Path(files[1]).read_text(encoding="utf-8")
    assert "invalid" in summary.splitlines()[0]
    assert explanation in summary
    assert "THE FAULTS TOUCHED NOTHING" in summary


def test_where_exports_can_go_is_checked_before_the_run(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["test", *WORK.split(), "--store", str(tmp_path / "store")]
    assert main([*words, "--junit", str(tmp_path / "no/j.xml")]) == 254
    assert "there is no folder" in capsys.readouterr().err
    assert main([*words, "--bundle", str(tmp_path / "b.zip")]) == 254
    assert main([*words, "--summary", str(tmp_path)]) == 254
    assert "is a folder" in capsys.readouterr().err
    assert not (tmp_path / "store").exists()


def test_an_export_that_fails_changes_neither_the_verdict_nor_the_others(
    stored: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fail(_: object) -> bytes:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(cli, "junit_of", fail)
    results = load_results(stored)
    assert results is not None
    outcome = Outcome(results, stored, ())
    monkeypatch.setattr(cli, "run_and_report", lambda options, console: (0, outcome))
    summary = tmp_path / "s.md"
    words = ["test", *WORK.split(), "--junit", str(tmp_path / "j.xml"), "--summary", str(summary)]
    assert main(words) == 0
    assert "No space left on device; the verdict stays as it is" in capsys.readouterr().out
    assert "valid" in summary.read_text()


def test_half_a_bundle_is_refused(
    stored: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    whole, half = tmp_path / "whole.tar.gz", tmp_path / "half.tar.gz"
    results = load_results(stored)
    assert results is not None
    write_bundle(whole, stored, results)
    content = whole.read_bytes()
    for part in (content[: len(content) // 2], b"no archive"):
        half.write_bytes(part)
        capsys.readouterr()
        assert main(["check", str(half), "--store", str(tmp_path)]) == 254
        (line,) = capsys.readouterr().err.splitlines()
        assert "half.tar.gz can't be unpacked" in line


def test_the_self_test_tells_who_caught_what(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    soon = ("--time-limit", "1.5")
    hurried = [node._replace(found_by=(*node.found_by, *soon)) for node in NODES]
    monkeypatch.setattr(cli, "NODES", hurried)
    assert main(["self-test", "cached-reads"]) == 0
    head, row = capsys.readouterr().out.splitlines()
    assert head.split()[0] == "node"
    assert row.startswith("cached-reads")
    assert "invalid" in row
    assert "linearizability" in row
    assert "no fault" in row
    assert main(["self-test", "nobody"]) == 254
    assert main(["self-test", "--hard", "cached-reads"]) == 254


@pytest.mark.parametrize(
    ("name", "anomaly"),
    [("ids-without-name", "duplicate-id"), ("keeps-to-itself", "missing-at-end")],
)
def test_the_self_test_names_the_anomaly(
    name: str, anomaly: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runner, "REST_NS", 100_000_000)
    soon = ("--time-limit", "1")
    hurried = [node._replace(found_by=(*node.found_by, *soon)) for node in OTHER_NODES]
    monkeypatch.setattr(cli, "NODES", hurried)
    assert main(["self-test", name]) == 0
    _, row = capsys.readouterr().out.splitlines()
    assert row.startswith(name)
    assert anomaly in row


def test_the_self_test_finds_a_hard_one(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["self-test", "--hard", "raft-lagging-reads"]) == 0
    _, row = capsys.readouterr().out.splitlines()
    assert row.startswith("raft-lagging-reads")
    assert "invalid" in row
