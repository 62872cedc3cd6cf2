"""The self-test: the bench finds each broken node broken, and the honest one honest.

The table has, for each lie, the check that caught it, under which fault, and after how many
operations. A single run may miss a hard one, so each of those is hunted.
"""

import tempfile
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from vsr_node.bench.nodes.loop import NANOSECONDS_PER_SECOND
from vsr_node.bench.running.repeating import violation_event
from vsr_node.bench.running.runner import Outcome
from vsr_node.bench.stored.results import Results
from vsr_node.bench.workloads import DEFAULT, WORKLOADS
from vsr_node.bench.workshop.broken_nodes import (
    BROKEN_NODES,
    BROKEN_PREFIX,
    HARD_NODES,
    HONEST,
    HONEST_ALL,
    HONEST_RAFT,
    OTHER_NODES,
    BrokenNode,
)
from vsr_node.checker.history import NEMESIS, Event
from vsr_node.checker.validity import Validity

RunTest = Callable[[Sequence[str]], Outcome]
"""Runs the test of a command line."""

HEAD = ("node", "workload", "its lie", "verdict", "caught by", "under", "operations", "seconds")

NO_LIE = "none: it must be found valid"

HONEST_NODE = BrokenNode(
    HONEST,
    NO_LIE,
    next(node for node in BROKEN_NODES if node.name == "two-primaries").found_by,
)

HONEST_OTHER_NODES = tuple(
    BrokenNode(
        HONEST_ALL,
        NO_LIE,
        next(node for node in OTHER_NODES if node.name == "tells-once").found_by,
        workload,
    )
    for workload in WORKLOADS
    if workload != DEFAULT
)

HONEST_HARD_NODE = BrokenNode(
    HONEST_RAFT,
    NO_LIE,
    next(node for node in HARD_NODES if node.name == "raft-late-log").found_by,
)

NODES = (HONEST_NODE, *BROKEN_NODES, *HONEST_OTHER_NODES, *OTHER_NODES)
"""Those of which a single run finds each broken one."""


class Row(NamedTuple):
    """The result for one node."""

    node: BrokenNode
    valid: Validity
    caught_by: str
    under: str
    operations: int | None
    """How many began before the violation; None without one."""
    seconds: float | None
    """How long it took until the violation; None without one."""

    @property
    def as_it_should(self) -> bool:
        """Whether the verdict is right, and names what it must name."""
        if self.node.lie == NO_LIE:
            return self.valid is Validity.VALID
        is_named = not self.node.anomalies or self.caught_by in self.node.anomalies
        return self.valid is Validity.INVALID and is_named

    def cells(self) -> tuple[str, ...]:
        """Return the row as texts, in the order of ``HEAD``."""
        verdict = self.valid.word + ("" if self.as_it_should else " (WRONG)")
        operations = "" if self.operations is None else str(self.operations)
        seconds = "" if self.seconds is None else f"{self.seconds:.1f}"
        found = (verdict, self.caught_by, self.under, operations, seconds)
        return (self.node.name, self.node.workload, self.node.lie, *found)


def rows(nodes: Sequence[BrokenNode], run_test: RunTest, seed: int) -> Iterator[Row]:
    """Yield the result for each node in turn."""
    for node in nodes:
        with tempfile.TemporaryDirectory(prefix="bench-self-test-") as folder:
            words = ("test", "-w", node.workload, "--bin", BROKEN_PREFIX + node.name)
            outcome = run_test((*words, "--seed", str(seed), "--store", folder, *node.found_by))
            yield row_of(node, outcome.results, outcome.events)


def row_of(node: BrokenNode, results: Results, events: Sequence[Event]) -> Row:
    """Return the result for a node from its run."""
    is_invalid = results.valid is Validity.INVALID
    caught_by = _check_of(node, results) if is_invalid else ""
    end = violation_event(results, events) if is_invalid else None
    if end is None:
        return Row(node, results.valid, caught_by, _network_of(results), None, None)
    before = [event for event in events if event.index < end.index]
    return Row(
        node=node,
        valid=results.valid,
        caught_by=caught_by,
        under=_fault_of(before) or _network_of(results),
        operations=sum(event.type == "invoke" for event in before),
        seconds=(end.time - events[0].time) / NANOSECONDS_PER_SECOND,
    )


def _check_of(node: BrokenNode, results: Results) -> str:
    """Return what found a violation: the anomaly by its name, the node's own if it was named."""
    if results.anomalies:
        own = (name for name in results.anomalies if name in node.anomalies)
        return next(own, results.anomalies[0])
    return "linearizability" if results.workload.violations else "protocol"


def _fault_of(before: Sequence[Event]) -> str:
    """Return the last fault that had begun, and whether it was over; empty if there was none."""
    faults = [event for event in before if event.process == NEMESIS]
    begun = [event for event in faults if isinstance(event.value, dict)]
    if not begun:
        return ""
    fault = begun[-1]
    assert isinstance(fault.value, dict)
    over = "" if fault is faults[-1] else ", just over"
    return f"{fault.f.removeprefix('start-')} ({fault.value['kind']}{over})"


def _network_of(results: Results) -> str:
    test = results.test
    parts = [*test.nemeses]
    if test.duplication:
        parts.append("repeated messages")
    if test.loss:
        parts.append("lost messages")
    if test.latency_ms:
        parts.append(f"latency {test.latency_ms:g} ms")
    return ", ".join(parts) or "no fault"


def table_line(cells: Sequence[str]) -> str:
    """Return a line of the table."""
    return "  ".join(cell.ljust(width) for cell, width in zip(cells, WIDTHS, strict=True)).rstrip()


WIDTHS = (
    max(len(node.name) for node in (*NODES, *HARD_NODES)),
    max(map(len, WORKLOADS)),
    max(len(node.lie) for node in (*NODES, *HARD_NODES)),
    len("invalid"),
    max(len(name) for node in NODES for name in ("linearizability", *node.anomalies)),
    len("partition (minority-third, just over)"),
    len("operations"),
    len("seconds"),
)
