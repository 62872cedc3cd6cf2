"""echo: each request comes back as it was sent."""

from collections.abc import Sequence
from random import Random
from typing import Any

from vsr_node.bench.nodes.clients import require_fields
from vsr_node.bench.workloads.workload import Culprit, Operation, WorkloadVerdict
from vsr_node.checker import Bounds
from vsr_node.checker.history import Event
from vsr_node.checker.validity import Validity

WRONG_ECHOES_SHOWN = 10
ECHO_FIELDS = frozenset({"echo"})


class Echo:
    """The workload."""

    name = "echo"
    idempotent: frozenset[str] = frozenset()

    def __init__(self, node_count: int, concurrency: int, random: Random) -> None:
        del node_count, concurrency  # All threads do the same.
        self._random = random

    @staticmethod
    def threads_per_group(node_count: int) -> int:
        """Any number of threads will do."""
        del node_count
        return 1

    def next_operation(self, thread: int) -> Operation:
        """Return a text to be echoed."""
        del thread
        return Operation("echo", None, f"Please echo {self._random.randrange(128)}")

    def on_new_process(self, thread: int) -> None:
        """Nothing depends on it."""

    def request(self, operation: Operation) -> dict[str, Any]:
        """Return Maelstrom's echo."""
        return {"type": "echo", "echo": operation.value}

    def result(self, operation: Operation, body: dict[str, Any]) -> Any:
        """Return what came back."""
        del operation
        require_fields(body, "echo_ok", ECHO_FIELDS)
        return body["echo"]

    def judge(self, events: Sequence[Event], bounds: Bounds) -> WorkloadVerdict:
        """Compare what came back with what was sent."""
        del bounds  # That takes no time to speak of.
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
