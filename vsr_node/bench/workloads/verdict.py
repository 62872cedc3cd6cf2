"""What judging the history of a run has found."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from vsr_node.checker.history import NEMESIS, Event
from vsr_node.checker.judgement import Anomaly, Judgement
from vsr_node.checker.validity import Validity
from vsr_node.checker.workloads.printed import counted_anomalies, counted_validity


@dataclass(frozen=True, slots=True)
class Culprit:
    """An operation whose outcome no correct group could show, by the indices of its events."""

    key: Any
    invoked: int
    completed: int


@dataclass(frozen=True, slots=True)
class KeyFigures:
    """What was found about one key."""

    key: Any
    valid: Validity
    operation_count: int
    reason: str


@dataclass(frozen=True, slots=True)
class WorkloadVerdict:
    """What judging a history has found."""

    valid: Validity
    explanation: str
    """For people."""
    violations: tuple[Culprit, ...] = ()
    """In order of completion."""
    keys: tuple[KeyFigures, ...] | None = None
    """None if the workload has no keys that are judged one by one."""
    as_maelstrom: Validity | None = None
    """What Maelstrom's checker says; None if it says nothing else than this verdict."""
    strict: Validity | None = None
    """The verdict with ``--strict``; None if the workload has no other one."""
    anomalies: tuple[Anomaly, ...] | None = None
    """What makes the history invalid; None if the workload has no names for it."""
    details: dict[str, Any] = field(default_factory=dict)
    """Further JSON for the results."""


def verdict_of(judgement: Judgement, events: Sequence[Event], *, strict: bool) -> WorkloadVerdict:
    """Return the verdict that a judgement amounts to; ``strict`` demands what ``--strict`` does."""
    anomalies = counted_anomalies(judgement, strict)
    explanations = [anomaly.explanation for anomaly in anomalies]
    return WorkloadVerdict(
        counted_validity(judgement, strict),
        "\n".join([judgement.explanation, *explanations]),
        _culprits(anomalies, events),
        as_maelstrom=judgement.as_maelstrom,
        strict=judgement.strict,
        anomalies=anomalies,
        details={_renamed(name): figure for name, figure in judgement.figures.items()},
    )


def _renamed(figure: str) -> str:
    """Return the name of a figure in the results, where ``anomalies`` are those with proofs."""
    return "anomaly-counts" if figure == "anomalies" else figure


def _culprits(anomalies: Sequence[Anomaly], events: Sequence[Event]) -> tuple[Culprit, ...]:
    """Return the operation that completes each anomaly, in order of completion."""
    spans = _spans(events)
    ends = {spans[anomaly.events[-1]] for anomaly in anomalies if anomaly.events}
    return tuple(Culprit(None, *span) for span in sorted(ends, key=lambda span: span[1]))


def _spans(events: Sequence[Event]) -> dict[int, tuple[int, int]]:
    """Return the first and the last event of each event's operation, all by their indices."""
    begun: dict[int | str, int] = {}
    spans: dict[int, tuple[int, int]] = {}
    for event in events:
        if event.process == NEMESIS or event.type == "invoke":
            begun[event.process] = event.index
        begin = begun[event.process]
        spans[begin] = spans[event.index] = (begin, event.index)
    return spans
