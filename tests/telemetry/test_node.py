"""The node's options: real processes, whose traces, metrics and logs are files."""

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.maelstrom.node_process import ROOT, NodeProcess
from tests.telemetry.document import DOCUMENT
from tests.telemetry.trace_check import check_events, read_events

INIT = {"type": "init", "msg_id": 1, "node_id": "n0", "node_ids": ["n0"]}
WRITE = {"type": "write", "msg_id": 2, "key": 1, "value": 2}


def serve_a_write(*arguments: str) -> str:
    """Let a node alone serve a write and end; return its stderr."""
    with NodeProcess("--data-dir", "none", *arguments) as node:
        node.send("c0", INIT)
        assert node.receive()["body"]["type"] == "init_ok"
        node.send("c1", WRITE)
        assert node.receive()["body"]["type"] == "write_ok"
        _, errors = node.process.communicate(timeout=30)
        assert node.process.returncode == 0
        return errors.decode()


def events_in(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def test_a_trace_tells_a_request_from_start_to_stop(tmp_path: Path) -> None:
    serve_a_write("--trace", str(tmp_path / "trace.jsonl"))
    events = events_in(tmp_path / "trace.n0.jsonl")
    names = [event["event"] for event in events]
    wanted = [
        "leadership.start",
        "protocol.client_request.start",
        "state_machine.operation.start",
        "state_machine.operation.stop",
        "state.commit_advance",
        "protocol.client_request.stop",
        "leadership.stop",
    ]
    assert [name for name in names if name in wanted] == wanted
    assert check_events(events).wrong == []


def test_a_trace_of_some_events_has_no_others(tmp_path: Path) -> None:
    trace = tmp_path / "trace.jsonl"
    serve_a_write("--trace", str(trace), "--trace-events", "leadership,state.commit_advance")
    names = {event["event"] for event in events_in(tmp_path / "trace.n0.jsonl")}
    assert names == {"leadership.start", "leadership.stop", "state.commit_advance"}


def test_a_trace_of_no_known_event_is_a_usage_error(tmp_path: Path) -> None:
    arguments = ("--trace", str(tmp_path / "t"), "--trace-events", "leadershop")
    result = subprocess.run(
        [ROOT / "run-vsr-node", *arguments], capture_output=True, text=True, check=False
    )
    assert result.returncode == 2
    assert "no event begins with leadershop" in result.stderr


def test_a_trace_that_cannot_be_opened_is_reported_and_the_node_serves(tmp_path: Path) -> None:
    errors = serve_a_write("--trace", str(tmp_path / "missing" / "trace.jsonl"))
    assert "no trace:" in errors


def test_metrics_are_there_at_the_end(tmp_path: Path) -> None:
    serve_a_write("--metrics", str(tmp_path / "metrics.prom"))
    text = (tmp_path / "metrics.n0.prom").read_text(encoding="utf-8")
    values = {
        sample.name: sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if sample.name in ("vsr_calls_total", "vsr_commit_number")
    }
    assert values == {"vsr_calls_total": 1, "vsr_commit_number": 1}


def test_the_log_has_the_chosen_level() -> None:
    errors = serve_a_write("--log-level", "info")
    assert "INFO    n0 leadership.start" in errors
    assert "driver.turn" not in errors


@pytest.fixture(scope="module")
def traced_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of the bench under kill, partition and pause, with traces."""
    store = tmp_path_factory.mktemp("store")
    command = f"""test -w lin-kv --bin {ROOT / "run-vsr-node"} --node-count 3 --concurrency 4n
        --time-limit 5 --rate 50 --seed 3 --nemesis kill,partition,pause --nemesis-interval 1
        --store {store}"""
    trace = ("--", "--trace", "{run}/trace.jsonl")
    result = subprocess.run(
        [ROOT / "scripts" / "vsr", "bench", *command.split(), *trace],
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stdout + result.stderr
    return store / "latest"


def test_traces_of_a_run_under_faults_are_right(traced_run: Path) -> None:
    paths = sorted(traced_run.glob("trace.*.jsonl"))
    assert [path.name for path in paths] == [f"trace.n{number}.jsonl" for number in range(3)]
    findings = check_events(read_events(paths))
    assert findings.wrong == []
    assert findings.seen["protocol.client_request.stop"] > 10
    assert findings.seen["leadership.start"] > 1


@pytest.mark.skipif(shutil.which("jq") is None, reason="needs jq")
def test_the_commands_of_the_document_answer(traced_run: Path) -> None:
    questions = DOCUMENT.read_text(encoding="utf-8").partition("## Three questions")[2]
    commands = re.findall(r"```bash\n(jq .*?)```", questions, re.DOTALL)
    assert len(commands) == 3
    request = next(
        event["metadata"]
        for event in events_in(traced_run / "trace.n0.jsonl")
        if event["event"] == "protocol.client_request.stop"
    )
    why, where, flushes = (
        subprocess.run(
            ["bash", "-o", "pipefail", "-c", command.replace("store/latest", str(traced_run))],
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for command in (
            commands[0],
            commands[1]
            .replace('"c5"', f'"{request["client"]}"')
            .replace("==12", f"=={request['request_number']}"),
            commands[2],
        )
    )
    assert "leadership.start" in why
    assert "protocol.client_request.start" in where
    assert "protocol.client_request.stop" in where
    assert re.fullmatch(r"median \d+ us, worst \d+ us\n", flushes)
