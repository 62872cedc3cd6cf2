"""Workers that look where faults may show.

They begin operations as Maelstrom's would, and do this besides:

- When a fault begins or ends, the workload moves on to other keys, so that no write hides what the
  fault did to the present ones. For some seconds all keys are read back, the newest ones at once
  and at each node. These reads come in addition to the rate and are counted apart.
- After a fault a read waits for a part of the time-out, each for another one, so that the readers
  don't all sit in the same wait.
- While an aimed fault needs it, workers of some nodes only read back.
- A worker that is refused (error 11) backs off and tries again. It takes no share of the rate.
- When the time is up, all keys are read at all nodes, and again when the group had time to settle.
"""

from collections import deque
from collections.abc import Sequence
from random import Random

from vsr_node.bench.nodes.ground import RunGround
from vsr_node.bench.nodes.known_errors import ANSWERS, KnownError
from vsr_node.bench.nodes.loop import NANOSECONDS_PER_MILLISECOND, NANOSECONDS_PER_SECOND
from vsr_node.bench.running.workers import Error, Work, Workers
from vsr_node.bench.workloads.workload import Operation

UNSETTLED_NS = 5 * NANOSECONDS_PER_SECOND
"""How long after a fault its consequences are looked for."""
NEWEST = 4
"""How many keys are read at each node at once: the present one and the last one, of two groups."""
READ_BACK_FACTOR = 2
"""How much faster than other operations keys are read back."""
READ_BACK_RATE_MAX = 50.0
"""How many reads a second that are at most."""

BACK_OFF_NS = 25 * NANOSECONDS_PER_MILLISECOND
DOUBLINGS_MAX = 4

SETTLE_NS = 2 * NANOSECONDS_PER_SECOND
"""How long a group has to settle after the last fault before the last reads."""
LAST_READS_NS = 5 * NANOSECONDS_PER_SECOND
"""How long the last reads are tried."""


class ThoroughWorkers(Workers):
    """Begins operations where faults may show."""

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
        super().__init__(ground, work, random, nodes, rate=rate, time_limit_ns=time_limit_ns)
        self._read_backs: dict[str, deque[Operation]] = {node: deque() for node in nodes}
        self._read_back_ns = int(
            NANOSECONDS_PER_SECOND / min(READ_BACK_FACTOR * rate, READ_BACK_RATE_MAX)
        )
        self._is_looking = False
        self._changed: Sequence[Operation] = ()
        """What is read after a fault, the newest first."""
        self._round = 0
        self._refusals = [0] * len(work.clients)
        """How often each worker was refused in a row."""
        self._backing_off = 0
        """How many workers are."""
        self._unsettled_until = 0
        self._had_fault = False
        self._held: Sequence[str] = ()
        """Nodes at which workers only read."""
        self._is_stopped = False
        self._last_reads_end: int | None = None
        """When the last reads are given up; None before the last of them begin."""

    @property
    def done(self) -> bool:
        """Whether the last reads are done or given up, and no operation is under way."""
        if not super().done or self._backing_off or self._last_reads_end is None:
            return False
        return self._timers.now() >= self._last_reads_end or not any(self._read_backs.values())

    def start(self) -> None:
        """Begin operations from now on."""
        super().start()
        self._timers.call_at(self._end, self._begin_last_reads)

    def stop(self) -> None:
        """Begin no further operation. Those under way stay open."""
        super().stop()
        self._is_stopped = True

    def on_fault(self) -> None:
        """Move on to other keys, and plan to read the present ones."""
        now = self._timers.now()
        self._had_fault = True
        self._unsettled_until = now + UNSETTLED_NS
        if now < self._end:
            self._changed = self._workload.move_on()
            self._plan_read_backs(self._changed[:NEWEST])
            self._read_with_all()
            if not self._is_looking:
                self._is_looking = True
                self._look()

    def hold_changes(self, nodes: Sequence[str]) -> None:
        """Let workers of these nodes only read back what is planned, and the others move on."""
        if nodes != self._held:
            self._held = nodes
            self._changed = self._workload.move_on()

    def _look(self) -> None:
        """Read something back, now and again while consequences of a fault may show."""
        now = self._timers.now()
        self._is_looking = now < min(self._unsettled_until, self._end)
        if not self._is_looking:
            return
        if not any(self._read_backs.values()):
            self._plan_round()
        free = [worker for worker in self._free if self._read_backs[self._node_of(worker)]]
        if free and len(self._free) > len(self._nodes):
            worker = self._random.choice(free)
            self._free.remove(worker)
            self._read_on(worker)
        self._timers.call_at(now + self._read_back_ns, self._look)

    def _plan_round(self) -> None:
        """Plan to read each key at one node, in each round at another one."""
        self._round += 1
        for place, operation in enumerate(self._changed):
            self._read_backs[self._nodes[(place + self._round) % len(self._nodes)]].append(
                operation
            )

    def _read_with_all(self) -> None:
        """Let each free worker read something back that is planned for its node."""
        free, self._free = self._free, []
        for worker in free:
            self._read_on(worker)

    def _plan_read_backs(self, operations: Sequence[Operation]) -> None:
        """Plan reads at each node, at each in another order."""
        for place, node in enumerate(self._nodes):
            self._read_backs[node] = deque((*operations[place:], *operations[:place]))

    def _begin_next(self, worker: int) -> None:
        if self._node_of(worker) in self._held:
            self._read_on(worker)
            return
        operation = self._workload.next_operation(worker)
        self._begin(worker, operation, self._node_of(worker), self._time_out_of(operation))

    def _time_out_of(self, operation: Operation) -> int:
        """Return how long to wait for a reply: a part of the time for reads after a fault."""
        is_settled = self._timers.now() >= self._unsettled_until
        if is_settled or not self._workload.function(operation.f).idempotent:
            return self._time_out_ns
        return int(self._time_out_ns * self._random.uniform(0.25, 1))

    def _on_done(self, worker: int, operation: Operation, error: Error | None) -> None:
        """Plan a read again that was not answered, and let the worker go on, or back off."""
        node = self._node_of(worker)
        is_answered = error is None or error[0] in ANSWERS
        is_read = self._workload.function(operation.f).idempotent
        if is_read and not is_answered and operation not in self._read_backs[node]:
            self._read_backs[node].append(operation)
        if error is not None and error[0] == KnownError.TEMPORARILY_UNAVAILABLE:
            self._back_off(worker)
        else:
            self._refusals[worker] = 0
            if self._timers.now() < self._end:
                super()._on_done(worker, operation, error)
            else:
                self._read_on(worker)

    def _back_off(self, worker: int) -> None:
        back_off_ns = BACK_OFF_NS << min(self._refusals[worker], DOUBLINGS_MAX)
        self._refusals[worker] += 1
        self._backing_off += 1
        due = self._timers.now() + int(back_off_ns * self._random.uniform(0.5, 1))
        self._timers.call_at(due, self._try_again, worker)

    def _try_again(self, worker: int) -> None:
        self._backing_off -= 1
        if self._timers.now() < self._end:
            self._begin_next(worker)
        else:
            self._read_on(worker)

    def _begin_last_reads(self) -> None:
        """Plan to read all at each node, and later once more if there was a fault."""
        operations = self._workload.move_on()
        self._plan_read_backs(operations)
        settled_at = self._end + SETTLE_NS
        if self._had_fault and operations and self._timers.now() < settled_at:
            self._timers.call_at(settled_at, self._begin_last_reads)
        else:
            self._last_reads_end = self._timers.now() + LAST_READS_NS
        self._read_with_all()

    def _read_on(self, worker: int) -> None:
        """Read what is planned for the worker's node, unless the last reads are given up."""
        waiting = self._read_backs[self._node_of(worker)]
        end = self._last_reads_end
        if waiting and not self._is_stopped and (end is None or self._timers.now() < end):
            operation = waiting.popleft()
            self.read_back_count += 1
            self._begin(worker, operation, self._node_of(worker), self._time_out_of(operation))
        else:
            self._free.append(worker)
