"""The end of a run as one screen: what happened, and the verdict as the last line."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from vsr_node.bench.faults.bite import UNTOUCHED
from vsr_node.bench.faults.reconfigure import RECONFIGURE
from vsr_node.bench.stored.results import (
    EXPLANATION_LINES_MAX,
    OUTCOMES,
    Counts,
    FaultFigures,
    Results,
)
from vsr_node.bench.workloads import WORKLOADS
from vsr_node.checker.validity import Validity
from vsr_node.report import Drawing

KEYS_SHOWN = 8
TYPES_SHOWN = 6
FAULTS_SHOWN = 6


def screen_of(results: Results, folder: Path, drawing: Drawing | None = None) -> str:
    """Return the text for people. ``drawing`` is None if the run's page was not drawn."""
    parts = [
        [""],
        _operations(results),
        _latency(results),
        _network(results),
        WORKLOADS[results.test.workload].goals(
            results.workload.details, results.network.servers.messages_per_operation
        ),
        _faults(results),
        _strength(results),
        _bench(results),
        _mistakes(results),
        _judgement(results),
        [f"results in    {folder}"],
        report_lines(drawing),
        [f"repeat with   {results.repeat}", ""],
        _last_lines(results),
    ]
    return "\n".join(line for part in parts for line in part)


def _operations(results: Results) -> list[str]:
    stats = results.stats
    lines = [f"operations    {_outcomes(stats)}"]
    lines += [f"  {f:<12}{_outcomes(counts)}" for f, counts in sorted(stats.by_f.items())]
    if results.time_outs:
        lines.append(f"  {results.time_outs} got no reply in time")
    return lines


def _outcomes(counts: Counts) -> str:
    numbers = [(name, getattr(counts, name)) for name in OUTCOMES]
    listed = ", ".join(f"{number} {name}" for name, number in numbers if number or name == "ok")
    if counts.ok_fraction is None:
        return f"{counts.count}: {listed}"
    return f"{counts.count}: {listed}  (ok fraction {counts.ok_fraction:.2f})"


def _latency(results: Results) -> list[str]:
    lines = [
        f"  {f:<12}p50 {each.p50:.1f}  p95 {each.p95:.1f}  p99 {each.p99:.1f}  max {each.max:.1f}"
        for f, each in results.latency_ms.items()
    ]
    return ["latency of ok operations, ms", *lines] if lines else []


def _network(results: Results) -> list[str]:
    servers = results.network.servers
    line = f"messages      {servers.sent} between servers"
    if servers.messages_per_operation is not None:
        line += f", {servers.messages_per_operation:.1f} an operation"
    lines = [f"{line}; {results.network.all.sent} in all"]
    most = sorted(servers.by_type.items(), key=lambda item: -item[1])[:TYPES_SHOWN]
    if most:
        lines.append("  " + ", ".join(f"{count} {kind}" for kind, count in most))
    return lines


def _faults(results: Results) -> list[str]:
    if not results.bite.asked:
        return []
    lines = [f"faults        {_kinds(results.faults)}"]
    lines += [_fault(fault) for fault in results.faults[:FAULTS_SHOWN]]
    if len(results.faults) > FAULTS_SHOWN:
        lines.append(f"  and {len(results.faults) - FAULTS_SHOWN} more")
    return [*lines, f"  {results.bite.told}", *_changes(results.faults)]


def _changes(faults: Sequence[FaultFigures]) -> list[str]:
    """Return how many epochs changes of members began, and how long writes paused for them."""
    asked = sum(fault.f == RECONFIGURE.name for fault in faults)
    if not asked:
        return []
    begun = sum(fault.epoch is not None for fault in faults)
    line = f"  epochs begun: {begun} of {asked} asked for"
    pauses = sorted(fault.pause_ms for fault in faults if fault.pause_ms is not None)
    if pauses:
        middle, high = (pauses[int(part * len(pauses))] for part in (0.5, 0.99))
        line += f"; pause of writes, ms: p50 {middle:.1f}  p99 {high:.1f}  max {pauses[-1]:.1f}"
    return [line]


def _kinds(faults: Sequence[FaultFigures]) -> str:
    """Return how many faults of each nemesis there were."""
    counts = Counter(fault.f for fault in faults)
    numbers = [f"{count} {f if count == 1 else f'{f}s'}" for f, count in sorted(counts.items())]
    return ", ".join(numbers) or "none"


def _fault(fault: FaultFigures) -> str:
    leader = ", the leader hit" if fault.leader_hit else ""
    return (
        f"  {fault.begin:.1f} s to {fault.end:.1f} s  {fault.f}, {fault.kind}: "
        f"{fault.text}{leader}  ({fault.messages_touched} messages touched, "
        f"{fault.operations_in_flight} operations in flight when it began, "
        f"{fault.operations_at_nodes} of them there)"
    )


def _strength(results: Results) -> list[str]:
    strength = results.strength
    if strength is None or results.page is None or results.page.model is None:
        return []
    read, acknowledged = strength.writes_read_elsewhere, strength.writes_acknowledged
    lines = [
        f"strength      {strength.answered} answered, {strength.refused} refused",
        f"  {read} of {acknowledged} acknowledged writes were read at another node",
        f"  {strength.read_backs} of the reads were made in addition to the rate",
    ]
    if strength.faults:
        changes, old = strength.leader_changes, strength.old_values_read
        lines.append(f"  {changes} changes of leader, {old} reads of older writes after them")
    return lines


def _bench(results: Results) -> list[str]:
    bench = results.bench
    late = ", ".join(f"{name} {values.p99:.1f}" for name, values in sorted(bench.late_ms.items()))
    lines = [f"bench         late at p99, ms: {late}; {bench.cpu_fraction:.0%} of a core"]
    if bench.distorted:
        lines.append("  THE MACHINE DISTORTED THIS RUN: latencies and time-outs are partly its own")
    return lines


def _mistakes(results: Results) -> list[str]:
    lines = [
        f"  {node}: " + ", ".join(f"{count} {kind}" for kind, count in sorted(kinds.items()))
        for node, kinds in sorted(results.mistakes.by_node.items())
    ]
    return [f"mistakes      {results.mistakes.count}", *lines] if lines else []


def explanation_lines(results: Results) -> Sequence[str]:
    """Return why a run is not valid."""
    return results.workload.explanation.splitlines()[:EXPLANATION_LINES_MAX]


def report_lines(drawing: Drawing | None) -> list[str]:
    """Return where the run's page is, as a link for the terminal, or why there is none."""
    if drawing is None:
        return []
    if drawing.page is None:
        return [f"no report     {drawing.problem}"]
    return [f"report in     {drawing.page.absolute().as_uri()}"]


def _judgement(results: Results) -> list[str]:
    workload = results.workload
    keys = workload.keys or ()
    lines = []
    if keys:
        counts = Counter(key.valid for key in keys)
        numbers = ", ".join(f"{counts[validity]} {validity.word}" for validity in Validity)
        lines.append(f"keys          {numbers}")
    unsettled = [key for key in keys if key.valid is not Validity.VALID]
    lines += [f"  key {key.key}: {key.reason}" for key in unsettled[:KEYS_SHOWN]]
    if workload.valid is not Validity.VALID:
        lines += ["", *explanation_lines(results), ""]
    elif workload.anomalies is not None:
        first, *rest = explanation_lines(results)
        lines += [f"history       {first}", *(f"  {line}" for line in rest)]
    lines += _names(results)
    availability = results.availability
    if availability.valid is Validity.INVALID:
        lines.append(
            f"availability  {availability.ok_fraction} of the operations were ok; "
            f"{availability.asked} was asked for"
        )
    for f in results.never_ok:
        tried = f"{f} was tried {_times(results, f)} and never ok"
        lines.append(f"never ok      {tried}: Maelstrom's stats check")
    if results.valid is Validity.VALID and results.weakness is not None:
        lines.append(f"proves little {results.weakness}")
    if results.interrupted:
        lines.append("The run was cut short; this judges what there is of it.")
    return lines


def _unavailable(results: Results) -> str:
    """Describe that too few operations were ok, and why that can be no mistake."""
    cause = "too few operations were ok"
    if results.network.servers.cut and results.workload.valid is Validity.VALID:
        majority = "nodes that ask a majority can't answer while they are cut off from it"
        return f"{cause} ({majority})"
    return cause


def _names(results: Results) -> list[str]:
    """Return the names of the anomalies, and what Maelstrom says if that differs."""
    lines = [f"anomalies     {', '.join(results.anomalies)}"] if results.anomalies else []
    theirs = results.as_maelstrom
    if theirs is not None and theirs is not results.valid:
        lines.append(
            f"Maelstrom     would call this run {theirs.word}, and not {results.valid.word}"
        )
    return lines


def _times(results: Results, f: str) -> str:
    count = results.stats.by_f[f].count
    return "once" if count == 1 else f"{count} times"


def _last_lines(results: Results) -> list[str]:
    if results.bite.touched_nothing:
        if results.test.require_faults and results.valid is Validity.UNKNOWN:
            return [f"{UNTOUCHED}; as faults are required, the verdict is unknown."]
        if results.valid is Validity.VALID:
            return [f"Nothing wrong was found, but {UNTOUCHED}."]
    if results.valid is Validity.VALID:
        return ["Everything looks good! \\(^_^)/"]
    if results.is_valid_so_far:
        return [f"{results.verdict.capitalize()}. The run was cut short."]
    if results.valid is Validity.UNKNOWN:
        return ["Nothing wrong was found, but not all could be judged: the verdict is unknown."]
    causes = []
    if results.workload.valid is Validity.INVALID:
        causes.append("the history is not what a correct group could show")
    if results.availability.valid is Validity.INVALID:
        causes.append(_unavailable(results))
    if results.mistakes.count:
        causes.append("nodes broke the protocol")
    causes += [
        f"{f} was tried {_times(results, f)} and never ok (Maelstrom's stats check)"
        for f in results.never_ok
    ]
    return [f"Because {' and '.join(causes)}:", "Analysis invalid! (>_<) ┻━┻"]
