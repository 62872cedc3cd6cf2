"""A judgement as ``vsr check --workload`` prints it: for people, and as JSON."""

from collections.abc import Iterator

from vsr_node.checker.history import Json
from vsr_node.checker.judgement import Anomaly, Judgement
from vsr_node.checker.validity import Validity
from vsr_node.checker.workloads.verdicts import names_of

EXPLAINED_MAX = 6
"""How many anomalies are explained, so that all of them fit on a screen."""


def counted_anomalies(judgement: Judgement, strict: bool) -> tuple[Anomaly, ...]:
    """Return the anomalies that count for the verdict asked for."""
    return judgement.strict_anomalies if strict else judgement.anomalies


def counted_validity(judgement: Judgement, strict: bool) -> Validity:
    """Return the verdict asked for."""
    return judgement.strict if strict else judgement.valid


def text_lines(judgement: Judgement, strict: bool) -> Iterator[str]:
    """Yield the verdict and what proves it, as lines for people."""
    yield judgement.explanation
    if strict or judgement.strict is not judgement.valid:
        names = ", ".join(names_of(judgement.strict_anomalies))
        yield f"Strict: {judgement.strict.word}{f': {names}' if names else ''}."
    if judgement.as_maelstrom is not judgement.valid:
        yield f"Maelstrom's own verdict: {judgement.as_maelstrom.word}."
    chosen = _one_of_each_name_first(counted_anomalies(judgement, strict))
    for anomaly in chosen[:EXPLAINED_MAX]:
        yield anomaly.explanation
    if len(chosen) > EXPLAINED_MAX:
        yield f"... and {len(chosen) - EXPLAINED_MAX} more; --json has them all."


def _one_of_each_name_first(anomalies: tuple[Anomaly, ...]) -> list[Anomaly]:
    """Return the anomalies so that the first of each name come before all others."""
    firsts = {anomaly.name: anomaly for anomaly in reversed(anomalies)}
    chosen = [firsts[name] for name in names_of(anomalies)]
    return [*chosen, *(anomaly for anomaly in anomalies if anomaly not in chosen)]


def as_json(workload: str, judgement: Judgement, strict: bool) -> dict[str, Json]:
    """Return the judgement as one object."""
    counted = counted_anomalies(judgement, strict)
    return {
        "workload": workload,
        "valid": judgement.valid.value,
        "as_maelstrom": judgement.as_maelstrom.value,
        "strict": judgement.strict.value,
        "anomalies": [*names_of(counted)],
        "proofs": [
            {
                "name": anomaly.name,
                "explanation": anomaly.explanation,
                "events": [*anomaly.events],
            }
            for anomaly in counted
        ],
        "explanation": judgement.explanation,
        "figures": judgement.figures,
    }
