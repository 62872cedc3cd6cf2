"""Workloads: what the clients ask, what counts as an answer, and what makes it right.

A workload is a small object behind the `Workload` Protocol. `WORKLOADS` maps Maelstrom's names to
those that are there; `NOT_YET` names the others.
"""

from vsr_node.bench.workloads.echo import Echo
from vsr_node.bench.workloads.lin_kv import LinKv
from vsr_node.bench.workloads.workload import Workload

__all__ = ["NOT_YET", "WORKLOADS", "Workload"]

WORKLOADS: dict[str, type[Echo] | type[LinKv]] = {"echo": Echo, "lin-kv": LinKv}
"""Made with the number of nodes, the number of clients and a random stream."""

NOT_YET = (
    "broadcast",
    "g-counter",
    "g-set",
    "kafka",
    "pn-counter",
    "txn-list-append",
    "txn-rw-register",
    "unique-ids",
)
