"""What a workload is: one file that declares all that the bench needs to know of it."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any, ClassVar, NamedTuple

from vsr_node.bench.nodes.clients import require_fields
from vsr_node.bench.workloads.examiner import Step
from vsr_node.checker import Bounds
from vsr_node.checker.history import Event
from vsr_node.checker.validity import Validity


class Operation(NamedTuple):
    """What a client is about to do; ``value`` as in the history."""

    f: str
    key: Any
    value: Any


@dataclass(frozen=True, slots=True)
class Function:
    """A function of a workload, and its request."""

    f: str
    """Its name in history and requests."""
    about: str
    """What it does, for people."""
    fields: tuple[str, ...] = ()
    """The fields of its request. ``key`` is the key of an operation; of the others, one alone is
    its value, and several are its value as a list."""
    reply_field: str | None = None
    """The field of its reply that is the value of the ok event; None if the reply has none."""
    idempotent: bool = False
    """Whether it changes nothing: an operation that goes wrong did not happen."""

    def request(self, operation: Operation) -> dict[str, Any]:
        """Return the body of a request, without its msg_id."""
        names = [name for name in self.fields if name != "key"]
        values = [operation.value] if len(names) == 1 else operation.value or []
        fields = {"key": operation.key} | dict(zip(names, values, strict=True))
        return {"type": operation.f} | {name: fields[name] for name in self.fields}


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


class Workload(ABC):
    """Makes operations, and reads and judges their outcome."""

    name: ClassVar[str]
    """Maelstrom's name."""
    document: ClassVar[str]
    """The place in Maelstrom's documents that describes it."""
    functions: ClassVar[tuple[Function, ...]]
    """What clients ask. The shell has a command for each."""
    model: ClassVar[str | None] = None
    """The checker's model by which the report explains a violation; None if there is none."""
    doctor_steps: ClassVar[tuple[Step, ...]] = ()
    """What the doctor tries. The name of a step's function is its name in the report."""

    def __init__(
        self, node_count: int, concurrency: int, random: Random, *, thorough: bool = False
    ) -> None:
        """``thorough`` allows operations that show more than those that Maelstrom would draw."""
        del node_count, concurrency, thorough  # By default all threads do the same.
        self._random = random

    @classmethod
    def function(cls, f: str) -> Function:
        """Return the function of that name."""
        return next(each for each in cls.functions if each.f == f)

    @staticmethod
    def time_out_s(mean_latency_ms: float) -> float:
        """Return how long a client waits for a reply, as in Maelstrom."""
        del mean_latency_ms
        return 5.0

    @staticmethod
    def threads_per_group(node_count: int) -> int:
        """Return a number of which concurrency must be a multiple."""
        del node_count
        return 1

    @abstractmethod
    def next_operation(self, thread: int) -> Operation:
        """Return what that thread does next."""

    def move_on(self) -> Sequence[Operation]:
        """Leave what was changed so far as it is: later operations are about something else.

        Return operations that read all that was changed so far, the newest first.
        """
        return ()

    def on_new_process(self, thread: int) -> None:
        """Take note that the thread goes on as a new process, as its operation is left open."""
        del thread

    def request(self, operation: Operation) -> dict[str, Any]:
        """Return the body of the operation's request, without its msg_id."""
        return self.function(operation.f).request(operation)

    def result(self, operation: Operation, body: dict[str, Any]) -> Any:
        """Return the value of the ok event for a reply that is not an error.

        Raises WireError if the reply is malformed.
        """
        name = self.function(operation.f).reply_field
        require_fields(body, f"{operation.f}_ok", frozenset(() if name is None else (name,)))
        return operation.value if name is None else body[name]

    @abstractmethod
    def judge(self, events: Sequence[Event], bounds: Bounds) -> WorkloadVerdict:
        """Judge the history within bounds."""
