"""Histories with known verdicts, no part of the project: VSR_WORKLOADS names their folder."""

import json
import os
from pathlib import Path
from typing import Any

import pytest

from vsr_node.checker.history import Event
from vsr_node.checker.judgement import Demands
from vsr_node.checker.transactions import judge_list_append, judge_rw_register

FOLDER = Path(os.environ.get("VSR_WORKLOADS") or "/nowhere")
JUDGES = {"txn-list-append": judge_list_append, "txn-rw-register": judge_rw_register}


def given() -> list[dict[str, Any]]:
    paths = sorted(path for workload in JUDGES for path in (FOLDER / workload).glob("*.json"))
    return [json.loads(path.read_text(encoding="utf-8")) for path in paths]


@pytest.mark.skipif(not FOLDER.is_dir(), reason="VSR_WORKLOADS names no folder")
@pytest.mark.parametrize("case", given(), ids=lambda case: str(case["name"]))
def test_given_histories_get_their_verdicts(case: dict[str, Any]) -> None:
    events = [
        Event(e["index"], e["time"], e["process"], e["type"], e["f"], value=e["value"])
        for e in case["history"]
    ]
    demands = Demands(tuple(case["consistency_models"]))
    judgement = JUDGES[case["workload"]](events, demands)
    expected = case["expect"]
    named = {anomaly.name for anomaly in judgement.anomalies}
    strictly_named = {anomaly.name for anomaly in judgement.strict_anomalies}
    assert judgement.as_maelstrom.value == expected["maelstrom"]
    assert judgement.valid.value == expected["valid"]
    assert judgement.strict.value == expected["strict"]
    assert named >= set(expected["anomalies"])
    assert strictly_named >= set(expected["strict_anomalies"]) | named
    assert not strictly_named & set(expected["absent"])
