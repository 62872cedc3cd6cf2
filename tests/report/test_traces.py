"""What nodes traced themselves, on their lanes and among their lines."""

import json
from pathlib import Path
from typing import Any

from vsr_node.report.lanes import Lane, Span, lanes_of
from vsr_node.report.messages import Messages
from vsr_node.report.recorded_run import FaultSpan, RecordedRun
from vsr_node.report.traces import load_traces

START_US = 5_000_000
MS = 1_000_000


def event(name: str, node: str, ms: int, view: int, **own: Any) -> str:
    metadata = {"node_id": node, "view_number": view, "status": "normal", **own}
    return json.dumps(
        {
            "event": name,
            "at_us": START_US + ms * 1_000,
            "measurements": {"count": 1},
            "metadata": metadata,
        },
        separators=(",", ":"),
    )


def write_traces(folder: Path) -> None:
    """Write what two nodes saw: n0 leads view 0 and is killed, n1 leads view 1, n0 comes back."""
    n0 = [
        event("state.status_change", "n0", 10, 0, old_status="starting", new_status="normal"),
        event("leadership.start", "n0", 10, 0, span_id="n0-0-1", fencing=0),
        event("protocol.commit.sent", "n0", 11, 0, peers=["n1"]),
        event("state.status_change", "n0", 90, 0, old_status="starting", new_status="normal"),
        event("state.view_change", "n0", 95, 1, old_view=0, new_view=1),
        '{"event":"state.view_change","at_us":',
    ]
    n1 = [
        event("state.status_change", "n1", 12, 0, old_status="starting", new_status="normal"),
        event("timer.primary_timeout", "n1", 50, 0, primary="n0"),
        event("state.view_change", "n1", 60, 1, old_view=0, new_view=1),
        event("leadership.start", "n1", 60, 1, span_id="n1-1-1", fencing=1),
        event("leadership.stop", "n1", 99, 1, span_id="n1-1-1", fencing=1, why="shut down"),
    ]
    for name, lines in (("n0", n0), ("n1", n1)):
        (folder / f"trace.{name}.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
    (folder / "history.jsonl").write_text('{"index":0}\n', encoding="utf-8")


def lanes(folder: Path) -> dict[str, Lane]:
    kill = FaultSpan("kill", "n0", 40 * MS, 85 * MS, {"nodes": ["n0"]})
    messages = Messages(members=["n0", "n1"], starts={"n0": [10 * MS, 90 * MS]})
    traces = load_traces(folder, START_US)
    run = RecordedRun("run", [], [kill], {})
    return {lane.node: lane for lane in lanes_of(run, messages, traces)}


def test_lanes_have_views_and_leaders_from_the_traces(tmp_path: Path) -> None:
    write_traces(tmp_path)
    found = lanes(tmp_path)
    assert found["n0"].leads == [Span(10 * MS, 40 * MS)]
    assert found["n1"].leads == [Span(60 * MS, 99 * MS)]
    assert found["n1"].views == [(Span(12 * MS, 60 * MS), 0), (Span(60 * MS, None), 1)]
    assert found["n0"].views == [
        (Span(10 * MS, 40 * MS), 0),
        (Span(90 * MS, 95 * MS), 0),
        (Span(95 * MS, None), 1),
    ]


def test_events_that_people_look_for_are_lines(tmp_path: Path) -> None:
    write_traces(tmp_path)
    (alarm,) = (line for line in load_traces(tmp_path, START_US)["n1"].lines if line.alarming)
    assert (alarm.time, alarm.node) == (50 * MS, "n1")
    assert alarm.text == "timer.primary_timeout count=1 primary=n0"


def test_without_the_time_of_the_clock_there_are_no_traces(tmp_path: Path) -> None:
    write_traces(tmp_path)
    assert load_traces(tmp_path, None) == {}
