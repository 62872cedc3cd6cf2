"""Measuring: start a subject's group, put it under each load, and read its figures."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

from vsr_node.bench.nodes.clients import Client
from vsr_node.bench.nodes.gauge import LeaderGauge
from vsr_node.bench.nodes.ground import Ground
from vsr_node.bench.nodes.links import LatencyDistribution, Links
from vsr_node.bench.nodes.loop import (
    NANOSECONDS_PER_SECOND,
    Loop,
    Timers,
    clock_from_now,
    collector_paused,
)
from vsr_node.bench.nodes.members import Members
from vsr_node.bench.nodes.mistakes import Mistakes
from vsr_node.bench.nodes.network import Network
from vsr_node.bench.nodes.node_logs import NodeLogs
from vsr_node.bench.nodes.processes import Launch
from vsr_node.bench.perf.cells import PRIMARY, SPREAD, Cell, Figures
from vsr_node.bench.perf.load import (
    KEY_COUNT,
    ClosedLoop,
    Load,
    OpenLoop,
    Target,
    draw_requests,
)
from vsr_node.bench.perf.subjects import Subject
from vsr_node.bench.perf.usage import usage_of
from vsr_node.bench.stored.options import in_folder
from vsr_node.bench.stored.quantiles import quantile_ms

BYTES_PER_MIB = 1 << 20
FILL_CLIENTS = 32
FILL_SECONDS_MAX = 30.0
WARM_UP_SECONDS = 0.3
DRAIN_SECONDS = 2.0
IDLE_SECONDS_MAX = 1.0


class SubjectError(Exception):
    """The group did not come up, or does not serve; the text says which."""


@dataclass(slots=True)
class Measured:
    """A subject's figures of one round."""

    subject: Subject
    start_up_seconds: float
    """From the start of the processes to the last init_ok."""
    leader: str | None
    cells: list[tuple[Cell, Figures]] = field(default_factory=list)
    idle_messages_per_second: float = 0.0


class LoadedGroup:
    """One group of a subject; a context manager that leaves no process behind."""

    def __init__(
        self, subject: Subject, names: Sequence[str], folder: Path, say: Callable[[str], None]
    ) -> None:
        folder.mkdir(parents=True)
        self._names = names
        self._timers = Timers(clock_from_now())
        self._loop = Loop(self._timers)
        self._logs = NodeLogs(folder, self._timers.now)
        self._mistakes = Mistakes(self._timers.now, say, self._logs.last_lines)
        links = Links(Random(0), LatencyDistribution("constant", 0))
        self._network = Network(self._timers, links, self._mistakes, _forget)
        self._gauge = LeaderGauge(self._timers, names, self._network.servers)
        self._client_count = 0
        ground = Ground(self._timers, self._mistakes, self._network)
        launch = Launch(in_folder(subject.command, folder), self._logs)
        self._members = Members(ground, self._loop, names, launch, self._new_client)

    def __enter__(self) -> "LoadedGroup":
        return self

    def __exit__(self, *_: object) -> None:
        self._members.stop()
        self._loop.close()
        self._logs.close()

    def _new_client(self) -> Client:
        return Client(f"{self._prefix()}0", self._network, self._timers)

    def _prefix(self) -> str:
        """Return the beginning of names that no client had yet."""
        self._client_count += 1
        return f"c{self._client_count}-"

    def start(self) -> float:
        """Start the group; return how many seconds that took. Raises SubjectError."""
        begin = self._timers.now()
        self._members.start()
        members = self._members
        self._loop.run_until(lambda: members.is_up or members.has_failed or members.has_ended_node)
        if not members.is_up:
            raise SubjectError("the group did not come up")
        return (self._timers.now() - begin) / NANOSECONDS_PER_SECOND

    def fill(self) -> None:
        """Write each key once. Raises SubjectError."""
        self._gauge.start()
        requests = [{"type": "write", "key": key, "value": 0} for key in range(KEY_COUNT)]
        load = self._closed(requests, SPREAD, FILL_CLIENTS)
        load.start()
        self._run(FILL_SECONDS_MAX, lambda: len(load.latencies_ns) >= KEY_COUNT)
        self._finish(load)
        if len(load.latencies_ns) - load.error_count < KEY_COUNT:
            raise SubjectError(f"{KEY_COUNT} keys were not written in {FILL_SECONDS_MAX:g} s")

    @property
    def leader(self) -> str | None:
        """The node that seems to lead; None if none does."""
        return self._gauge.leader()

    def idle_messages_per_second(self, seconds: float) -> float:
        """Return how many messages a second the nodes send each other without requests."""
        before = self._network.servers.sent
        self._run(seconds)
        return (self._network.servers.sent - before) / seconds

    def measure(self, cell: Cell, seconds: float, random: Random) -> Figures:
        """Put the group under a load; return its figures over ``seconds``, after a warm-up."""
        requests = draw_requests(random, cell.read_fraction)
        if cell.clients is not None:
            load: Load = self._closed(requests, cell.place, cell.clients)
        else:
            assert cell.rate is not None
            load = OpenLoop(self._target(cell.place), requests, cell.rate, random)
        load.start()
        self._run(WARM_UP_SECONDS)
        load.measure()
        before = _Counters(self._network, self._members)
        self._run(seconds)
        figures = _figures(load, before, _Counters(self._network, self._members))
        self._finish(load)
        return figures

    def _closed(self, requests: Sequence[dict[str, object]], place: str, count: int) -> ClosedLoop:
        return ClosedLoop(self._target(place), requests, count)

    def _target(self, place: str) -> Target:
        nodes = [self.leader or self._names[0]] if place == PRIMARY else self._names
        return Target(self._timers, self._network, nodes, self._prefix())

    def _finish(self, load: Load) -> None:
        """End a load, and wait a while for what is under way."""
        load.stop()
        self._run(DRAIN_SECONDS, lambda: not load.waiting_count)

    def _run(self, seconds: float, done: Callable[[], bool] = lambda: False) -> None:
        end = self._timers.now() + int(seconds * NANOSECONDS_PER_SECOND)
        self._timers.call_at(end, lambda: None)
        self._loop.run_until(lambda: self._timers.now() >= end or done())


class _Counters:
    """The counters and clocks at one moment."""

    def __init__(self, network: Network, members: Members) -> None:
        usages = [usage_of(process_id) for process_id in members.process_ids.values()]
        self.time = time.perf_counter()
        self.bench_cpu = time.process_time()
        self.nodes_cpu = sum(usage.cpu_seconds for usage in usages)
        self.resident_bytes = max(usage.resident_bytes for usage in usages)
        self.messages = network.servers.sent
        self.types = network.servers.types
        self.bytes = network.servers.bytes_sent


def _figures(load: Load, before: _Counters, after: _Counters) -> Figures:
    count = len(load.latencies_ns)
    ordered_ns = sorted(load.latencies_ns)
    seconds = after.time - before.time
    milliseconds_each = 1_000 / count if count else 0.0
    nodes_cpu = after.nodes_cpu - before.nodes_cpu
    bench_cpu = after.bench_cpu - before.bench_cpu

    def each(total: float) -> float:
        return round(total / count, 3) if count else 0.0

    types = {kind: each(n - before.types.get(kind, 0)) for kind, n in sorted(after.types.items())}
    return Figures(
        operations=count,
        operations_per_second=round(count / seconds, 1),
        latency_p50_ms=quantile_ms(ordered_ns, 0.5),
        latency_p95_ms=quantile_ms(ordered_ns, 0.95),
        latency_p99_ms=quantile_ms(ordered_ns, 0.99),
        latency_max_ms=quantile_ms(ordered_ns, 1),
        errors=load.error_count,
        unanswered=load.waiting_count,
        server_messages=each(after.messages - before.messages),
        server_messages_by_type=types,
        server_bytes=each(after.bytes - before.bytes),
        node_cpu_ms=round(nodes_cpu * milliseconds_each, 4),
        bench_cpu_ms=round(bench_cpu * milliseconds_each, 4),
        node_cores=round(nodes_cpu / seconds, 3),
        bench_cores=round(bench_cpu / seconds, 3),
        resident_mib=round(after.resident_bytes / BYTES_PER_MIB, 1),
    )


@dataclass(frozen=True, slots=True)
class Measurements:
    """How each subject is measured; all get the same requests."""

    names: Sequence[str]
    """The nodes."""
    cells: Sequence[Cell]
    seconds: float
    """The duration of each load."""
    seed: str


def measure_subject(
    subject: Subject, plan: Measurements, folder: Path, say: Callable[[str], None]
) -> Measured:
    """Measure a subject under all loads. Raises SubjectError."""
    with collector_paused(), LoadedGroup(subject, plan.names, folder, say) as group:
        start_up_seconds = group.start()
        group.fill()
        measured = Measured(subject, start_up_seconds, group.leader)
        for cell in plan.cells:
            figures = group.measure(cell, plan.seconds, Random(f"{plan.seed}/{cell.text}"))
            say(
                f"  {subject.name:<18} {cell.text:<34} "
                f"{figures.operations_per_second:>9.0f} a second, "
                f"p50 {figures.latency_p50_ms:.2f} ms"
            )
            measured.cells.append((cell, figures))
        idle_seconds = min(plan.seconds, IDLE_SECONDS_MAX)
        measured.idle_messages_per_second = group.idle_messages_per_second(idle_seconds)
        return measured


def _forget(sent: int, ended: int, fate: bytes, payload: bytes) -> None:
    """Keep nothing, as a journal."""
