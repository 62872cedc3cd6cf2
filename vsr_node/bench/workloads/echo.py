"""echo: each request comes back as it was sent."""

from collections.abc import Sequence

from vsr_node.bench.workloads.verdict import Culprit, WorkloadVerdict
from vsr_node.bench.workloads.workload import Function, Operation, Workload
from vsr_node.checker import Bounds
from vsr_node.checker.history import Event
from vsr_node.checker.validity import Validity

WRONG_ECHOES_SHOWN = 10


class Echo(Workload):
    """The workload. The doctor tries an echo on every node, so there is no step here."""

    name = "echo"
    document = "workloads.md, Workload: Echo"
    functions = (Function("echo", "get a text back", ("echo",), reply_field="echo"),)
    follows_faults = True

    def next_operation(self, thread: int) -> Operation:
        """Return a text to be echoed."""
        del thread
        return Operation("echo", None, f"Please echo {self._random.randrange(128)}")

    def judge(self, events: Sequence[Event], bounds: Bounds) -> WorkloadVerdict:
        """Compare what came back with what was sent."""
        del bounds  # This takes hardly any time.
        begun: dict[int | str, Event] = {}
        wrong = []
        culprits = []
        for event in events:
            if event.type == "invoke":
                begun[event.process] = event
            elif event.type == "ok" and event.value != begun[event.process].value:
                wrong.append({"sent": begun[event.process].value, "received": event.value})
                culprits.append(Culprit(None, begun[event.process].index, event.index))
        if not wrong:
            return WorkloadVerdict(Validity.VALID, "every echo came back as it was sent")
        explanation = "\n".join(
            f"sent {pair['sent']!r}, received {pair['received']!r}"
            for pair in wrong[:WRONG_ECHOES_SHOWN]
        )
        return WorkloadVerdict(
            Validity.INVALID,
            f"{len(wrong)} echoes came back changed:\n{explanation}",
            tuple(culprits),
            details={"wrong_count": len(wrong), "wrong": wrong[:WRONG_ECHOES_SHOWN]},
        )
