"""From what was found in a history of transactions to its three verdicts."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from time import monotonic

from vsr_node.checker.history import HistoryError, Json
from vsr_node.checker.judgement import Anomaly, Demands, Judgement
from vsr_node.checker.transactions.anomalies import (
    ALWAYS_FORBIDDEN,
    COMMON_MODELS,
    LEVELS,
    SEVERITY,
    WEAKER,
    forbidden_by,
    model_name,
    models_without,
    strongest,
    weakest,
)
from vsr_node.checker.transactions.cycles import find_cycles
from vsr_node.checker.transactions.describe import join_names
from vsr_node.checker.transactions.explanation import describe_cycle
from vsr_node.checker.transactions.findings import Findings
from vsr_node.checker.transactions.graph import Graph, Level, is_ordered_by_time
from vsr_node.checker.transactions.transaction import Outcome
from vsr_node.checker.validity import Validity

STRICT = "strict-serializable"


def judge(findings: Findings, demands: Demands) -> Judgement:
    """Hold the findings against the models. Raises HistoryError if a model is not known."""
    models = _models(demands)
    deadline = monotonic() + demands.seconds
    anomalies = dict(findings.anomalies)
    cycles = find_cycles(findings.graph, Level.REALTIME, deadline)
    for cycle in cycles:
        anomalies[cycle.name] = [describe_cycle(findings, cycle)]
    named = [name for name in SEVERITY if name in anomalies]
    forbidden = forbidden_by(models) | ALWAYS_FORBIDDEN
    strictly_forbidden = forbidden | forbidden_by((STRICT,))
    level = _level(forbidden)
    wrong = [name for name in named if name in forbidden]
    theirs = cycles
    if findings.maelstrom_graph is not None:
        is_suspect = bool(set(named) & forbidden)
        theirs = find_cycles(findings.maelstrom_graph, level, deadline) if is_suspect else []
    maelstrom = _as_maelstrom(findings, demands, [cycle.name for cycle in theirs])
    valid = _verdict(findings, wrong, _has_edges(findings.graph, findings, level))
    strictly_wrong = [name for name in named if name in strictly_forbidden]
    return Judgement(
        valid=valid,
        as_maelstrom=maelstrom,
        strict=_verdict(
            findings, strictly_wrong, _has_edges(findings.graph, findings, Level.REALTIME)
        ),
        anomalies=_with_headings(wrong, anomalies),
        strict_anomalies=_with_headings(strictly_wrong, anomalies),
        explanation=_explain(findings, demands.consistency_models, valid, maelstrom, wrong),
        figures=_figures(findings, named, wrong),
    )


def demanded_level(demands: Demands) -> Level:
    """Return which order the demanded models know beside the data."""
    return _level(forbidden_by(_models(demands)))


def _models(demands: Demands) -> list[str]:
    """Return the models that are demanded, by their usual names; "a,b" are two of them."""
    names = [each.strip() for text in demands.consistency_models for each in text.split(",")]
    models: list[str] = []
    for name in filter(None, names):
        usual = model_name(name)
        if usual is None:
            raise HistoryError(
                f"there is no consistency model {name}; these are known: {', '.join(WEAKER)}"
            )
        models.append(usual)
    return models


def _level(forbidden: Iterable[str]) -> Level:
    """Return the highest level that matters for the anomalies."""
    endings = [Level(n) for n, suffix in enumerate(LEVELS) for f in forbidden if f.endswith(suffix)]
    return max(endings, default=Level.DATA)


def _verdict(findings: Findings, wrong: Sequence[str], has_edges: bool) -> Validity:
    if wrong:
        return Validity.INVALID
    if findings.ambiguous or not _was_any_ok(findings) or not has_edges:
        return Validity.UNKNOWN
    return Validity.VALID


def _was_any_ok(findings: Findings) -> bool:
    return any(each.outcome is Outcome.OK for each in findings.transactions.possible)


def _has_edges(graph: Graph, findings: Findings, level: Level) -> bool:
    """Return whether anything puts one transaction before another."""
    possible, failed = findings.transactions
    others = [each.span for each in failed] if level is Level.REALTIME else []
    return graph.has_edges or is_ordered_by_time([*(t.span for t in possible), *others], level)


def _as_maelstrom(findings: Findings, demands: Demands, cycles: Sequence[str]) -> Validity:
    """Return the verdict of Maelstrom 0.2.4, which finds these ``cycles``.

    It takes "a,b" for one model, which it can't know.
    """
    if findings.transactions != ([], []) and not _was_any_ok(findings):
        return Validity.INVALID  # Its statistics want some success.
    models = [model_name(name) for name in demands.consistency_models]
    known = [name for name in models if name is not None]
    if findings.maelstrom_throws or len(known) < len(models):
        return Validity.UNKNOWN
    forbidden = forbidden_by(known)
    level = _level(forbidden)
    if findings.of_maelstrom & forbidden:
        return Validity.INVALID
    if not forbidden.isdisjoint(cycles):
        return Validity.INVALID
    graph = findings.graph if findings.maelstrom_graph is None else findings.maelstrom_graph
    return Validity.VALID if _has_edges(graph, findings, level) else findings.empty_for_maelstrom


def _with_headings(
    names: Sequence[str], anomalies: dict[str, list[Anomaly]]
) -> tuple[Anomaly, ...]:
    """Return the anomalies of these names, the worst first, with the models that they rule out."""
    return tuple(
        replace(anomaly, explanation=f"{_heading(name)}\n{anomaly.explanation}")
        for name in names
        for anomaly in anomalies[name]
    )


def _heading(name: str) -> str:
    ruled_out = models_without((name,))
    common = [model for model in COMMON_MODELS if model in ruled_out]
    if not common:
        return f"{name}: {join_names(sorted(weakest(ruled_out)))} is out."
    first = weakest(set(common))
    weak = [model for model in common if model in first]
    others = [model for model in common if model not in first]
    kept = strongest(set(COMMON_MODELS) - set(common))
    left = [model for model in COMMON_MODELS if model in kept]
    text = f"not {' and not '.join(weak)}: {name}."
    if others:
        text += f" {join_names(others)} {_be(others)} out, too"
        text += f"; {join_names(left)} {_be(left)} not." if left else "."
    return text


def _be(names: Sequence[str]) -> str:
    return "is" if len(names) == 1 else "are"


def _explain(
    findings: Findings,
    models: Sequence[str],
    valid: Validity,
    maelstrom: Validity,
    wrong: Sequence[str],
) -> str:
    demanded = join_names(models)
    count = len(findings.transactions.possible) + len(findings.transactions.failed)
    number = f"{count} transaction{'' if count == 1 else 's'}"
    match valid:
        case Validity.INVALID:
            text = f"Not {demanded}: {_counted(findings, wrong)}."
        case Validity.VALID:
            text = f"Nothing in {number} speaks against {demanded}."
        case _:
            text = f"Unknown whether {demanded}: {_why_unknown(findings)}."
    notes = [text]
    if findings.ambiguous and valid is not Validity.UNKNOWN:
        notes.append(f"{findings.ambiguous[0].upper()}{findings.ambiguous[1:]}.")
    if findings.unseen:
        notes.append(findings.unseen)
    if maelstrom is not valid and findings.maelstrom_throws:
        notes.append(f"Maelstrom's checker ends with an exception: {findings.maelstrom_throws}.")
    return " ".join(notes)


def _counted(findings: Findings, names: Sequence[str]) -> str:
    counts = {name: findings.counts.get(name, 1) for name in names}
    return ", ".join(f"{n}, {count} times" if count > 1 else n for n, count in counts.items())


def _why_unknown(findings: Findings) -> str:
    if findings.ambiguous:
        return findings.ambiguous
    if not _was_any_ok(findings):
        return "no transaction succeeded"
    return "nothing puts any transaction before another"


def _figures(findings: Findings, named: Sequence[str], wrong: Sequence[str]) -> dict[str, Json]:
    """Return Elle's results: what was found, and the models that do not hold."""
    ruled_out = models_without(named)
    first = weakest(ruled_out)
    return {
        "anomaly-types": list(wrong),
        "anomalies": {name: findings.counts.get(name, 1) for name in named},
        "not": [*sorted(first)],
        "also-not": [*sorted(ruled_out - first)],
    }
