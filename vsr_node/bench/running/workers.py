"""Workers: clients that do one operation after another.

``ClientPool`` carries operations out and records their outcomes. Its subclasses choose them:
``Workers`` as Maelstrom does, ``ThoroughWorkers`` (``thorough_workers``) where faults may show,
``ScriptedWorkers`` (``scripted_workers``) as a stored run did.
"""

from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
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
from vsr_node.bench.workloads.workload import (
    ClientCrashError,
    Exchange,
    Operation,
    Workload,
)

FINAL_PHASE_NS = 10 * NANOSECONDS_PER_SECOND
"""How long operations of the final phase begin."""
FINAL_INTERVAL_NS = NANOSECONDS_PER_SECOND // 5
"""Between two of them of one worker."""

Error = tuple[int | str, str]
Outcome = tuple[EventType, Any, Error | None]
"""The type, the value and the error of the event that completes an operation."""


@dataclass(frozen=True, slots=True)
class Work:
    """What the workers of a run do, and with which clients."""

    workload: Workload
    clients: Sequence[Client]
    time_out_ns: int
    """How long each client waits for a reply."""
    new_client: Callable[[], Client]
    """Makes a client that takes the place of one that is not reusable."""


@dataclass(frozen=True, slots=True)
class _Task:
    """An operation under way, by its worker and its node."""

    worker: int
    operation: Operation
    node: str
    time_out_ns: int
    """How long its client waits for each reply."""
    exchange: Exchange


class ClientPool(ABC):
    """Clients that do operations, one at a time each, and the account of their outcomes.

    An operation whose outcome is unknown ends its process: the worker goes on under a new process
    number, the old one plus the number of clients, with the same client if that is reusable.
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
        self._clients = list(work.clients)
        self._new_client = work.new_client
        self._time_out_ns = work.time_out_ns
        self._processes = list(range(len(work.clients)))
        self._finals: list[Iterator[tuple[str, Operation]]] = []
        """What each worker has left to do in the final phase, with its node."""
        self._final_phase_end = 0
        self._finals_left = 0
        """How many workers have something left to do in the final phase."""

    @property
    @abstractmethod
    def done(self) -> bool:
        """Whether no operation is under way, and none will begin."""

    @property
    def final_phase_done(self) -> bool:
        """Whether the final phase, which has begun, is over."""
        return not self._finals_left

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
    def hold_changes(self, nodes: Sequence[str]) -> None:
        """Begin only reads at these nodes from now on, and changes of other keys than before."""

    @abstractmethod
    def _final_operations(self, worker: int) -> Iterator[tuple[str, Operation]]:
        """Yield what a worker does in the final phase, each with the node that it asks."""

    def begin_final_phase(self) -> None:
        """Let each worker do its final operations; nothing else may be under way."""
        workers = range(len(self._clients))
        self._finals = [self._final_operations(worker) for worker in workers]
        self._final_phase_end = self._timers.now() + FINAL_PHASE_NS
        self._finals_left = len(workers)
        for worker in workers:
            self._begin_next_final(worker)

    def _begin_next_final(self, worker: int) -> None:
        is_over = self._timers.now() >= self._final_phase_end
        following = None if is_over else next(self._finals[worker], None)
        if following is None:
            self._finals_left -= 1
        else:
            node, operation = following
            self._begin(worker, operation, node)

    @abstractmethod
    def _on_done(self, worker: int, operation: Operation, error: Error | None) -> None:
        """Take note that a worker has done its operation and is free; ``error`` is None if ok."""

    def _begin(
        self, worker: int, operation: Operation, node: str, time_out_ns: int | None = None
    ) -> None:
        """Begin an operation; ``time_out_ns`` is None for the usual time."""
        self.in_flight += 1
        self.in_flight_at[node] += 1
        self._record(worker, "invoke", operation, node, operation.value, None)
        exchange = self._workload.perform(worker, operation)
        self._go_on(
            _Task(worker, operation, node, time_out_ns or self._time_out_ns, exchange), None
        )

    def _go_on(self, task: _Task, body: dict[str, Any] | None) -> None:
        """Send the task's next request, or complete it; ``body`` is None before the first request.

        Raises WireError, once that is done, for a malformed reply.
        """
        try:
            request = next(task.exchange) if body is None else task.exchange.send(body)
        except StopIteration as end:
            self._complete(task, ("ok", end.value, None))
        except ClientCrashError as crash:
            self._complete(task, ("info", task.operation.value, ("crash", str(crash))))
        except WireError as error:
            malformed = ("malformed", error.detail)
            self._complete(task, ("info", task.operation.value, malformed))
            raise
        else:
            self._clients[task.worker].request(
                task.node, request, task.time_out_ns, partial(self._on_reply, task)
            )

    def _on_reply(self, task: _Task, body: dict[str, Any] | None) -> None:
        """Take the reply to a task's request; None if none came in time. Raises as ``_go_on``."""
        error = self._error(task, body)
        if error is None:
            self._go_on(task, body)
        else:
            self._complete(
                task, (self._failure(task.operation, error), task.operation.value, error)
            )

    def _error(self, task: _Task, body: dict[str, Any] | None) -> Error | None:
        if body is not None:
            return error_of(body)
        self.time_out_count += 1
        return 0, f"no reply within {task.time_out_ns // NANOSECONDS_PER_MILLISECOND} ms"

    def _failure(self, operation: Operation, error: Error) -> EventType:
        """Return whether an operation that got an error certainly did not happen."""
        if self._workload.errors_are_info:
            return "info"
        is_idempotent = self._workload.function(operation.f).idempotent
        return "fail" if is_idempotent or error[0] in DEFINITE_ERRORS else "info"

    def _complete(self, task: _Task, outcome: Outcome) -> None:
        type_, value, error = outcome
        self._record(task.worker, type_, task.operation, task.node, value, error)
        if type_ == "info":
            self._processes[task.worker] += len(self._clients)
            self._workload.on_new_process(task.worker)
            if not self._workload.reusable:
                self._clients[task.worker].is_gone = True
                self._clients[task.worker] = self._new_client()
        self.in_flight -= 1
        self.in_flight_at[task.node] -= 1
        if task.operation.is_final:
            due = self._timers.now() + FINAL_INTERVAL_NS
            self._timers.call_at(due, self._begin_next_final, task.worker)
        else:
            self._on_done(task.worker, task.operation, error)

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
        f, key, _, is_final = operation
        self._history.record(process, type_, f, key, value, error, node, is_final=is_final)


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

    def hold_changes(self, nodes: Sequence[str]) -> None:
        """Go on as before."""

    def _final_operations(self, worker: int) -> Iterator[tuple[str, Operation]]:
        return ((self._node_of(worker), each) for each in self._workload.final(worker))

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
