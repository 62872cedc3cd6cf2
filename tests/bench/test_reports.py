"""The page at the end of a run, and the commands that show stored ones."""

import json
import re
import signal
import subprocess
import sys
import urllib.request
from pathlib import Path
from xml.etree import ElementTree

import pytest

from vsr_node.bench.command_line.cli import main
from vsr_node.bench.running import runner
from vsr_node.report import Drawing

ROOT = Path(__file__).parent.parent.parent
STALE_READS = [
    "test",
    "-w",
    "lin-kv",
    "--bin",
    "broken:stale-reads",
    "--node-count",
    "3",
    "--concurrency",
    "4n",
    "--rate",
    "100",
    "--time-limit",
    "1.5",
    "--latency",
    "20",
    "--seed",
    "7",
    "--store",
]


def first_difference(one: bytes, other: bytes) -> tuple[bytes, bytes] | None:
    """Return what surrounds the first difference; pytest's own takes minutes for a page."""
    for position in range(0, max(len(one), len(other)), 200):
        part = slice(position, position + 200)
        if one[part] != other[part]:
            return one[part], other[part]
    return None


def test_a_run_ends_with_an_explanation_and_a_page(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*STALE_READS, str(tmp_path)]) == 1
    screen = capsys.readouterr().out
    assert "can't all have happened as they were told" in screen
    assert "Around it, " in screen
    page = (tmp_path / "latest").resolve() / "report.html"
    assert f"report in     {page.as_uri()}" in screen
    before = page.read_bytes()
    page.unlink()
    assert main(["report", str(tmp_path / "latest")]) == 0
    told = capsys.readouterr().out
    assert "can't all have happened as they were told" in told
    assert f"report in {tmp_path.as_uri()}/latest/report.html" in told
    assert first_difference(before, page.read_bytes()) is None


def test_the_explanation_is_the_same_on_the_screen_in_junit_summary_and_results(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    junit, summary = tmp_path / "junit.xml", tmp_path / "summary.md"
    exports = ["--junit", str(junit), "--summary", str(summary)]
    assert main([*STALE_READS, str(tmp_path / "store"), *exports]) == 1
    results = json.loads((tmp_path / "store/latest/results.json").read_bytes())
    explanation = results["workload"]["explanation"]
    assert "can't all have happened as they were told" in explanation
    assert "> its request, < its reply" in explanation
    assert explanation in capsys.readouterr().out
    assert f"```\n{explanation}\n```" in summary.read_text()
    (failure,) = ElementTree.parse(junit).getroot().iter("failure")
    assert (failure.text or "").startswith(explanation)


def test_serve_of_no_store_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["serve", "--store", str(tmp_path / "none")]) == 254
    assert f"--store {tmp_path}/none: there is no such folder" in capsys.readouterr().err


def test_a_page_that_can_not_be_drawn_changes_no_verdict(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runner, "draw", lambda folder: Drawing(None, (), f"no room in {folder}"))
    assert main([*STALE_READS, str(tmp_path)]) == 1
    screen = capsys.readouterr().out
    assert "no report     no room in " in screen
    assert "Not linearizable" in screen


def test_a_folder_without_a_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["report", str(tmp_path)]) == 255
    assert f"no report: {tmp_path} holds no history.jsonl" in capsys.readouterr().err


def obey_ctrl_c() -> None:
    """A shell starts what it puts in the background with SIGINT ignored, and that is inherited."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def test_serve_lists_runs_until_ctrl_c(tmp_path: Path) -> None:
    words = ("-m", "vsr_node.bench", "serve", "--port", "0", "--store", str(tmp_path))
    with subprocess.Popen(
        (sys.executable, *words),
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
        preexec_fn=obey_ctrl_c,
    ) as process:
        try:
            assert process.stdout is not None
            found = re.match(r"(http://127\.0\.0\.1:\d+/)", process.stdout.readline())
            assert found is not None
            with urllib.request.urlopen(found[1], timeout=30) as answer:
                assert f"There are none in {tmp_path}." in answer.read().decode()
        finally:
            process.send_signal(signal.SIGINT)
            assert process.wait(30) == 0


def test_a_port_that_can_not_be_had(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["serve", "--port", "70000", "--store", str(tmp_path)]) == 255
    assert "port 70000" in capsys.readouterr().err
