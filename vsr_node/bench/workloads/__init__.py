"""Workloads: what the clients ask, what counts as an answer, and what makes it right.

A workload is one file: a subclass of ``Workload``, with all that the bench needs to know of it.
``WORKLOADS`` lists them by Maelstrom's names.
"""

from vsr_node.bench.workloads.broadcast import Broadcast
from vsr_node.bench.workloads.counters import GCounter, PnCounter
from vsr_node.bench.workloads.echo import Echo
from vsr_node.bench.workloads.g_set import GSet
from vsr_node.bench.workloads.kafka import Kafka
from vsr_node.bench.workloads.lin_kv import LinKv
from vsr_node.bench.workloads.txn import TxnListAppend, TxnRwRegister
from vsr_node.bench.workloads.unique_ids import UniqueIds
from vsr_node.bench.workloads.workload import Parameters, Setting, Workload

__all__ = ["DEFAULT", "WORKLOADS", "Parameters", "Setting", "Workload"]

WORKLOADS: dict[str, type[Workload]] = {
    each.name: each
    for each in (
        *(Echo, UniqueIds, Broadcast, GSet, GCounter, PnCounter),
        *(LinKv, Kafka, TxnListAppend, TxnRwRegister),
    )
}

DEFAULT = LinKv.name
"""The workload of commands without ``--workload``."""
