"""A small run with a violation, written as the bench writes it."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.report import browser as chromium

MS = 1_000_000
NASTY = "</script><img src=x onerror=alert(1)>"
"""What a node might say: markup, in a type and in a value."""

# (begin ms, end ms, process, f, asked, told, outcome, node)
CALLS: tuple[tuple[Any, ...], ...] = (
    (10, 12, 0, "write", 1, 1, "ok", "n0"),
    (20, 22, 1, "read", None, 1, "ok", "n1"),
    (30, 33, 0, "write", 2, 2, "ok", "n0"),
    (31, 60, 2, "cas", [1, 3], [1, 3], "info", "n2"),
    (40, 41, 3, "cas", [7, 8], [7, 8], "fail", "n1"),
    (50, 52, 1, "read", None, 1, "ok", "n1"),
)


def history_lines() -> list[dict[str, Any]]:
    moments: list[tuple[int, int, dict[str, Any]]] = []
    for number, (begin, end, process, f, asked, told, outcome, node) in enumerate(CALLS):
        event = {"process": process, "f": f, "key": "k", "node": node, "error": None}
        error = [22, NASTY] if outcome == "fail" else None
        moments.append((begin, number, event | {"type": "invoke", "value": asked}))
        moments.append((end, number, event | {"type": outcome, "value": told, "error": error}))
    cuts = {"n0": ["n1"], "n1": ["n0", "n2"], "n2": ["n1"]}
    for time, f in ((25, "start-partition"), (55, "stop-partition")):
        fault = {"kind": "one", "text": "n1 | n0 n2", "cuts": cuts}
        value = fault if f == "start-partition" else None
        moments.append((time, -1, {"process": "nemesis", "type": "info", "f": f, "value": value}))
    moments.sort(key=lambda moment: moment[:2])
    return [
        {"index": index, "time": time * MS, "key": None, "error": None, "node": None} | event
        for index, (time, _, event) in enumerate(moments)
    ]


def message_lines() -> list[dict[str, Any]]:
    lines: list[dict[str, Any]] = []

    def add(
        sent: float, took: float, way: str, body: dict[str, Any], fate: str = "delivered"
    ) -> None:
        source, destination = way.split()
        message = {"id": len(lines), "src": source, "dest": destination, "body": body}
        times = {"sent": int(sent * MS), "ended": int((sent + took) * MS)}
        lines.append(times | {"fate": fate, "message": message})

    add(1, 0, "c0 n0", {"type": "init", "node_id": "n0", "node_ids": ["n0", "n1", "n2"]})
    for number, (begin, end, process, f, asked, told, outcome, node) in enumerate(CALLS):
        client = f"c{process + 3}"
        body: dict[str, Any] = {"type": f, "key": "k", "msg_id": number}
        if f == "write":
            body["value"] = asked
        elif f == "cas":
            body["from"], body["to"] = asked
        add(begin + 0.1, 0, f"{client} {node}", body)
        view = 0 if begin < 30 else 1
        add(begin + 0.3, 0.5, "n0 n2", {"type": "prepare", "view_number": view, "n": number})
        add(begin + 0.4, 0.1, "n0 n1", {"type": NASTY, "view_number": view}, "cut")
        if outcome == "ok":
            add(end - 0.1, 0, f"{node} {client}", {"type": f"{f}_ok", "value": told})
    return lines


def write_lines(path: Path, lines: list[dict[str, Any]]) -> None:
    path.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")


@pytest.fixture
def run_folder(tmp_path: Path) -> Path:
    folder = tmp_path / "store" / "lin-kv" / "20260101T000000.000Z"
    folder.mkdir(parents=True)
    write_lines(folder / "history.jsonl", history_lines())
    write_lines(folder / "messages.jsonl", message_lines())
    results = {
        "valid": False,
        "workload": {"valid": False, "keys": [{"key": "k", "valid": False, "reason": NASTY}]},
        "repeat": NASTY,
    }
    (folder / "node-logs").mkdir()
    (folder / "node-logs/n1.log").write_text("[    0.035000] ERROR: <b>lost</b>\n")
    (folder / "results.json").write_text(json.dumps(results), encoding="utf-8")
    return folder


@pytest.fixture(scope="session")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[chromium.Browser]:
    program = chromium.find()
    if program is None:
        pytest.skip(f"no Chromium here: none of {', '.join(chromium.NAMES)} is on the PATH")
    with chromium.running(program, tmp_path_factory.mktemp("profile")) as running:
        yield running
