"""unique-ids: every request gets another id."""

from vsr_node.bench.workloads.workload import Function, Operation, Workload


class UniqueIds(Workload):
    """The workload."""

    name = "unique-ids"
    document = "workloads.md, Workload: Unique-ids"
    functions = (Function("generate", "ask for an id", reply_field="id"),)

    def next_operation(self, thread: int) -> Operation:
        """Return a request for an id."""
        del thread
        return Operation("generate", None, None)
