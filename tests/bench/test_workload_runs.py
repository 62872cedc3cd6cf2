"""Short runs of real processes with each of Maelstrom's other workloads."""

import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from vsr_node.bench.command_line.cli import main
from vsr_node.bench.running import runner
from vsr_node.bench.stored.results import results_from_json
from vsr_node.bench.stored.stored_runs import load_run
from vsr_node.bench.workloads import WORKLOADS
from vsr_node.checker import load_history
from vsr_node.report import recorded_run
from vsr_node.report.contents import Operations, PageContents
from vsr_node.report.messages import load_messages

MEMORY = Path(__file__).parent / "nodes" / "memory.py"
READS = {"broadcast": "messages", "g-set": "elements"}
"""What a read returns; others return the sum."""

Run = Callable[..., tuple[int, dict[str, Any]]]
NEW = sorted(WORKLOADS.keys() - {"lin-kv", "echo"})


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.setattr(runner, "REST_NS", 100_000_000)

    def test(name: str, *words: str, flaws: Sequence[str] = ()) -> tuple[int, dict[str, Any]]:
        size = ("--node-count", "2", "--rate", "150", "--time-limit", "1.5", "--concurrency", "2n")
        store = ("--store", str(tmp_path / "store"), "--seed", "3")
        node = ("--bin", sys.executable, "--", "-S", str(MEMORY), READS.get(name, "sum"), *flaws)
        status = main(["test", "-w", name, *size, *store, *words, *node])
        return status, json.loads((tmp_path / "store/latest/results.json").read_bytes())

    return test


@pytest.mark.parametrize("name", NEW)
def test_an_honest_node_is_valid_by_all_three_verdicts(
    name: str, run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    status, results = run(name, "--strict")
    screen = capsys.readouterr().out
    assert status == 0, screen
    assert (results["valid"], results["as_maelstrom"], results["strict"]) == (True, True, True)
    assert results["anomalies"] == []
    assert results["test"]["strict"] is True
    assert results_from_json(results).as_json() == results
    events = load_history(tmp_path / "store/latest/history.jsonl")
    finals = {event.process for event in events if event.is_final and event.type == "ok"}
    assert len(finals) == (4 if WORKLOADS[name].has_final_phase else 0)
    assert not any(event.is_final for event in events[: len(events) // 2])
    assert (
        "final"
        in json.loads((tmp_path / "store/latest/history.jsonl").read_bytes().splitlines()[-1])
        or not finals
    )


DIRTY = "txn:[op.__setitem__(2, {}) for op in reply['txn'] if op[0] == 'r' and op[2]]"


@pytest.mark.parametrize("name", NEW)
def test_our_own_node_is_strictly_valid_under_partitions(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(runner, "REST_NS", 1_500_000_000)
    size = ("--node-count", "3", "--rate", "80", "--time-limit", "3", "--concurrency", "2n")
    faults = ("--nemesis", "partition", "--nemesis-interval", "0.7", "--strict", "--seed", "3")
    words = ("test", "-w", name, *size, *faults, "--store", str(tmp_path), "--bin", "vsr-node")
    assert main(words) == 0, capsys.readouterr().out


FLAWS = {
    "txn-list-append": (DIRTY.format("op[2][::-1]"), "incompatible-order"),
    "txn-rw-register": (DIRTY.format("op[2] + 1000"), "garbage-read"),
    "unique-ids": ("generate:reply['id'] //= 2", "duplicate-id"),
    "broadcast": ("read:del reply['messages'][3:4]", "lost"),
    "g-set": ("read:reply['value'] += ['x']", "phantom"),
    "g-counter": ("read:reply['value'] += 1", "wrong-final-read"),
    "pn-counter": ("read:reply['value'] += 1", "wrong-final-read"),
    "kafka": (
        "poll:[pairs.pop(1) for pairs in reply['msgs'].values() if len(pairs) > 2]",
        "int-poll-skip",
    ),
}


@pytest.mark.parametrize("name", FLAWS)
def test_a_flawed_node_is_invalid_and_the_anomaly_is_named(
    name: str, run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    flaw, anomaly = FLAWS[name]
    status, results = run(name, flaws=[flaw])
    screen = capsys.readouterr().out
    assert status == 1, screen
    assert results["valid"] is False
    assert anomaly in results["anomalies"]
    assert anomaly in [each["name"] for each in results["workload"]["anomalies"]]
    assert anomaly in screen
    assert screen.splitlines()[-1].startswith("Analysis invalid!")
    page = (tmp_path / "store/latest/report.html").read_text()
    assert anomaly in page
    again = load_run(tmp_path / "store/latest", tmp_path)
    assert again.workload().name == name


def test_a_node_that_refuses_the_topology_is_no_run(
    run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    flaw = "topology:reply.update(type='error', code=10, text='what?')"
    with pytest.raises(FileNotFoundError):
        run("broadcast", flaws=[flaw])
    assert "answered topology with error 10: what?" in capsys.readouterr().out


def test_every_error_of_a_set_or_a_counter_is_of_unknown_outcome_and_takes_a_new_client(
    run: Run, tmp_path: Path
) -> None:
    _, results = run("g-set", flaws=["read:reply.update(type='error', code=11)"])
    assert results["stats"]["by_f"]["read"]["fail"] == 0
    assert results["stats"]["by_f"]["read"]["info"] > 20
    messages = (tmp_path / "store/latest/messages.jsonl").read_bytes().splitlines()
    clients = {json.loads(line)["message"]["src"] for line in messages}
    assert len([name for name in clients if name.startswith("c")]) > 20


def test_an_option_of_another_workload_is_noted(
    run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    run("g-set", "--topology", "line", "--key-count", "3", "--time-limit", "0.3")
    notes = [line for line in capsys.readouterr().out.splitlines() if line.startswith("note:")]
    assert notes == [
        "note: --key-count has no meaning for g-set",
        "note: --topology has no meaning for g-set",
    ]


def test_the_page_knows_the_client_of_each_operation_of_a_log(run: Run, tmp_path: Path) -> None:
    """By the first request, whatever a poll asks; a crash and a last assignment send none."""
    run("kafka", "--time-limit", "0.7")
    folder = tmp_path / "store/latest"
    recorded = recorded_run.load_run(folder)
    types = [*recorded.first_requests.values()]
    messages = load_messages(folder / "messages.jsonl", [], [], first_requests=types)
    operations = Operations(PageContents(recorded, (), messages))
    asked = [
        (call.invocation, client)
        for call, client in zip(operations.calls, operations.clients, strict=True)
        if call.invocation.f != "crash" and not (call.is_final and call.invocation.f == "assign")
    ]
    assert {event.f for event, _ in asked} >= {"send", "poll"}
    assert all(client for _, client in asked)
    clients_of: dict[int | str, set[str]] = {}
    for event, client in asked:
        clients_of.setdefault(event.process, set()).add(client)
    assert all(len(clients) == 1 for clients in clients_of.values())
    assert len(set().union(*clients_of.values())) == len(clients_of)
    silent = set(operations.clients) - {client for _, client in asked}
    assert silent <= {""}


def test_a_run_can_be_replayed_with_its_final_phase(
    run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run("kafka", "--time-limit", "0.7")
    before = load_history(tmp_path / "store/latest/history.jsonl")
    store = ("--store", str(tmp_path / "store"))
    assert main(["replay", str(tmp_path / "store/latest"), *store]) == 0, capsys.readouterr().out
    after = load_history(tmp_path / "store/latest/history.jsonl")
    assert [(e.f, e.is_final) for e in before if e.is_final] == [
        (e.f, e.is_final) for e in after if e.is_final
    ]


def test_a_reply_to_a_client_that_was_given_up_is_advice(
    run: Run, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(WORKLOADS["broadcast"], "time_out_s", staticmethod(lambda latency: 0.2))
    slow = "broadcast:import time; time.sleep(0.25 * (body['message'] == 5))"
    status, results = run("broadcast", flaws=[slow])
    screen = capsys.readouterr().out
    assert "ADVICE to n0" in screen
    assert "which had given up" in screen
    assert results["mistakes"]["count"] == 0
    assert status == 0, screen
