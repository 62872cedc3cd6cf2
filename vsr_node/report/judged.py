"""What is wrong with the history of a workload whose page draws it: sets, counters and logs."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from vsr_node.checker.judgement import Anomaly, Demands, Judgement
from vsr_node.checker.workloads import JUDGES, judge
from vsr_node.report.recorded_run import RecordedRun

JUDGE_SECONDS = 20.0


@dataclass(frozen=True, slots=True)
class Judged:
    """A run's workload, and what was found in its history."""

    workload: str
    judgement: Judgement
    strict: bool

    @property
    def anomalies(self) -> tuple[Anomaly, ...]:
        """Those that count for the run's verdict."""
        return self.judgement.strict_anomalies if self.strict else self.judgement.anomalies


def judged(run: RecordedRun) -> Judged | None:
    """Judge a run that is not known to be valid; None if a model of registers explains it better.

    Raises HistoryError if the history makes no sense.
    """
    test = run.results.get("test")
    options: Mapping[str, Any] = test if isinstance(test, dict) else {}
    workload = str(options.get("workload") or run.name.partition("/")[0])
    if run.valid is True or workload not in JUDGES or workload == "lin-kv":
        return None
    models = options.get("consistency_models") or Demands().consistency_models
    demands = Demands(tuple(map(str, models)), JUDGE_SECONDS)
    return Judged(workload, judge(workload, run.events, demands), options.get("strict") is True)
