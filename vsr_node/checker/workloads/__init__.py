"""Judges of Maelstrom's workloads, a file for each kind of object."""

from collections.abc import Callable, Sequence
from typing import TypeAlias

from vsr_node.checker.history import Event
from vsr_node.checker.judgement import Demands, Judgement
from vsr_node.checker.transactions import judge_list_append, judge_rw_register
from vsr_node.checker.workloads import counters, echo, lin_kv, logs, sets, unique_ids

Judge: TypeAlias = Callable[[Sequence[Event], Demands], Judgement]

JUDGES: dict[str, Judge] = {
    "broadcast": sets.judge_broadcast,
    "echo": echo.judge,
    "g-counter": counters.judge,
    "g-set": sets.judge_g_set,
    "kafka": logs.judge,
    "lin-kv": lin_kv.judge,
    "pn-counter": counters.judge,
    "txn-list-append": judge_list_append,
    "txn-rw-register": judge_rw_register,
    "unique-ids": unique_ids.judge,
}
"""The judge of each workload, by Maelstrom's name of it."""

_NO_DEMANDS = Demands()


def judge(workload: str, events: Sequence[Event], demands: Demands = _NO_DEMANDS) -> Judgement:
    """Judge a history of a workload, a key of ``JUDGES``.

    Raises HistoryError if the history makes no sense or is not of this workload.
    """
    return JUDGES[workload](events, demands)
