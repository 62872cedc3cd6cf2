"""The workers of a run that repeats a script."""

from collections import deque
from collections.abc import Iterator, Sequence

from vsr_node.bench.nodes.ground import RunGround
from vsr_node.bench.running.workers import ClientPool, Error, Work
from vsr_node.bench.stored.script import ScriptedOperation
from vsr_node.bench.workloads.workload import Operation


class ScriptedWorkers(ClientPool):
    """Begins the operations of a script when they are due, each client's in their order."""

    def __init__(
        self, ground: RunGround, work: Work, operations: Sequence[ScriptedOperation]
    ) -> None:
        super().__init__(ground, work)
        self._operations = [each for each in operations if not each.operation.is_final]
        self._last = [each for each in operations if each.operation.is_final]
        self._waiting: list[deque[ScriptedOperation]] = [deque() for _ in work.clients]
        self._busy = [False] * len(work.clients)
        self._left = 0

    @property
    def done(self) -> bool:
        """Whether all operations are done."""
        return not self._left and not self.in_flight

    def start(self) -> None:
        """Begin each operation when it is due from now on."""
        begin = self._timers.now()
        self._left = len(self._operations)
        for scripted in self._operations:
            self._timers.call_at(begin + scripted.at, self._on_due, begin, scripted)

    def stop(self) -> None:
        """Begin no further operation. Those under way stay open."""
        self._left = 0
        for waiting in self._waiting:
            waiting.clear()

    def on_fault(self) -> None:
        """Go on as the script says."""

    def hold_changes(self, nodes: Sequence[str]) -> None:
        """Go on as the script says."""

    def _final_operations(self, worker: int) -> Iterator[tuple[str, Operation]]:
        return ((each.node, each.operation) for each in self._last if each.client == worker)

    def _on_due(self, begin: int, scripted: ScriptedOperation) -> None:
        if not self._left:
            return
        self._waiting[scripted.client].append(scripted)
        if self._busy[scripted.client]:
            self.held_up_count += 1
        else:
            self.lateness.add(self._timers.now() - begin - scripted.at)
            self._begin_next(scripted.client)

    def _begin_next(self, client: int) -> None:
        _, _, node, operation = self._waiting[client].popleft()
        self._busy[client] = True
        self._left -= 1
        self._begin(client, operation, node)

    def _on_done(self, worker: int, operation: Operation, error: Error | None) -> None:
        self._busy[worker] = False
        if self._waiting[worker]:
            self._begin_next(worker)
