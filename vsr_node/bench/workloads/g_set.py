"""g-set: a set that only grows. Elements are 0, 1, 2, ..."""

from vsr_node.bench.workloads.additions import Elements, elements_step
from vsr_node.bench.workloads.workload import Function


class GSet(Elements):
    """The workload."""

    name = "g-set"
    document = "workloads.md, Workload: G-set"
    functions = (
        Function("add", "add an element", ("element",)),
        Function("read", "ask for all elements", reply_field="value", idempotent=True),
    )
    addition = "add"
    doctor_steps = (elements_step("add"),)
    errors_are_info = True
