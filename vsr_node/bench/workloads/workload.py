"""What the bench asks of a workload."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol

from vsr_node.checker import Bounds
from vsr_node.checker.history import Event


class Operation(NamedTuple):
    """What a client is about to do; `value` as in the history."""

    f: str
    key: Any
    value: Any


class Violation(NamedTuple):
    """An operation whose outcome no correct group could show, by the indices of its events."""

    key: Any
    invoked: int
    completed: int


@dataclass(frozen=True, slots=True)
class WorkloadVerdict:
    """`valid` is None when unknown; `details` goes to the results, `explanation` to people.

    `violations` are in order of completion.
    """

    valid: bool | None
    explanation: str
    violations: Sequence[Violation] = ()
    details: dict[str, Any] = field(default_factory=dict)


class Workload(Protocol):
    """Makes operations, and reads and judges their outcome."""

    name: str
    idempotent: frozenset[str]
    """Functions that change nothing: whatever goes wrong, they did not happen."""

    @staticmethod
    def threads_per_group(node_count: int) -> int:
        """Concurrency must be a multiple of this."""

    def next_operation(self, thread: int) -> Operation:
        """Return what that thread does next."""

    def on_new_process(self, thread: int) -> None:
        """Take note that the thread goes on as a new process, as its operation is left open."""

    def request(self, operation: Operation) -> dict[str, Any]:
        """Return the body of the operation's request, without its msg_id."""

    def result(self, operation: Operation, body: dict[str, Any]) -> Any:
        """Return the value of the ok event for a reply that is no error.

        Raises WireError when the reply is malformed.
        """

    def judge(self, events: Sequence[Event], bounds: Bounds) -> WorkloadVerdict:
        """Judge the history within bounds."""
