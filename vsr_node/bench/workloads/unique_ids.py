"""unique-ids: every request gets another id."""

from vsr_node.bench.workloads.examiner import Examiner, json_text
from vsr_node.bench.workloads.workload import Function, Operation, Workload

GENERATE = Operation("generate", None, None)
ROUNDS = 3
"""How often the doctor asks each node for an id."""


def ids(examiner: Examiner) -> None:
    """Ask all nodes for ids in turn, and compare them."""
    owners: dict[str, str] = {}
    for name in examiner.names * ROUNDS:
        done = examiner.perform("ids", name, GENERATE)
        if done is None:
            return
        text = json_text(done.value)
        if text in owners:
            wrong = f"{name} made the id {text}, which {owners[text]} had made before"
            examiner.mistake("ids", wrong, "an id that no node makes twice")
            return
        owners[text] = name
    examiner.ok("ids", f"{len(owners)} ids of {len(examiner.names)} nodes differ")


class UniqueIds(Workload):
    """The workload."""

    name = "unique-ids"
    document = "workloads.md, Workload: Unique-ids"
    functions = (Function("generate", "ask for an id", reply_field="id"),)
    doctor_steps = (ids,)

    def next_operation(self, thread: int) -> Operation:
        """Return a request for an id."""
        del thread
        return GENERATE
