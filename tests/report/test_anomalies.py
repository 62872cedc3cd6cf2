"""The page of a run whose workload has named anomalies: their text, operations and drawings."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from tests.checker.workloads.histories import answered
from vsr_node.checker import Event
from vsr_node.report import draw

NASTY = "</script><img src=x>"


def page_of(
    folder: Path, workload: str, events: list[Event], results: dict[str, Any] | None = None
) -> str:
    run = folder / workload / "20261127T000000.000Z"
    run.mkdir(parents=True)
    lines = [json.dumps(event._replace(node="n1")._asdict()) for event in events]
    (run / "history.jsonl").write_text("\n".join(lines), encoding="utf-8")
    (run / "results.json").write_text(json.dumps({"valid": False} | (results or {})))
    drawing = draw(run)
    assert drawing.problem is None
    assert drawing.page is not None
    return drawing.page.read_text(encoding="utf-8")


def headlines(page: str) -> list[str]:
    return re.findall(r"<summary><h3>(.*?)</h3>", page)


def texts(page: str, kind: str) -> list[str]:
    return re.findall(rf'<text class="{kind}[^"]*"[^>]*>(.*?)</text>', page)


def test_a_set_marks_what_a_read_lacks(tmp_path: Path) -> None:
    events = answered(
        (0, "add", 5, 5), (0, "add", 6, 6), (1, "read", None, [5, 6]), (1, "read", None, [6])
    )
    page = page_of(tmp_path, "g-set", events)
    assert headlines(page) == ["lost: 5 was acknowledged, and the last read lacks it."]
    assert page.count('data-operation="') == 3
    assert texts(page, "label middle") == ["5", "6"]
    assert (texts(page, "there"), texts(page, "missing")) == (["●"] * 3, ["✗"])
    assert page.count('<rect class="proof"') == 2


def test_a_log_marks_the_gap_within_a_poll(tmp_path: Path) -> None:
    sends = [(0, "send", [["send", "k", n]], [["send", "k", [10 * n, n]]]) for n in range(30)]
    skip = [[140, 14], [160, 16]]
    whole = [[10 * n, n] for n in range(30)]
    polls = [
        (p, "poll", [["poll"]], [["poll", {"k": pairs}]]) for p, pairs in ((1, skip), (2, whole))
    ]
    page = page_of(tmp_path, "kafka", answered(*sends, *polls))
    assert headlines(page)[0].startswith("int-poll-skip: a poll of key &quot;k&quot; goes from 14")
    assert "150" in texts(page, "label middle")
    assert texts(page, "missing") == ["✗"]


def test_a_log_marks_the_gap_between_two_polls(tmp_path: Path) -> None:
    sends = [(0, "send", [["send", "k", n]], [["send", "k", [n, n]]]) for n in range(3)]
    polled: list[tuple[int, list[list[int]]]] = [(1, [[0, 0]]), (1, [[2, 2]])]
    polled.append((2, [[0, 0], [1, 1], [2, 2]]))
    polls = [(p, "poll", [["poll"]], [["poll", {"k": pairs}]]) for p, pairs in polled]
    page = page_of(tmp_path, "kafka", answered(*sends, *polls))
    assert headlines(page)[0].startswith("poll-skip: ")
    assert texts(page, "missing") == ["✗"]


def test_a_counter_has_a_band_and_its_reads(tmp_path: Path) -> None:
    events = answered((0, "add", 4, 4), (1, "add", 3, 3), (0, "read", None, 4, "final"))
    page = page_of(tmp_path, "pn-counter", events)
    assert headlines(page)[0].startswith("wrong-final-read: a final read is 4")
    assert texts(page, "missing") == ["● 4"]
    assert texts(page, "label") == ["4", "7"]
    assert "possible 7 to 7" in page


def test_what_a_node_returned_is_text(tmp_path: Path) -> None:
    events = answered((0, "add", NASTY, NASTY), (1, "read", None, []), (1, "read", None, []))
    page = page_of(tmp_path, "g-set", events)
    assert "<img" not in page
    assert "&lt;img" in page


@pytest.mark.parametrize(
    ("strict", "expected"), [(True, ["stale: 5 was acknowledged at event 1"]), (False, [])]
)
def test_strict_runs_have_the_anomalies_of_strict(
    tmp_path: Path, strict: bool, expected: list[str]
) -> None:
    events = answered((0, "add", 5, 5), (1, "read", None, []), (1, "read", None, [5]))
    test = {"workload": "g-set", "strict": strict}
    page = page_of(tmp_path, "g-set", events, {"test": test})
    assert [headline.partition(";")[0] for headline in headlines(page)] == expected


def test_a_cycle_has_its_edges_and_its_transactions(tmp_path: Path) -> None:
    asked = [["r", 7, None], ["append", 7, 1]]
    events = answered(
        (0, "txn", asked, [["r", 7, []], asked[1]]), (1, "txn", [["r", 7, None]], [["r", 7, []]])
    )
    page = page_of(tmp_path, "txn-list-append", events)
    assert headlines(page)
    assert "T1 before T2" in page
    assert page.count('<rect class="box"') == 2
    assert page.count("<path d=") == 2
    assert sorted(texts(page, "label middle")) == ["real time", "rw"]
    assert page.count('data-operation="') == 2


def test_a_large_set_is_drawn_around_the_element(tmp_path: Path) -> None:
    adds = [(0, "add", n, n) for n in range(100)]
    reads = [(1, "read", None, list(range(100))) for _ in range(30)]
    reads.append((1, "read", None, [n for n in range(100) if n != 50]))
    page = page_of(tmp_path, "g-set", answered(*adds, *reads))
    columns = texts(page, "label middle")
    assert len(columns) == 11
    assert "50" in columns
    assert texts(page, "missing") == ["✗"]
