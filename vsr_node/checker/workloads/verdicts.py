"""What the judges of all workloads share: three verdicts from findings, and lines for people."""

from collections.abc import Iterable, Sequence

from vsr_node.checker.history import Call, HistoryError, Json, canonical_text
from vsr_node.checker.judgement import Anomaly, Judgement
from vsr_node.checker.validity import Validity
from vsr_node.checker.verdict import clipped, counted

NANOSECONDS_PER_SECOND = 1_000_000_000

_MAY_NEVER_SUCCEED = ("crash", "debug-topic-partitions")
"""Functions of Kafka's clients that are not meant to be ok."""

EXAMPLES_MAX = 3
"""How many anomalies of one name are explained."""

VALUE_CHARACTERS_MAX = 60


def never_ok(calls: Iterable[Call]) -> list[str]:
    """Return the functions that completed and were never ok.

    Maelstrom calls a run invalid for one of them.
    """
    outcomes: dict[str, set[str]] = {}
    for call in calls:
        if call.completion is not None:
            outcomes.setdefault(call.invocation.f, set()).add(call.outcome)
    return sorted(
        f for f, seen in outcomes.items() if "ok" not in seen and f not in _MAY_NEVER_SUCCEED
    )


def conclude(
    calls: Sequence[Call],
    anomalies: Sequence[Anomaly],
    *,
    as_maelstrom: Validity,
    extra: Sequence[Anomaly] = (),
    strict: Validity = Validity.VALID,
    unknown: str = "",
    notes: Sequence[str] = (),
    figures: dict[str, Json] | None = None,
) -> Judgement:
    """Return the judgement that follows from findings.

    ``as_maelstrom`` is the verdict of Maelstrom's checker of the workload alone. ``extra`` are the
    anomalies that only ``strict`` counts, and ``strict`` is the verdict where there are none of
    either. ``unknown`` is why the history decides nothing, "" if it does. ``notes`` are further
    lines of the explanation.
    """
    silent = never_ok(calls)
    if silent and not unknown:
        unknown = f"tried and never ok: {', '.join(silent)}"
    if anomalies:
        names = ", ".join(names_of(anomalies))
        valid, verdict = Validity.INVALID, f"Not valid: {names}"
    elif unknown:
        valid, verdict = Validity.UNKNOWN, f"Unknown: {unknown}"
    else:
        valid, verdict = Validity.VALID, f"Valid: {counted(len(calls), 'operation')}"
    return Judgement(
        valid=valid,
        as_maelstrom=Validity.worst(as_maelstrom, Validity.of(not silent)),
        strict=Validity.INVALID if anomalies or extra else strict,
        anomalies=tuple(anomalies),
        strict_anomalies=(*anomalies, *extra),
        explanation="\n".join((f"{verdict}.", *notes)),
        figures=figures or {},
    )


def names_of(anomalies: Iterable[Anomaly]) -> list[str]:
    """Return the names of anomalies, each once, in the order in which they first come."""
    return list(dict.fromkeys(anomaly.name for anomaly in anomalies))


def anomaly(name: str, text: str, calls: Sequence[Call], subject: Json = None) -> Anomaly:
    """Return an anomaly that a sentence describes and these operations prove."""
    by_index = {call.invocation.index: call for call in calls}
    in_order = [call for _, call in sorted(by_index.items())]
    lines = (f"{name}: {text}", *(f"    {describe(call)}" for call in in_order))
    events = [event.index for call in in_order for event in call if event is not None]
    return Anomaly(name, "\n".join(lines), tuple(sorted(events)), subject)


def describe(call: Call) -> str:
    """Describe an operation in one line: process, node, function, value, events and times."""
    begun, ended = call
    value = begun.value if ended is None or ended.value is None else ended.value
    text = "" if value is None else clipped(canonical_text(value), VALUE_CHARACTERS_MAX)
    node = "" if begun.node is None else f"{begun.node:<4}"
    what = f"process {begun.process:<4} {node}{f'{begun.f} {text}'.rstrip()}"
    if ended is None:
        return f"{what}  (from event {begun.index}, {_seconds(begun.time)}; never answered)"
    outcome = {"ok": "", "fail": "; failed", "info": "; outcome unknown"}[ended.type]
    times = f"{_seconds(begun.time)} to {_seconds(ended.time)}"
    return f"{what}  (events {begun.index} to {ended.index}, {times}{outcome})"


def _seconds(time_ns: int) -> str:
    return f"{time_ns / NANOSECONDS_PER_SECOND:.3f} s"


def text_of(value: Json) -> str:
    """Return a value as a sentence has it: its JSON text, without its middle if it is long."""
    return clipped(canonical_text(value), VALUE_CHARACTERS_MAX)


def require_functions(workload: str, functions: Sequence[str], calls: Iterable[Call]) -> None:
    """Raise HistoryError if an operation is none of the workload's."""
    for call in calls:
        event = call.invocation
        if event.f not in functions:
            raise HistoryError(
                f"event {event.index}: {workload} has {', '.join(functions)}, not {event.f}", event
            )
