"""lin-kv: every key is a linearizable register."""

from collections.abc import Sequence

from vsr_node.checker.history import Event, pair_calls
from vsr_node.checker.judgement import Anomaly, Demands, Judgement
from vsr_node.checker.linearizability import Bounds, check
from vsr_node.checker.models import RegisterModel
from vsr_node.checker.validity import Validity
from vsr_node.checker.verdict import Verdict
from vsr_node.checker.workloads.verdicts import conclude

MEMORY_BYTES_MAX = 1_000_000_000


def judge(events: Sequence[Event], demands: Demands) -> Judgement:
    """Judge a history of ``read``, ``write`` and ``cas``. Raises HistoryError if it is none."""
    verdict = check(events, RegisterModel(), Bounds(demands.seconds, MEMORY_BYTES_MAX))
    validity = Validity.of(verdict.valid)
    return conclude(
        pair_calls(events),
        [_not_linearizable(verdict)] if verdict.valid is False else [],
        as_maelstrom=validity,
        strict=validity,
        unknown=verdict.explanation() if verdict.valid is None else "",
    )


def _not_linearizable(verdict: Verdict) -> Anomaly:
    culprit = next(key.culprit for key in verdict.keys if key.culprit is not None)
    assert culprit.completed is not None
    events = (culprit.invoked, culprit.completed)
    return Anomaly("not-linearizable", verdict.explanation(), events)
