"""lin-kv: every key is a linearizable register."""

from collections.abc import Sequence

from vsr_node.checker.history import Event, pair_calls, without_evidence_of_failures
from vsr_node.checker.judgement import Anomaly, Demands, Judgement
from vsr_node.checker.linearizability import Bounds, check
from vsr_node.checker.models import RegisterModel
from vsr_node.checker.validity import Validity
from vsr_node.checker.verdict import Verdict
from vsr_node.checker.workloads.verdicts import conclude

MEMORY_BYTES_MAX = 1_000_000_000


def judge(events: Sequence[Event], demands: Demands) -> Judgement:
    """Judge a history of ``read``, ``write`` and ``cas``. Raises HistoryError if it is none."""
    bounds = Bounds(demands.seconds, MEMORY_BYTES_MAX)
    verdict = check(events, RegisterModel(), bounds)
    return conclude(
        pair_calls(events),
        [_not_linearizable(verdict)] if verdict.valid is False else [],
        as_maelstrom=as_maelstrom(events, verdict, bounds),
        strict=Validity.of(verdict.valid),
        unknown=verdict.explanation() if verdict.valid is None else "",
    )


def as_maelstrom(events: Sequence[Event], verdict: Verdict, bounds: Bounds) -> Validity:
    """Return the verdict of Maelstrom's checker, to which what failed has seen nothing."""
    if verdict.valid is not False:
        return Validity.of(verdict.valid)
    theirs = without_evidence_of_failures(events)
    return Validity.of(check(theirs, RegisterModel(), bounds).valid)


def _not_linearizable(verdict: Verdict) -> Anomaly:
    culprit = next(key.culprit for key in verdict.keys if key.culprit is not None)
    assert culprit.completed is not None
    events = (culprit.invoked, culprit.completed)
    return Anomaly("not-linearizable", verdict.explanation(), events)
