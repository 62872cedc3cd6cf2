"""A typed machine as the subject of the simulator, and the judge of a run.

The log tells the order, so no search is needed: a fresh machine that executes it must give every
answer that was given. That answers are those of the log, that each call was executed once, and that
reads are fresh, the simulator's invariants see in every run.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Any, Generic

from vsr_node.core.messages import Operation, Parts, Result
from vsr_node.machines.errors import DivergenceError
from vsr_node.machines.host import Host
from vsr_node.machines.typed import M, invariants_of
from vsr_node.simulation.clients import History
from vsr_node.simulation.invariants import Violation
from vsr_node.wire.json_body import Codec

OK = "ok"


class SimulatedMachine(Generic[M]):
    """A host whose operations are ("call", text) or ("read", text), and results ("ok", text)."""

    def __init__(
        self,
        make: Callable[[], M],
        invariant: Callable[[M], object] | None,
        reads: dict[tuple[int, str], str],
    ) -> None:
        self._host = Host(make, check=True)
        self._invariants: list[Callable[[Any], object]] = [*invariants_of(self._host.machine)]
        if invariant is not None:
            self._invariants.append(invariant)
        self._reads = reads

    def apply(self, operation: Any) -> object:
        """Execute an operation, and look at the machine's invariants."""
        _, text = operation
        result = self._host.apply(text)
        for check in self._invariants:
            self._hold(check, text)
        return (OK, result)

    def _hold(self, check: Callable[[Any], object], text: str) -> None:
        machine = self._host.machine
        try:
            holds = check(machine) is not False
        except AssertionError:
            holds = False
        if not holds:
            raise Violation(f"invariant {check.__name__}", f"after {text}: {machine!r}")

    def read(self, operation: Any) -> object:
        """Answer a query, and note the answer for the judge."""
        _, text = operation
        result = self._host.read(text)
        known = self._reads.setdefault((self._host.operation_number, text), result)
        if known != result:
            raise Violation("answers", f"{text} gives {result} here and {known} elsewhere")
        return (OK, result)

    def snapshot(self) -> Parts:
        """Return the state. Raises Violation if it does not come back."""
        try:
            return self._host.snapshot()
        except DivergenceError as error:
            raise Violation("snapshot", str(error)) from None

    def restore(self, parts: Parts) -> None:
        """Take over a state."""
        self._host.restore(parts)
        if self._host.snapshot() != parts:
            raise Violation(
                "snapshot", f"{parts} was restored, and {self._host.snapshot()} came back"
            )


class _Codec:
    """Makes tuples of the lists that JSON has for operations and results. Parts are texts."""

    def decode_operations(self, values: Sequence[Any]) -> Iterable[Operation]:
        """Return operations."""
        return map(tuple, values)

    def decode_result(self, value: Any) -> Result:
        """Return the result of an operation."""
        return tuple(value)

    def decode_part(self, value: object) -> object:
        """Return a part of the machine's snapshot."""
        return value


class TypedSubject(Generic[M]):
    """The subject of one run."""

    codec: Codec = _Codec()

    def __init__(
        self, make: Callable[[], M], invariant: Callable[[M], object] | None = None
    ) -> None:
        self._make = make
        self._invariant = invariant
        # The answers to queries, by how many operations were executed before, and the query.
        self._reads: dict[tuple[int, str], str] = {}
        self.log: list[str] = []
        """The operations that were executed, known when the run was judged."""
        self.results: list[str] = []
        """Their results."""

    def make(self) -> SimulatedMachine[M]:
        """Return a new machine."""
        return SimulatedMachine(self._make, self._invariant, self._reads)

    def model(self) -> None:
        """Return None: the judge alone says which answers are right."""

    def judge(self, _: History, applied: Sequence[tuple[Any, Any]]) -> None:
        """Raise Violation if a fresh machine gives another answer to anything."""
        self.log = [text for (_, (_, text)), _ in applied]
        self.results = [result for _, (_, result) in applied]
        host = Host(self._make)
        reads: dict[int, list[tuple[str, str]]] = {}
        for (number, text), answer in self._reads.items():
            reads.setdefault(number, []).append((text, answer))
        for number, text in enumerate(("", *self.log)):
            if number:
                _compare(number, text, host.apply(text), self.results[number - 1])
            for query, answer in reads.get(number, ()):
                _compare(number, query, host.read(query), answer)


def _compare(number: int, text: str, fresh: str, given: str) -> None:
    if fresh != given:
        raise Violation(
            "answers",
            f"operation {number}, {text}, gave {given}; executed again, the log gives {fresh}",
        )
