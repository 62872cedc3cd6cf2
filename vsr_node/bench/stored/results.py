"""What a run amounts to: counts, latencies, traffic, faults, mistakes, the bench's own share."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from vsr_node.bench.faults.bite import bite_of, faults_touched_nothing
from vsr_node.bench.faults.nemesis import Effect
from vsr_node.bench.nodes.lateness import Lateness
from vsr_node.bench.nodes.loop import NANOSECONDS_PER_MILLISECOND, NANOSECONDS_PER_SECOND
from vsr_node.bench.nodes.mistakes import Mistakes
from vsr_node.bench.nodes.network import Network
from vsr_node.bench.nodes.traffic import ServerTraffic, Traffic
from vsr_node.bench.stored.options import Options
from vsr_node.bench.workloads.workload import WorkloadVerdict
from vsr_node.checker.history import NEMESIS, Event

DISTORTED_MS = 20.0
"""Above this 99th percentile of the bench's own lateness a run says more about the machine."""

NEVER_OK_COUNT = 50
"""A function that was tried so often and never ok leaves open what it would have shown."""

OUTCOMES = ("ok", "fail", "info", "open")


@dataclass(frozen=True, slots=True)
class RunRecord:
    """What is left of a run when its nodes have ended; durations in nanoseconds."""

    options: Options
    operations_begin: int
    duration: int
    events: Sequence[Event]
    network: Network
    effects: Sequence[Effect]
    mistakes: Mistakes
    time_out_count: int
    late_reply_count: int
    held_up_count: int
    operation_lateness: Lateness
    turns: Lateness
    cpu_seconds: float
    messages_left_out: int
    interrupted: bool


def results_of(run: RunRecord, verdict: WorkloadVerdict, repeat: str) -> dict[str, Any]:
    """Return the results as they are written to `results.json`."""
    stats = _stats(run.events)
    count = stats["count"]
    results = {
        "availability": _availability(stats, run.options.availability),
        "stats": stats,
        "never_ok": _never_ok(stats),
        "time_outs": run.time_out_count,
        "late_replies": run.late_reply_count,
        "held_up": run.held_up_count,
        "latency_ms": _latencies(run.events),
        "network": {
            "servers": _traffic(run.network.servers, count)
            | {
                "cut": run.network.counts.cut,
                "lost": run.network.counts.lost,
                "repeated": run.network.counts.repeated,
            },
            "clients": _traffic(run.network.clients, count),
            "all": {
                "sent": run.network.servers.sent + run.network.clients.sent,
                "messages_per_operation": _per(
                    run.network.servers.sent + run.network.clients.sent, count
                ),
            },
            "not_in_messages_jsonl": run.messages_left_out,
        },
        "bite": asdict(bite_of(run.options, run.network, run.effects)),
        "faults": [_effect(effect) for effect in run.effects],
        "mistakes": {
            "count": run.mistakes.count,
            "by_node": run.mistakes.counts,
            "first": [mistake.as_json() for mistake in run.mistakes.first],
        },
        "bench": _bench_share(run),
        "interrupted": run.interrupted,
        "test": description_of(run.options),
        "repeat": repeat,
    }
    return judged_again(results, verdict)


def judged_again(results: Mapping[str, Any], verdict: WorkloadVerdict) -> dict[str, Any]:
    """Return results with this verdict of the workload, first of all what comes of it."""
    valid = _combined(
        verdict.valid,
        results["availability"]["valid"],
        results["mistakes"]["count"] == 0,
        None if results["never_ok"] else True,
        None if results["test"]["require_faults"] and faults_touched_nothing(results) else True,
    )
    workload = {
        "valid": _shown(verdict.valid),
        "explanation": verdict.explanation,
        "violations": [violation._asdict() for violation in verdict.violations],
        **verdict.details,
    }
    judged = {"valid": valid, "workload": workload}
    return judged | dict(results) | judged


def _combined(*verdicts: bool | None) -> bool | str:
    if False in verdicts:
        return False
    return "unknown" if None in verdicts else True


def _shown(valid: bool | None) -> bool | str:
    return "unknown" if valid is None else valid


def _stats(events: Sequence[Event]) -> dict[str, Any]:
    by_f: dict[str, dict[str, int]] = {}
    for event in events:
        if event.process == NEMESIS:
            continue
        counts = by_f.setdefault(event.f, dict.fromkeys(("count", *OUTCOMES), 0))
        if event.type == "invoke":
            counts["count"] += 1
            counts["open"] += 1
        else:
            counts[event.type] += 1
            counts["open"] -= 1
    total = {name: sum(counts[name] for counts in by_f.values()) for name in ("count", *OUTCOMES)}
    functions = {f: by_f[f] | {"ok_fraction": _per(by_f[f]["ok"], by_f[f]["count"])} for f in by_f}
    return total | {"ok_fraction": _per(total["ok"], total["count"]), "by_f": functions}


def _never_ok(stats: Mapping[str, Any]) -> list[str]:
    """Return the functions whose correctness this run can't speak for."""
    by_f = stats["by_f"]
    tried = 1 if stats["ok"] == 0 else NEVER_OK_COUNT
    return [f for f in sorted(by_f) if by_f[f]["ok"] == 0 and by_f[f]["count"] >= tried]


def _availability(stats: Mapping[str, Any], asked: float | None) -> dict[str, Any]:
    fraction = stats["ok_fraction"]
    valid = asked is None or (fraction is not None and fraction >= asked)
    return {"valid": valid, "asked": asked, "ok_fraction": fraction}


def _per(count: int, operations: int) -> float | None:
    return round(count / operations, 4) if operations else None


def _latencies(events: Sequence[Event]) -> dict[str, Any]:
    """Return latencies of answered operations (ok or fail with an answer) by function."""
    begun: dict[int | str, int] = {}
    by_f: dict[str, list[int]] = {}
    for event in events:
        if event.type == "invoke":
            begun[event.process] = event.time
        elif event.type == "ok":
            by_f.setdefault(event.f, []).append(event.time - begun[event.process])
    return {f: _quantiles(sorted(by_f[f])) for f in sorted(by_f)}


def _quantiles(durations: Sequence[int]) -> dict[str, float]:
    def at(fraction: float) -> float:
        place = min(int(fraction * len(durations)), len(durations) - 1)
        return _milliseconds(durations[place])

    return {"p50": at(0.5), "p95": at(0.95), "p99": at(0.99), "max": at(1)}


def _milliseconds(duration: int) -> float:
    return round(duration / NANOSECONDS_PER_MILLISECOND, 3)


def _traffic(traffic: Traffic | ServerTraffic, operations: int) -> dict[str, Any]:
    return {
        "sent": traffic.sent,
        "received": traffic.received,
        "messages_per_operation": _per(traffic.sent, operations),
        "by_type": dict(sorted(traffic.types.items())),
    }


def _effect(effect: Effect) -> dict[str, Any]:
    times = {
        name: None if time is None else round(time / NANOSECONDS_PER_SECOND, 3)
        for name, time in (("begin", effect.begin), ("end", effect.end))
    }
    return asdict(effect) | times


def _bench_share(run: RunRecord) -> dict[str, Any]:
    late = {
        "deliveries": run.network.lateness,
        "operations": run.operation_lateness,
        "turns": run.turns,
    }
    late_ms = {
        name: {
            "p50": _milliseconds(lateness.quantile(0.5)),
            "p99": _milliseconds(lateness.quantile(0.99)),
            "max": _milliseconds(lateness.highest),
        }
        for name, lateness in late.items()
    }
    seconds = run.duration / NANOSECONDS_PER_SECOND
    return {
        "late_ms": late_ms,
        "distorted": any(each["p99"] > DISTORTED_MS for each in late_ms.values()),
        "cpu_fraction": round(run.cpu_seconds / seconds, 3) if seconds else None,
        "operations_begin_s": round(run.operations_begin / NANOSECONDS_PER_SECOND, 3),
        "duration_s": round(seconds, 3),
    }


def description_of(options: Options) -> dict[str, Any]:
    """Return what a test was asked to be, as `stored_runs` reads it."""
    return {
        "workload": options.workload,
        "command": options.command,
        "nodes": options.nodes,
        "concurrency": options.concurrency,
        "rate": options.rate,
        "time_limit_s": options.time_limit_s,
        "latency_ms": options.latency.mean_ms,
        "latency_distribution": options.latency.name,
        "delivery": "head-of-line" if options.head_of_line else "on-time",
        "nemeses": options.nemeses,
        "nemesis_interval_s": options.nemesis_interval_s,
        "slow_ms": options.slow_ms,
        "loss": options.loss,
        "duplication": options.duplication,
        "availability": options.availability,
        "require_faults": options.require_faults,
        "seed": options.seed,
    }
