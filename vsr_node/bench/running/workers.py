"""Workers: clients that do one operation after another.

``ClientPool`` carries operations out and records their outcomes. Its subclasses choose them:
``Workers`` as Maelstrom does, ``ThoroughWorkers`` (``thorough_workers``) where faults may show,
``ScriptedWorkers`` (``scripted_workers``) as a stored run did.
"""

from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from random import Random
from typing import Any

from vsr_node.bench.nodes.clients import Client, error_of
from vsr_node.bench.nodes.ground import RunGround
from vsr_node.bench.nodes.history import EventType
from vsr_node.bench.nodes.known_errors import DEFINITE_ERRORS
from vsr_node.bench.nodes.lateness import Lateness
from vsr_node.bench.nodes.loop import NANOSECONDS_PER_MILLISECOND, NANOSECONDS_PER_SECOND
from vsr_node.bench.nodes.mistakes import WireError
from vsr_node.bench.workloads.workload import Operation, Workload

Error = tuple[int | str, str]


@dataclass(frozen=True, slots=True)
class Work:
    """What the workers of a run do, and with which clients."""

    workload: Workload
    clients: Sequence[Client]
    time_out_ns: int
    """How long each client waits for a reply."""


class ClientPool(ABC):
    """Clients that do operations, one at a time each, and the account of their outcomes.

    An operation whose outcome is unknown ends its process: the worker goes on under a new process
    number, the old one plus the number of clients, with the same client.
    """

    def __init__(self, ground: RunGround, work: Work) -> None:
        self.counts: dict[EventType, int] = {"invoke": 0, "ok": 0, "fail": 0, "info": 0}
        self.in_flight = 0
        """How many operations are under way."""
        self.in_flight_at: Counter[str] = Counter()
        """The same by the node that was asked."""
        self.time_out_count = 0
        self.held_up_count = 0
        """How many operations began later than they were due, as no client was free."""
        self.read_back_count = 0
        """How many reads began in addition to the rate."""
        self.lateness = Lateness()
        self._timers = ground.timers
        self._history = ground.history
        self._workload = work.workload
        self._clients = work.clients
        self._time_out_ns = work.time_out_ns
        self._processes = list(range(len(work.clients)))

    @property
    @abstractmethod
    def done(self) -> bool:
        """Whether no operation is under way, and none will begin."""

    @abstractmethod
    def start(self) -> None:
        """Begin operations from now on."""

    @abstractmethod
    def stop(self) -> None:
        """Begin no further operation. Those under way stay open."""

    @abstractmethod
    def on_fault(self) -> None:
        """Take note that a fault has begun or ended."""

    @abstractmethod
    def _on_done(self, worker: int, operation: Operation, error: Error | None) -> None:
        """Take note that a worker has done its operation and is free; ``error`` is None if ok."""

    def _begin(
        self, worker: int, operation: Operation, node: str, time_out_ns: int | None = None
    ) -> None:
        """Begin an operation; ``time_out_ns`` is None for the usual time."""
        time_out_ns = time_out_ns or self._time_out_ns
        self.in_flight += 1
        self.in_flight_at[node] += 1
        self._record(worker, "invoke", operation, node, operation.value, None)
        self._clients[worker].request(
            node,
            self._workload.request(operation),
            time_out_ns,
            partial(self._on_completion, worker, operation, node, time_out_ns),
        )

    def _on_completion(
        self,
        worker: int,
        operation: Operation,
        node: str,
        time_out_ns: int,
        body: dict[str, Any] | None,
    ) -> None:
        """Record the outcome. Raises WireError, once that is done, for a malformed reply."""
        try:
            type_, value, error = self._outcome(operation, time_out_ns, body)
        except WireError as wire_error:
            type_, value, error = "info", operation.value, ("malformed", wire_error.detail)
            raise
        finally:
            self._record(worker, type_, operation, node, value, error)
            if type_ == "info":
                self._processes[worker] += len(self._clients)
                self._workload.on_new_process(worker)
            self.in_flight -= 1
            self.in_flight_at[node] -= 1
            self._on_done(worker, operation, error)

    def _outcome(
        self, operation: Operation, time_out_ns: int, body: dict[str, Any] | None
    ) -> tuple[EventType, Any, Error | None]:
        function = self._workload.function(operation.f)
        unknown: EventType = "fail" if function.idempotent else "info"
        if body is None:
            self.time_out_count += 1
            milliseconds = time_out_ns // NANOSECONDS_PER_MILLISECOND
            return unknown, operation.value, (0, f"no reply within {milliseconds} ms")
        error = error_of(body)
        if error is None:
            return "ok", self._workload.result(operation, body), None
        return "fail" if error[0] in DEFINITE_ERRORS else unknown, operation.value, error

    def _record(
        self,
        worker: int,
        type_: EventType,
        operation: Operation,
        node: str,
        value: Any,
        error: Error | None,
    ) -> None:
        self.counts[type_] += 1
        process = self._processes[worker]
        self._history.record(process, type_, operation.f, operation.key, value, error, node)


class Workers(ClientPool):
    """Begins operations as Maelstrom does.

    ``rate`` is the mean of all workers together, a second. Intervals are uniform between 0 and
    twice the mean. A worker is drawn among the free ones, and each stays with its node (its number
    modulo the number of nodes). Operations begin until ``time_limit_ns`` after the start.
    """

    def __init__(
        self,
        ground: RunGround,
        work: Work,
        random: Random,
        nodes: Sequence[str],
        *,
        rate: float,
        time_limit_ns: int,
    ) -> None:
        super().__init__(ground, work)
        self._random = random
        self._nodes = nodes
        self._interval_max_ns = 2 * NANOSECONDS_PER_SECOND / rate
        self._time_limit_ns = time_limit_ns
        self._free = list(range(len(work.clients)))
        self._due = 0
        self._end = 0
        self._waits_for_worker = False

    @property
    def done(self) -> bool:
        """Whether the time is up, and no operation is under way."""
        return self._timers.now() >= self._end and not self.in_flight

    def start(self) -> None:
        """Begin operations from now on."""
        self._due = self._timers.now()
        self._end = self._due + self._time_limit_ns
        self._begin_due()

    def stop(self) -> None:
        """Begin no further operation. Those under way stay open."""
        self._end = 0

    def on_fault(self) -> None:
        """Go on as before."""

    def _begin_due(self) -> None:
        """Begin the operations that are due; a timer or the next free worker calls again."""
        now = self._timers.now()
        while self._due <= now:
            if now >= self._end:
                return
            if not self._free:
                self._waits_for_worker = True
                return
            if self._waits_for_worker:
                # All were busy when it was due. It begins now; nothing is made up for.
                self._waits_for_worker = False
                self.held_up_count += 1
                self._due = now
            else:
                self.lateness.add(now - self._due)
            self._begin_next(self._take_free())
            self._due += int(self._random.random() * self._interval_max_ns)
        self._timers.call_at(self._due, self._begin_due)

    def _begin_next(self, worker: int) -> None:
        self._begin(worker, self._workload.next_operation(worker), self._node_of(worker))

    def _node_of(self, worker: int) -> str:
        return self._nodes[worker % len(self._nodes)]

    def _take_free(self) -> int:
        free = self._free
        place = int(self._random.random() * len(free))
        free[place], free[-1] = free[-1], free[place]
        return free.pop()

    def _on_done(self, worker: int, operation: Operation, error: Error | None) -> None:
        self._free.append(worker)
        if self._waits_for_worker:
            self._begin_due()
