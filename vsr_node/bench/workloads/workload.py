"""What the bench asks of a workload."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol

from vsr_node.checker import Bounds
from vsr_node.checker.history import Event
from vsr_node.checker.validity import Validity


class Operation(NamedTuple):
    """What a client is about to do; `value` as in the history."""

    f: str
    key: Any
    value: Any


@dataclass(frozen=True, slots=True)
class Culprit:
    """An operation whose outcome no correct group could show, by the indices of its events."""

    key: Any
    invoked: int
    completed: int


@dataclass(frozen=True, slots=True)
class KeyFigures:
    """What was found about one key."""

    key: Any
    valid: Validity
    operation_count: int
    reason: str


@dataclass(frozen=True, slots=True)
class WorkloadVerdict:
    """What judging a history has found."""

    valid: Validity
    explanation: str
    """For people."""
    violations: tuple[Culprit, ...] = ()
    """In order of completion."""
    keys: tuple[KeyFigures, ...] | None = None
    """None if the workload has no keys that are judged one by one."""
    details: dict[str, Any] = field(default_factory=dict)
    """Further JSON for the results."""


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
