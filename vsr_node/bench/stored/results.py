"""What a run amounts to: counts, latencies, traffic, faults, mistakes, the bench's own share.

The dataclasses have the names and the order of ``results.json``.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from typing import Any

from vsr_node.bench.faults.bite import Bite, bite_of
from vsr_node.bench.faults.nemesis import Effect
from vsr_node.bench.nodes.gauge import Leadership
from vsr_node.bench.nodes.lateness import Lateness
from vsr_node.bench.nodes.loop import NANOSECONDS_PER_SECOND
from vsr_node.bench.nodes.mistakes import Mistakes
from vsr_node.bench.nodes.network import Network
from vsr_node.bench.nodes.traffic import ServerTraffic, Traffic
from vsr_node.bench.stored.json_values import as_json, from_json
from vsr_node.bench.stored.options import Description, Options, stored_values
from vsr_node.bench.stored.pauses import pauses_ms
from vsr_node.bench.stored.quantiles import milliseconds, quantile_ms
from vsr_node.bench.stored.strength import Strength, strength_of, weakness_of
from vsr_node.bench.workloads import WORKLOADS, Workload
from vsr_node.bench.workloads.verdict import WorkloadVerdict
from vsr_node.checker.history import NEMESIS, Event
from vsr_node.checker.validity import Validity
from vsr_node.checker.workloads.verdicts import names_of

DISTORTED_MS = 20.0
"""Above this 99th percentile of the bench's own lateness a run says more about the machine."""

EXPLANATION_LINES_MAX = 40

OUTCOMES = ("ok", "fail", "info", "open")


@dataclass(frozen=True, slots=True)
class RunRecord:
    """What is left of a run when its nodes have ended; durations in nanoseconds."""

    options: Options
    clock_start_us: int
    operations_begin: int
    duration: int
    events: Sequence[Event]
    network: Network
    effects: Sequence[Effect]
    leaderships: Sequence[Leadership]
    mistakes: Mistakes
    time_out_count: int
    late_reply_count: int
    held_up_count: int
    read_back_count: int
    operation_lateness: Lateness
    turns: Lateness
    cpu_seconds: float
    messages_left_out: int
    interrupted: bool


@dataclass(frozen=True, slots=True)
class Availability:
    """Whether enough operations were ok; ``asked`` is None if no fraction was asked for."""

    valid: Validity
    asked: float | None
    ok_fraction: float | None


@dataclass(frozen=True, slots=True)
class Counts:
    """Operations by outcome. ``ok_fraction`` is None if there were none."""

    count: int
    ok: int
    fail: int
    info: int
    open: int
    ok_fraction: float | None


@dataclass(frozen=True, slots=True)
class Stats(Counts):
    """All operations by outcome, and those of each function."""

    by_f: dict[str, Counts]


@dataclass(frozen=True, slots=True)
class Latency:
    """Quantiles in milliseconds."""

    p50: float
    p95: float
    p99: float
    max: float


@dataclass(frozen=True, slots=True)
class LatenessQuantiles:
    """Quantiles in milliseconds."""

    p50: float
    p99: float
    max: float


@dataclass(frozen=True, slots=True)
class TrafficFigures:
    """Messages of one kind of traffic."""

    sent: int
    received: int
    messages_per_operation: float | None
    by_type: dict[str, int]


@dataclass(frozen=True, slots=True)
class ServerFigures(TrafficFigures):
    """Messages between servers, and what the network did to them."""

    cut: int
    lost: int
    repeated: int


@dataclass(frozen=True, slots=True)
class TotalFigures:
    """All messages."""

    sent: int
    messages_per_operation: float | None


@dataclass(frozen=True, slots=True)
class NetworkFigures:
    """The messages of a run."""

    servers: ServerFigures
    clients: TrafficFigures
    all: TotalFigures
    not_in_messages_jsonl: int


@dataclass(frozen=True, slots=True)
class FaultFigures:
    """An ``Effect``, with ``begin`` and ``end`` in seconds since the run began."""

    f: str
    kind: str
    text: str
    nodes: tuple[str, ...]
    leader: str | None
    leader_hit: bool
    begin: float
    operations_in_flight: int
    operations_at_nodes: int
    end: float
    messages_touched: int
    epoch: int | None = None
    """As ``Effect`` has it; None in earlier versions."""
    pause_ms: float | None = None
    """How much longer than the median the slowest write took that was under way while the epoch
    began, in milliseconds; None if no epoch began, or no such write was ok."""


@dataclass(frozen=True, slots=True)
class MistakeFigures:
    """A mistake of a node; ``time`` in nanoseconds since the run began."""

    kind: str
    node: str
    time: int
    detail: str
    line: str
    expected: str


@dataclass(frozen=True, slots=True)
class MistakesFigures:
    """How often each node broke the protocol, by kind, and the first mistakes."""

    count: int
    by_node: dict[str, dict[str, int]]
    first: tuple[MistakeFigures, ...]


@dataclass(frozen=True, slots=True)
class BenchShare:
    """How late the bench was, and what it took of the machine."""

    late_ms: dict[str, LatenessQuantiles]
    distorted: bool
    cpu_fraction: float | None
    operations_begin_s: float
    duration_s: float


@dataclass(frozen=True, slots=True)
class Shrunk:
    """How often the smallest part of a run fails, and what it took to find it."""

    fails: str
    attempts: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Page:
    """What the report needs to know of the workload."""

    requests: dict[str, tuple[str, ...]]
    """The fields of each function's request, as ``Function`` has them."""
    model: str | None = None
    """The checker's model that explains a violation; None if there is none."""
    leaders: tuple[Leadership, ...] = ()
    """When each node began to lead, as the bench guessed; empty in earlier versions."""
    clock_start_us: int | None = None
    """The time of this machine's monotonic clock when the run began; None in earlier versions."""
    first_requests: dict[str, str] = field(default_factory=dict)
    """As ``Workload`` has them; empty in earlier versions."""


@dataclass(frozen=True, slots=True)
class Results:
    """What ``results.json`` holds."""

    valid: Validity
    workload: WorkloadVerdict
    availability: Availability
    stats: Stats
    never_ok: tuple[str, ...]
    """The functions that were tried and never ok."""
    time_outs: int
    late_replies: int
    held_up: int
    latency_ms: dict[str, Latency]
    network: NetworkFigures
    bite: Bite
    faults: tuple[FaultFigures, ...]
    mistakes: MistakesFigures
    bench: BenchShare
    interrupted: bool
    test: Description
    repeat: str
    page: Page | None = None
    """None for a run of an earlier version."""
    shrunk: Shrunk | None = None
    """None for a run that is not what ``shrink`` left of another one."""
    strength: Strength | None = None
    """None for a run of an earlier version."""
    weakness: str | None = None
    """Why the run proves little if it is valid, and which option would help; None if it does not,
    or the run is of an earlier version."""

    as_maelstrom: Validity | None = None
    """What Maelstrom says of such a run; None if it can't differ in the workload."""
    strict: Validity | None = None
    """The workload's verdict with ``--strict``; None if it has no other one."""
    anomalies: tuple[str, ...] | None = None
    """The names of what is wrong in the history; None if the workload has no names for it."""

    def judged(self, verdict: WorkloadVerdict) -> "Results":
        """Return the results with this verdict of the workload and what follows from it."""
        untouched = self.test.require_faults and self.bite.touched_nothing
        valid = Validity.worst(
            verdict.valid,
            self.availability.valid,
            Validity.INVALID if self.mistakes.count else Validity.VALID,
            self._stats_validity(),
            Validity.UNKNOWN if untouched or self.interrupted else Validity.VALID,
        )
        as_maelstrom = verdict.as_maelstrom
        if as_maelstrom is not None:
            stats = self._stats_validity()
            as_maelstrom = Validity.worst(as_maelstrom, self.availability.valid, stats)
        return replace(
            self,
            valid=valid,
            workload=verdict,
            as_maelstrom=as_maelstrom,
            strict=verdict.strict,
            anomalies=_names(verdict),
        )

    @property
    def is_valid_so_far(self) -> bool:
        """Whether the run was cut short, and nothing wrong was found until then."""
        is_open = self.valid is Validity.UNKNOWN
        return self.interrupted and is_open and self.workload.valid is Validity.VALID

    @property
    def verdict(self) -> str:
        """The verdict in a few words."""
        if not self.is_valid_so_far:
            return self.valid.word
        limit_s = self.test.time_limit_s
        return f"valid so far: {min(self.bench.duration_s, limit_s):.1f} of {limit_s:g} s"

    def explained(self, lines: Sequence[str]) -> "Results":
        """Return the results with this explanation of the workload's verdict, if there is one."""
        if not lines:
            return self
        text = "\n".join(lines[:EXPLANATION_LINES_MAX])
        return replace(self, workload=replace(self.workload, explanation=text))

    def _stats_validity(self) -> Validity:
        """Judge as Maelstrom's stats do; a run that was cut short may not have come to an ok."""
        if not self.never_ok:
            return Validity.VALID
        return Validity.UNKNOWN if self.interrupted else Validity.INVALID

    def as_json(self) -> dict[str, Any]:
        """Return what ``results.json`` holds. The workload's details stand beside its verdict."""
        plain: dict[str, Any] = as_json(self)
        plain["workload"] |= plain["workload"].pop("details")
        return plain


def results_from_json(plain: Mapping[str, Any]) -> Results:
    """Return stored results. Raises KeyError, TypeError or ValueError for other JSON."""
    own = {each.name for each in fields(WorkloadVerdict)}
    details = {name: value for name, value in plain["workload"].items() if name not in own}
    return from_json(Results, {**plain, "workload": plain["workload"] | {"details": details}})


def results_of(run: RunRecord, verdict: WorkloadVerdict, repeat: str) -> Results:
    """Return what a run amounts to."""
    stats = _stats(run.events)
    test = Description(**stored_values(run.options))
    end_ns = run.operations_begin + int(test.time_limit_s * NANOSECONDS_PER_SECOND)
    strength = strength_of(run.events, run.effects, run.leaderships, run.read_back_count)
    results = Results(
        valid=verdict.valid,
        workload=verdict,
        availability=_availability(stats, run.options.availability),
        stats=stats,
        never_ok=_never_ok(stats, WORKLOADS[run.options.workload]),
        time_outs=run.time_out_count,
        late_replies=run.late_reply_count,
        held_up=run.held_up_count,
        latency_ms=_latencies(run.events, end_ns),
        network=_network(run.network, stats.count, run.messages_left_out),
        bite=bite_of(run.options, run.network, run.effects),
        faults=_faults(run),
        mistakes=_mistakes(run.mistakes),
        bench=_bench_share(run),
        interrupted=run.interrupted,
        test=test,
        repeat=repeat,
        page=_page(run),
        strength=strength,
        weakness=weakness_of(strength, test),
    )
    return results.judged(verdict)


def _names(verdict: WorkloadVerdict) -> tuple[str, ...] | None:
    if verdict.anomalies is None:
        return None
    return tuple(names_of(verdict.anomalies))


def _never_ok(stats: Stats, workload: type[Workload]) -> tuple[str, ...]:
    names = sorted(f for f, counts in stats.by_f.items() if not counts.ok)
    return tuple(f for f in names if not workload.function(f).ends_client)


def _stats(events: Sequence[Event]) -> Stats:
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
    functions = {
        f: Counts(**counts, ok_fraction=_per(counts["ok"], counts["count"]))
        for f, counts in by_f.items()
    }
    return Stats(**total, ok_fraction=_per(total["ok"], total["count"]), by_f=functions)


def _availability(stats: Stats, asked: float | None) -> Availability:
    fraction = stats.ok_fraction
    valid = asked is None or (fraction is not None and fraction >= asked)
    return Availability(Validity(valid), asked, fraction)


def _per(count: int, operations: int) -> float | None:
    return round(count / operations, 4) if operations else None


def _latencies(events: Sequence[Event], end_ns: int) -> dict[str, Latency]:
    """Return the latencies of operations that began in time and were ok, by function."""
    by_f: dict[str, list[int]] = {}
    for f, begin, end in _ok_operations(events):
        if begin < end_ns:
            by_f.setdefault(f, []).append(end - begin)
    return {f: _latency(sorted(by_f[f])) for f in sorted(by_f)}


def _ok_operations(events: Sequence[Event]) -> Iterator[tuple[str, int, int]]:
    """Yield function, begin and end (nanoseconds) of each operation that was ok."""
    begun: dict[int | str, int] = {}
    for event in events:
        if event.type == "invoke":
            begun[event.process] = event.time
        elif event.type == "ok":
            yield event.f, begun[event.process], event.time


def _latency(ordered_ns: Sequence[int]) -> Latency:
    return Latency(*(quantile_ms(ordered_ns, fraction) for fraction in (0.5, 0.95, 0.99, 1)))


def _network(network: Network, operations: int, messages_left_out: int) -> NetworkFigures:
    sent = network.servers.sent + network.clients.sent
    return NetworkFigures(
        servers=ServerFigures(
            **_traffic(network.servers, operations),
            cut=network.counts.cut,
            lost=network.counts.lost,
            repeated=network.counts.repeated,
        ),
        clients=TrafficFigures(**_traffic(network.clients, operations)),
        all=TotalFigures(sent, _per(sent, operations)),
        not_in_messages_jsonl=messages_left_out,
    )


def _traffic(traffic: Traffic | ServerTraffic, operations: int) -> dict[str, Any]:
    return {
        "sent": traffic.sent,
        "received": traffic.received,
        "messages_per_operation": _per(traffic.sent, operations),
        "by_type": dict(sorted(traffic.types.items())),
    }


def _faults(run: RunRecord) -> tuple[FaultFigures, ...]:
    workload = WORKLOADS[run.options.workload]
    writes = [
        (begin, end)
        for f, begin, end in _ok_operations(run.events)
        if not workload.function(f).idempotent
    ]
    pauses = pauses_ms(run.effects, writes)
    return tuple(_fault(effect, pause) for effect, pause in zip(run.effects, pauses, strict=True))


def _fault(effect: Effect, pause_ms: float | None) -> FaultFigures:
    assert effect.end is not None, "the nemesis has stopped"
    times = {"begin": _seconds(effect.begin), "end": _seconds(effect.end)}
    changed = times | {"nodes": tuple(effect.nodes), "pause_ms": pause_ms}
    return FaultFigures(**asdict(effect) | changed)


def _mistakes(mistakes: Mistakes) -> MistakesFigures:
    by_node = {
        node: {str(kind): count for kind, count in kinds.items()}
        for node, kinds in mistakes.counts.items()
    }
    first = tuple(MistakeFigures(**mistake.as_json()) for mistake in mistakes.first)
    return MistakesFigures(mistakes.count, by_node, first)


def _bench_share(run: RunRecord) -> BenchShare:
    late = {
        "deliveries": run.network.lateness,
        "operations": run.operation_lateness,
        "turns": run.turns,
    }
    late_ms = {
        name: LatenessQuantiles(
            p50=milliseconds(lateness.quantile(0.5)),
            p99=milliseconds(lateness.quantile(0.99)),
            max=milliseconds(lateness.highest),
        )
        for name, lateness in late.items()
    }
    seconds = run.duration / NANOSECONDS_PER_SECOND
    return BenchShare(
        late_ms=late_ms,
        distorted=any(each.p99 > DISTORTED_MS for each in late_ms.values()),
        cpu_fraction=round(run.cpu_seconds / seconds, 3) if seconds else None,
        operations_begin_s=_seconds(run.operations_begin),
        duration_s=_seconds(run.duration),
    )


def _page(run: RunRecord) -> Page:
    workload = WORKLOADS[run.options.workload]
    requests = {each.f: each.fields for each in workload.functions}
    return Page(
        requests,
        workload.model,
        tuple(run.leaderships),
        run.clock_start_us,
        dict(workload.first_requests),
    )


def _seconds(nanoseconds: int) -> float:
    return round(nanoseconds / NANOSECONDS_PER_SECOND, 3)
