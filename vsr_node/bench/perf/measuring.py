"""Measures: starts a subject's group, puts it under each load, and reads what came of it."""

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
    NANOSECONDS_PER_MILLISECOND,
    NANOSECONDS_PER_SECOND,
    Loop,
    Timers,
    clock_from_now,
    collector_paused,
)
from vsr_node.bench.nodes.members import Members
from vsr_node.bench.nodes.mistakes import Mistakes
from vsr_node.bench.nodes.network import Network
from vsr_node.bench.nodes.processes import Launch, last_lines
from vsr_node.bench.perf.cells import PRIMARY, SPREAD, Cell, Figures
from vsr_node.bench.perf.load import (
    KEY_COUNT,
    ClosedLoop,
    Load,
    OpenLoop,
    draw_requests,
)
from vsr_node.bench.perf.subjects import Subject
from vsr_node.bench.perf.usage import usage_of
from vsr_node.bench.stored.options import in_folder

BYTES_PER_MIB = 1 << 20
FILL_CLIENTS = 32
FILL_SECONDS_MAX = 30.0
WARM_UP_SECONDS = 0.3
DRAIN_SECONDS = 2.0


class SubjectError(Exception):
    """A group that did not come up, or does not serve; the text says so."""


@dataclass(slots=True)
class Measured:
    """A subject's figures of one round."""

    subject: Subject
    start_up_seconds: float
    """From the start of the processes to the last init_ok."""
    leader: str | None
    cells: list[tuple[Cell, Figures]] = field(default_factory=list)
    idle_messages_per_second: float = 0.0


class Bench:
    """One group of a subject, up and filled; a context manager that leaves no process behind."""

    def __init__(
        self, subject: Subject, names: Sequence[str], folder: Path, say: Callable[[str], None]
    ) -> None:
        folder.mkdir(parents=True)
        self._names = names
        self._timers = Timers(clock_from_now())
        self._loop = Loop(self._timers)
        self._mistakes = Mistakes(
            self._timers.now, say, lambda node: last_lines(folder / f"{node}.log")
        )
        links = Links(Random(0), LatencyDistribution("constant", 0))
        self._network = Network(self._timers, links, self._mistakes, _forget)
        self._gauge = LeaderGauge(self._timers, names, self._network.servers)
        self._client_count = 0
        ground = Ground(self._timers, self._mistakes, self._network)
        launch = Launch(in_folder(subject.command, folder), lambda node: folder / f"{node}.log")
        self._members = Members(ground, self._loop, names, launch, self._new_client)

    def __enter__(self) -> "Bench":
        return self

    def __exit__(self, *_: object) -> None:
        self._members.stop()
        self._loop.close()

    def _new_client(self) -> Client:
        return Client(f"{self._prefix()}0", self._network, self._timers)

    def _prefix(self) -> str:
        """Return the beginning of names that no client had yet."""
        self._client_count += 1
        return f"c{self._client_count}-"

    def start(self) -> float:
        """Start the group; return how long that took. Raises SubjectError."""
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
        self._run(FILL_SECONDS_MAX, lambda: len(load.latencies) >= KEY_COUNT)
        self._finish(load)
        if len(load.latencies) - load.error_count < KEY_COUNT:
            raise SubjectError(f"{KEY_COUNT} keys were not written in {FILL_SECONDS_MAX:g} s")

    @property
    def leader(self) -> str | None:
        """Who seems to lead."""
        return self._gauge.leader()

    def idle_messages_per_second(self, seconds: float) -> float:
        """Return how many messages the nodes send each other when nobody asks anything."""
        before = self._network.servers.sent
        self._run(seconds)
        return (self._network.servers.sent - before) / seconds

    def measure(self, cell: Cell, seconds: float, random: Random) -> Figures:
        """Put the group under a load for so long, and a little before."""
        requests = draw_requests(random, cell.read_fraction)
        if cell.clients is not None:
            load: Load = self._closed(requests, cell.place, cell.clients)
        else:
            assert cell.rate is not None
            nodes = self._nodes_at(cell.place)
            load = OpenLoop(
                *(self._timers, requests, self._network, nodes),
                *(cell.rate, random, self._prefix()),
            )
        load.start()
        self._run(WARM_UP_SECONDS)
        load.measure()
        before = _Reading(self._network, self._members)
        self._run(seconds)
        figures = _figures(load, before, _Reading(self._network, self._members))
        self._finish(load)
        return figures

    def _closed(self, requests: Sequence[dict[str, object]], place: str, count: int) -> ClosedLoop:
        nodes = self._nodes_at(place)
        return ClosedLoop(self._timers, requests, self._network, nodes, count, self._prefix())

    def _nodes_at(self, place: str) -> Sequence[str]:
        return [self.leader or self._names[0]] if place == PRIMARY else self._names

    def _finish(self, load: Load) -> None:
        """Ask no more, and wait a while for what is under way."""
        load.stop()
        self._run(DRAIN_SECONDS, lambda: not load.waiting_count)

    def _run(self, seconds: float, done: Callable[[], bool] = lambda: False) -> None:
        end = self._timers.now() + int(seconds * NANOSECONDS_PER_SECOND)
        self._timers.call_at(end, lambda: None)
        self._loop.run_until(lambda: self._timers.now() >= end or done())


class _Reading:
    """What counters and clocks say at a moment."""

    def __init__(self, network: Network, members: Members) -> None:
        usages = [usage_of(process_id) for process_id in members.process_ids.values()]
        self.time = time.perf_counter()
        self.bench_cpu = time.process_time()
        self.nodes_cpu = sum(usage.cpu_seconds for usage in usages)
        self.resident_bytes = max(usage.resident_bytes for usage in usages)
        self.messages = network.servers.sent
        self.types = network.servers.types
        self.bytes = network.servers.bytes_sent


def _figures(load: Load, before: _Reading, after: _Reading) -> Figures:
    count = len(load.latencies)
    latencies = sorted(load.latencies)
    seconds = after.time - before.time
    milliseconds_each = 1_000 / count if count else 0.0
    nodes_cpu = after.nodes_cpu - before.nodes_cpu
    bench_cpu = after.bench_cpu - before.bench_cpu

    def quantile(fraction: float) -> float:
        if not count:
            return 0.0
        place = min(int(fraction * count), count - 1)
        return round(latencies[place] / NANOSECONDS_PER_MILLISECOND, 3)

    def each(total: float) -> float:
        return round(total / count, 3) if count else 0.0

    types = {kind: each(n - before.types.get(kind, 0)) for kind, n in sorted(after.types.items())}
    return Figures(
        operations=count,
        operations_per_second=round(count / seconds, 1),
        latency_p50_ms=quantile(0.5),
        latency_p95_ms=quantile(0.95),
        latency_p99_ms=quantile(0.99),
        latency_max_ms=quantile(1),
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


def measure_subject(
    subject: Subject,
    names: Sequence[str],
    cells: Sequence[Cell],
    seconds: float,
    folder: Path,
    seed: str,
    say: Callable[[str], None],
) -> Measured:
    """Measure a subject under all loads; all get the same requests. Raises SubjectError."""
    with collector_paused(), Bench(subject, names, folder, say) as bench:
        start_up_seconds = bench.start()
        bench.fill()
        measured = Measured(subject, start_up_seconds, bench.leader)
        for cell in cells:
            figures = bench.measure(cell, seconds, Random(f"{seed}/{cell.text}"))
            say(
                f"  {subject.name:<18} {cell.text:<34} "
                f"{figures.operations_per_second:>9.0f} a second, "
                f"p50 {figures.latency_p50_ms:.2f} ms"
            )
            measured.cells.append((cell, figures))
        measured.idle_messages_per_second = bench.idle_messages_per_second(min(seconds, 1.0))
        return measured


def _forget(sent: int, ended: int, fate: bytes, payload: bytes) -> None:
    """Be a journal that keeps nothing."""
