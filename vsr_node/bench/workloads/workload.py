"""What a workload is: one file that declares all that the bench needs to know of it."""

import math
from abc import ABC, abstractmethod
from collections.abc import Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any, ClassVar

from vsr_node.bench.nodes.clients import require_fields
from vsr_node.bench.workloads.examiner import Body, Step
from vsr_node.bench.workloads.examiner import Operation as Operation
from vsr_node.bench.workloads.verdict import WorkloadVerdict, verdict_of
from vsr_node.checker import Bounds
from vsr_node.checker.history import Event, HistoryError
from vsr_node.checker.judgement import Demands
from vsr_node.checker.validity import Validity
from vsr_node.checker.workloads import judge

Exchange = Generator[Body, Body, Any]
"""Yields bodies of requests, is sent the bodies of the replies, and returns an ok event's value."""


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
    ends_client: bool = False
    """Whether it only gives its client up, so that it is never ok."""

    def request(self, operation: Operation) -> dict[str, Any]:
        """Return the body of a request, without its msg_id."""
        names = [name for name in self.fields if name != "key"]
        values = [operation.value] if len(names) == 1 else operation.value or []
        fields = {"key": operation.key} | dict(zip(names, values, strict=True))
        return {"type": operation.f} | {name: fields[name] for name in self.fields}


@dataclass(frozen=True, slots=True)
class Parameters:
    """What the command line asks of a workload, under the names of its options."""

    rate: float = 5.0
    """How many operations are to begin in a second."""
    key_count: int = 10
    """How many keys transactions use at a time."""
    max_txn_length: int = 4
    max_writes_per_key: int = 16
    """How often a key is written before another takes its place."""
    topology: str = "grid"
    consistency_models: tuple[str, ...] = ("strict-serializable",)
    strict: bool = False
    """Whether sets and counters must be linearizable, and transactions strictly serializable."""


@dataclass(frozen=True, slots=True)
class Setting:
    """What a workload is made for: the size of the test, and what is asked of it."""

    node_count: int
    concurrency: int
    parameters: Parameters = Parameters()
    thorough: bool = False
    """Whether operations may show more than those that Maelstrom would draw."""


class ClientCrashError(Exception):
    """The client of an operation is given up, and the outcome counts as unknown."""


class Workload(ABC):
    """Makes operations, and reads and judges their outcome."""

    name: ClassVar[str]
    """Maelstrom's name."""
    document: ClassVar[str]
    """The place in Maelstrom's documents that describes it."""
    functions: ClassVar[tuple[Function, ...]]
    """What clients do."""
    first_requests: ClassVar[Mapping[str, str]] = {}
    """The type of the first request of each function whose requests depend on more than its
    operation; it is sent as the operation begins."""
    options: ClassVar[tuple[str, ...]] = ()
    """The fields of ``Parameters``, other than ``rate``, that mean something to it."""
    model: ClassVar[str | None] = None
    """The checker's model by which the report explains a violation; None if there is none."""
    reusable: ClassVar[bool] = True
    """Whether a client goes on after an operation of unknown outcome. If not, a new one does."""
    errors_are_info: ClassVar[bool] = False
    """Whether every error leaves the outcome unknown, definite ones and those of reads, too."""
    follows_faults: ClassVar[bool] = False
    """Whether a thorough run chooses its operations by the faults, see ``move_on``."""
    has_final_phase: ClassVar[bool] = False
    """Whether faults end and each thread does ``final`` operations when the time is up."""
    doctor_steps: ClassVar[tuple[Step, ...]] = ()
    """What the doctor tries. The name of a step's function is its name in the report."""

    def __init__(self, setting: Setting, random: Random) -> None:
        self._random = random
        self.parameters = setting.parameters

    @classmethod
    def function(cls, f: str) -> Function:
        """Return the function of that name."""
        return next(each for each in cls.functions if each.f == f)

    @classmethod
    def requests(cls) -> tuple[Function, ...]:
        """Return all requests that a node must answer. The shell has a command for each."""
        return cls.functions

    @classmethod
    def goals(
        cls, figures: Mapping[str, Any], messages_per_operation: float | None
    ) -> Sequence[str]:
        """Return lines that set figures of a verdict beside the goals of known challenges."""
        del figures, messages_per_operation
        return ()

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

    def set_up(self, nodes: Sequence[str]) -> Sequence[Body]:
        """Return requests that each node gets, from a client of its own, before all others."""
        del nodes
        return ()

    @abstractmethod
    def next_operation(self, thread: int) -> Operation:
        """Return what that thread does next."""

    def final(self, thread: int) -> Iterator[Operation]:
        """Yield what that thread does in the final phase, as long as anything is left to do."""
        del thread
        return iter(())

    def move_on(self) -> Sequence[Operation]:
        """Leave what was changed so far as it is: later operations are about something else.

        Return operations that read all that was changed so far, the newest first.
        """
        return ()

    def on_new_process(self, thread: int) -> None:
        """Take note that the thread goes on as a new process, as its operation is left open."""
        del thread

    def perform(self, thread: int, operation: Operation) -> Exchange:
        """Carry an operation out, which takes one request unless the workload says otherwise.

        Raises WireError if a reply is malformed, ClientCrashError if the client is given up.
        """
        del thread
        body = yield self.request(operation)
        return self.result(operation, body)

    def request(self, operation: Operation) -> Body:
        """Return the body of the operation's request, without its msg_id."""
        return self.function(operation.f).request(operation)

    def result(self, operation: Operation, body: Body) -> Any:
        """Return the value of the ok event for a reply that is not an error.

        Raises WireError if the reply is malformed.
        """
        name = self.function(operation.f).reply_field
        require_fields(body, f"{operation.f}_ok", frozenset(() if name is None else (name,)))
        return operation.value if name is None else body[name]

    def judge(self, events: Sequence[Event], bounds: Bounds) -> WorkloadVerdict:
        """Judge the history within bounds."""
        seconds = math.inf if bounds.seconds is None else bounds.seconds
        demands = Demands(self.parameters.consistency_models, seconds)
        try:
            judgement = judge(self.name, events, demands)
        except HistoryError as error:  # Whatever nodes answer, a run has a verdict.
            return WorkloadVerdict(Validity.UNKNOWN, f"the history can't be judged: {error}")
        return verdict_of(judgement, events, strict=self.parameters.strict)
