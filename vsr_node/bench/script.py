"""A stored run as a script: its operations and faults, each with its time, to be done once more.

What real processes can't repeat: how long they take, so how operations overlap, which message gets
which latency, and which one is lost or repeated. The script asks the same things of the same nodes
at the same times; a client that is still busy then begins as soon as it can.
"""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import orjson

from vsr_node.bench.clients import Client
from vsr_node.bench.faults import Fault, fault_of
from vsr_node.bench.history import History
from vsr_node.bench.loop import Timers
from vsr_node.bench.workers import ClientPool
from vsr_node.bench.workloads.workload import Operation, Workload
from vsr_node.checker.history import NEMESIS, Event

OPERATIONS = "operations.jsonl"
"""The file of a run that follows a script in which its operations are."""


class ScriptedOperation(NamedTuple):
    """An operation that client number `client` asks of `node`, `at` nanoseconds after the start."""

    at: int
    client: int
    node: str
    operation: Operation


@dataclass(frozen=True, slots=True)
class Script:
    """Operations and faults in order of time."""

    operations: tuple[ScriptedOperation, ...]
    faults: tuple[Fault, ...]


def operations_of(events: Sequence[Event], clients: int, begin: int) -> list[ScriptedOperation]:
    """Return what a history's clients did; times count from `begin` (of the history's clock)."""
    return [
        ScriptedOperation(
            max(0, event.time - begin),
            int(event.process) % clients,
            event.node or "",
            Operation(event.f, event.key, event.value),
        )
        for event in events
        if event.process != NEMESIS and event.type == "invoke"
    ]


def operation_line(scripted: ScriptedOperation) -> bytes:
    """Return an operation of a script as a line of `operations.jsonl`."""
    at, client, node, operation = scripted
    return orjson.dumps({"at": at, "client": client, "node": node, **operation._asdict()}) + b"\n"


def load_operations(path: Path) -> list[ScriptedOperation]:
    """Read the operations that a run was to do."""
    return [
        ScriptedOperation(
            line["at"],
            line["client"],
            line["node"],
            Operation(line["f"], line["key"], line["value"]),
        )
        for line in map(orjson.loads, path.read_bytes().splitlines())
    ]


def load_faults(path: Path) -> list[Fault]:
    """Read the schedule of a stored run."""
    return [fault_of(orjson.loads(line)) for line in path.read_bytes().splitlines()]


class ScriptedWorkers(ClientPool):
    """Begins the operations of a script when they are due, each client's in their order."""

    def __init__(
        self,
        timers: Timers,
        workload: Workload,
        history: History,
        clients: Sequence[Client],
        operations: Sequence[ScriptedOperation],
        time_out: int,
    ) -> None:
        super().__init__(timers, workload, history, clients, time_out)
        self._operations = operations
        self._waiting: list[deque[ScriptedOperation]] = [deque() for _ in clients]
        self._busy = [False] * len(clients)
        self._left = 0

    @property
    def done(self) -> bool:
        """Whether all operations were done."""
        return not self._left and not self.in_flight

    def start(self) -> None:
        """Begin each operation when it is due from now on."""
        begin = self._timers.now()
        self._left = len(self._operations)
        for scripted in self._operations:
            self._timers.call_at(begin + scripted.at, self._on_due, begin, scripted)

    def stop(self) -> None:
        """Begin no further operation. What is under way stays open."""
        self._left = 0
        for waiting in self._waiting:
            waiting.clear()

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

    def _on_free(self, worker: int) -> None:
        self._busy[worker] = False
        if self._waiting[worker]:
            self._begin_next(worker)
