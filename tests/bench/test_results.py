"""Results and descriptions as JSON, and back."""

import json
import shutil
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any

import pytest

from vsr_node.bench.command_line.cli import main
from vsr_node.bench.stored.json_values import as_json, from_json
from vsr_node.bench.stored.options import Description
from vsr_node.bench.stored.results import results_from_json
from vsr_node.bench.stored.stored_runs import StoredDescription, load_results, load_run
from vsr_node.bench.workloads import WORKLOADS, Setting
from vsr_node.checker import Event
from vsr_node.checker.validity import Validity
from vsr_node.report.contents import key_of_request
from vsr_node.report.messages import request_key

STORED = Path(__file__).parent / "stored"
"""Runs as the bench stored them before results had types."""


def stored_json(name: str) -> dict[str, Any]:
    plain: dict[str, Any] = json.loads((STORED / name).read_bytes())
    return plain


@pytest.mark.parametrize("name", ["lin-kv", "echo", "shrunk"])
def test_results_are_the_same_json_after_a_round_trip(name: str) -> None:
    plain = stored_json(f"{name}/results.json")
    results = results_from_json(plain)
    assert json.dumps(results.as_json()) == json.dumps(plain)
    assert results_from_json(results.as_json()) == results


def test_a_description_is_the_same_json_after_a_round_trip() -> None:
    plain = stored_json("lin-kv/test.json")
    description = from_json(StoredDescription, plain)
    assert isinstance(description, Description)
    assert description.nodes == ("n0", "n1", "n2")
    assert json.dumps(as_json(description)) == json.dumps(plain)


def test_a_verdict_of_each_kind_survives() -> None:
    for validity in Validity:
        assert from_json(Validity, json.loads(json.dumps(as_json(validity)))) is validity


def test_the_worst_verdict_counts() -> None:
    valid, invalid, unknown = Validity
    assert Validity.worst() is Validity.worst(valid, valid) is valid
    assert Validity.worst(valid, unknown) is unknown
    assert Validity.worst(unknown, invalid, valid) is invalid
    assert [each.exit_status for each in Validity] == [0, 1, 2]


def test_a_run_that_was_stored_earlier_is_read_and_judged_again(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = shutil.copytree(STORED / "lin-kv", tmp_path / "run")
    run = load_run(folder, tmp_path)
    assert run.operation_count == 40
    assert len(run.script().faults) == 4
    before = load_results(folder)
    assert before is not None
    assert main(["check", str(folder)]) == 1
    screen = capsys.readouterr().out
    assert "Analysis invalid!" in screen
    after = load_results(folder)
    assert after is not None
    assert after.workload.explanation in screen
    workload = replace(after.workload, explanation=before.workload.explanation)
    assert replace(after, workload=workload) == before


# Kafka's requests do not follow from its operations: the page knows them by their types.
@pytest.mark.parametrize("name", sorted(WORKLOADS.keys() - {"kafka"}))
def test_the_report_recognises_each_request_of_a_workload(name: str) -> None:
    thread_count = WORKLOADS[name].threads_per_group(3)
    workload = WORKLOADS[name](Setting(3, thread_count), Random(1))
    fields_of = {each.f: each.fields for each in workload.functions}
    for number in range(10 * thread_count):
        operation = workload.next_operation(number % thread_count)
        invocation = Event(
            number, 0, 0, "invoke", operation.f, operation.key, operation.value, None, "n1"
        )
        body = next(workload.perform(0, operation)) | {"msg_id": number}
        assert key_of_request(invocation, fields_of) == request_key("n1", operation.f, body)


@pytest.mark.parametrize("name", ["test.json", "results.json"])
def test_a_damaged_run_is_refused(
    tmp_path: Path, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = shutil.copytree(STORED / "lin-kv", tmp_path / "run")
    (folder / name).write_text("{}")
    assert main(["check", str(folder)]) == 254
    assert "is damaged" in capsys.readouterr().err
