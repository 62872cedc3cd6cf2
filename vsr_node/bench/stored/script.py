"""A stored run as a script: its operations and faults, each with its time, for repeating the run.

Real processes do not repeat how long they take, and so neither how operations overlap, nor which
message gets which latency, nor which one is lost or repeated. The script sends the same requests to
the same nodes at the same times; a client that is still busy then begins as soon as it can.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import orjson

from vsr_node.bench.faults.plan import Act, act_of
from vsr_node.bench.workloads.workload import Operation
from vsr_node.checker.history import NEMESIS, Event

OPERATIONS = "operations.jsonl"
"""The file with the operations of a run that follows a script."""


class ScriptedOperation(NamedTuple):
    """An operation of client number ``client`` at ``node``, ``at`` nanoseconds after the start."""

    at: int
    client: int
    node: str
    operation: Operation


@dataclass(frozen=True, slots=True)
class Script:
    """Operations and faults in order of time."""

    operations: tuple[ScriptedOperation, ...]
    faults: tuple[Act, ...]


def operations_of(events: Sequence[Event], clients: int, begin: int) -> list[ScriptedOperation]:
    """Return what the clients did; times count from ``begin`` (on the clock of the history)."""
    return [
        ScriptedOperation(
            max(0, event.time - begin),
            int(event.process) % clients,
            event.node or "",
            Operation(event.f, event.key, event.value, event.is_final),
        )
        for event in events
        if event.process != NEMESIS and event.type == "invoke"
    ]


def operation_line(scripted: ScriptedOperation) -> bytes:
    """Return an operation as a line of ``operations.jsonl``."""
    at, client, node, operation = scripted
    return orjson.dumps({"at": at, "client": client, "node": node, **operation.as_json()}) + b"\n"


def load_operations(path: Path) -> list[ScriptedOperation]:
    """Read the operations of a run that follows a script."""
    return [
        ScriptedOperation(
            line["at"],
            line["client"],
            line["node"],
            Operation(line["f"], line["key"], line["value"], line.get("final", False)),
        )
        for line in map(orjson.loads, path.read_bytes().splitlines())
    ]


def load_faults(path: Path) -> list[Act]:
    """Read the schedule of a stored run."""
    return [act_of(orjson.loads(line)) for line in path.read_bytes().splitlines()]
