"""Workloads: what the clients ask, what counts as an answer, and what makes it right.

A workload is one file: a subclass of ``Workload``, with all that the bench needs to know of it.
``WORKLOADS`` lists those that are there by Maelstrom's names; ``NOT_YET`` has the other names.
"""

from vsr_node.bench.workloads.echo import Echo
from vsr_node.bench.workloads.lin_kv import LinKv
from vsr_node.bench.workloads.workload import Workload

__all__ = ["DEFAULT", "NOT_YET", "WORKLOADS", "Workload"]

WORKLOADS: dict[str, type[Workload]] = {each.name: each for each in (LinKv, Echo)}

DEFAULT = LinKv.name
"""The workload of commands without ``--workload``."""

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
