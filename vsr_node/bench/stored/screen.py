"""The end of a run as one screen: what happened, and the verdict as the last line."""

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from vsr_node.bench.faults.bite import UNTOUCHED, faults_touched_nothing
from vsr_node.bench.stored.results import OUTCOMES
from vsr_node.report import Drawing

KEYS_SHOWN = 8
TYPES_SHOWN = 6
FAULTS_SHOWN = 6
EXPLANATION_LINES_SHOWN = 40


def screen_of(results: Mapping[str, Any], folder: Path, drawing: Drawing | None = None) -> str:
    """Return the text for people, with what drawing the run's page has found out."""
    parts = [
        [""],
        _operations(results),
        _latency(results),
        _network(results),
        _faults(results),
        _bench(results),
        _mistakes(results),
        _judgement(results, drawing),
        [f"results in    {folder}"],
        report_lines(drawing),
        [f"repeat with   {results['repeat']}", ""],
        _last_lines(results),
    ]
    return "\n".join(line for part in parts for line in part)


def _operations(results: Mapping[str, Any]) -> list[str]:
    stats = results["stats"]
    lines = [f"operations    {_outcomes(stats)}"]
    lines += [f"  {f:<12}{_outcomes(counts)}" for f, counts in sorted(stats["by_f"].items())]
    if results["time_outs"]:
        lines.append(f"  {results['time_outs']} got no reply in time")
    return lines


def _outcomes(counts: Mapping[str, Any]) -> str:
    told = ", ".join(f"{counts[name]} {name}" for name in OUTCOMES if counts[name] or name == "ok")
    fraction = counts["ok_fraction"]
    share = "" if fraction is None else f"  (ok fraction {fraction:.2f})"
    return f"{counts['count']}: {told}{share}"


def _latency(results: Mapping[str, Any]) -> list[str]:
    lines = []
    for f, quantiles in results["latency_ms"].items():
        told = "  ".join(f"{name} {value:.1f}" for name, value in quantiles.items())
        lines.append(f"  {f:<12}{told}")
    return ["latency of ok operations, ms", *lines] if lines else []


def _network(results: Mapping[str, Any]) -> list[str]:
    servers = results["network"]["servers"]
    per = servers["messages_per_operation"]
    lines = [
        f"messages      {servers['sent']} between servers"
        + ("" if per is None else f", {per:.1f} an operation")
        + f"; {results['network']['all']['sent']} in all"
    ]
    most = sorted(servers["by_type"].items(), key=lambda item: -item[1])[:TYPES_SHOWN]
    if most:
        lines.append("  " + ", ".join(f"{count} {kind}" for kind, count in most))
    return lines


def _faults(results: Mapping[str, Any]) -> list[str]:
    faults = results["faults"]
    if not results["bite"]["asked"]:
        return []
    lines = [f"faults        {_kinds(faults)}"]
    lines += [_fault(fault) for fault in faults[:FAULTS_SHOWN]]
    if len(faults) > FAULTS_SHOWN:
        lines.append(f"  and {len(faults) - FAULTS_SHOWN} more")
    return [*lines, f"  {results['bite']['told']}"]


def _kinds(faults: Sequence[Mapping[str, Any]]) -> str:
    """Tell how many faults there were of each nemesis."""
    counts = Counter(fault["f"] for fault in faults)
    return ", ".join(f"{counts[f]} {f}{'s' * (counts[f] != 1)}" for f in sorted(counts)) or "none"


def _fault(fault: Mapping[str, Any]) -> str:
    leader = ", the leader hit" if fault["leader_hit"] else ""
    return (
        f"  {fault['begin']:.1f} s to {fault['end']:.1f} s  {fault['f']}, {fault['kind']}: "
        f"{fault['text']}{leader}  ({fault['messages_touched']} messages touched, "
        f"{fault['operations_in_flight']} operations in flight when it began, "
        f"{fault['operations_at_nodes']} of them there)"
    )


def _bench(results: Mapping[str, Any]) -> list[str]:
    bench = results["bench"]
    late = ", ".join(
        f"{name} {values['p99']:.1f}" for name, values in sorted(bench["late_ms"].items())
    )
    lines = [f"bench         late at p99, ms: {late}; {bench['cpu_fraction']:.0%} of a core"]
    if bench["distorted"]:
        lines.append("  THE MACHINE DISTORTED THIS RUN: latencies and time-outs are partly its own")
    return lines


def _mistakes(results: Mapping[str, Any]) -> list[str]:
    by_node = results["mistakes"]["by_node"]
    told = [
        f"  {node}: " + ", ".join(f"{count} {kind}" for kind, count in sorted(kinds.items()))
        for node, kinds in sorted(by_node.items())
    ]
    return [f"mistakes      {results['mistakes']['count']}", *told] if told else []


def explanation_lines(results: Mapping[str, Any], drawing: Drawing | None) -> Sequence[str]:
    """Say why a run is not valid: what drawing has found out, or else what judging has."""
    explained = drawing.explanation if drawing is not None else ()
    told = explained or results["workload"]["explanation"].splitlines()
    return told[:EXPLANATION_LINES_SHOWN]


def report_lines(drawing: Drawing | None) -> list[str]:
    """Say where the run's page is, so that a terminal makes a link of it, or why there is none."""
    if drawing is None:
        return []
    if drawing.page is None:
        return [f"no report     {drawing.problem}"]
    return [f"report in     {drawing.page.absolute().as_uri()}"]


def _judgement(results: Mapping[str, Any], drawing: Drawing | None) -> list[str]:
    workload = results["workload"]
    keys = workload.get("keys", [])
    lines = []
    if keys:
        counts = {v: sum(key["valid"] == v for key in keys) for v in (True, False, "unknown")}
        lines.append(
            f"keys          {counts[True]} valid, {counts[False]} invalid, "
            f"{counts['unknown']} unknown"
        )
    unsettled = [key for key in keys if key["valid"] is not True]
    lines += [f"  key {key['key']}: {key['reason']}" for key in unsettled[:KEYS_SHOWN]]
    if workload["valid"] is not True:
        lines += ["", *explanation_lines(results, drawing), ""]
    availability = results["availability"]
    if not availability["valid"]:
        lines.append(
            f"availability  {availability['ok_fraction']} of the operations were ok; "
            f"{availability['asked']} was asked for"
        )
    if results["never_ok"]:
        lines.append(f"never ok      {', '.join(results['never_ok'])}: nothing is known of that")
    if results["interrupted"]:
        lines.append("The run was interrupted; this judges what there is of it.")
    return lines


def _last_lines(results: Mapping[str, Any]) -> list[str]:
    if faults_touched_nothing(results):
        if results["test"]["require_faults"] and results["valid"] == "unknown":
            return [f"{UNTOUCHED}; as faults are required, the verdict is unknown."]
        if results["valid"] is True:
            return [f"Nothing wrong was found, but {UNTOUCHED}."]
    if results["valid"] is True:
        return ["Everything looks good! \\(^_^)/"]
    if results["valid"] == "unknown":
        return ["Nothing wrong was found, but not all could be judged: the verdict is unknown."]
    causes = []
    if results["workload"]["valid"] is False:
        causes.append("the history is not what a correct group could show")
    if not results["availability"]["valid"]:
        causes.append("too few operations were ok")
    if results["mistakes"]["count"]:
        causes.append("nodes broke the protocol")
    return [f"Because {' and '.join(causes)}:", "Analysis invalid! (>_<) ┻━┻"]
