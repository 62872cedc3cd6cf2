"""Histories with known verdicts that are not part of the project, where a folder holds them.

    VSR_WORKLOADS=FOLDER python -m pytest tests/checker/workloads/test_given.py

Each file is an object with ``workload``, ``expect`` and ``history``, in a folder for each workload.
"""

import json
import os
from pathlib import Path
from typing import Any

import pytest

from vsr_node.checker.formats import load_history
from vsr_node.checker.judgement import Demands, Judgement
from vsr_node.checker.workloads import judge

FOLDER = os.environ.get("VSR_WORKLOADS", "")
FILES = sorted(Path(FOLDER).glob("*/*.json")) if FOLDER else []


def judged(path: Path, content: dict[str, Any]) -> Judgement:
    models = tuple(content.get("consistency_models") or ("strict-serializable",))
    return judge(content["workload"], load_history(path), Demands(models))


@pytest.mark.skipif(not FILES, reason="VSR_WORKLOADS names no folder with histories")
@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_given_history_gets_its_verdicts_and_names(path: Path) -> None:
    content = json.loads(path.read_text(encoding="utf-8"))
    expect = content["expect"]
    judgement = judged(path, content)
    verdicts = judgement.as_maelstrom.value, judgement.valid.value, judgement.strict.value
    assert verdicts == (expect["maelstrom"], expect["valid"], expect["strict"])
    names = {anomaly.name for anomaly in judgement.anomalies}
    strict_names = {anomaly.name for anomaly in judgement.strict_anomalies}
    assert set(expect["anomalies"]) <= names
    assert set(expect["strict_anomalies"]) <= strict_names
    assert names.isdisjoint(expect["absent"])
    assert all(anomaly.events for anomaly in judgement.strict_anomalies)
