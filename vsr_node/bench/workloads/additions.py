"""What broadcast, sets and counters share: additions mixed with reads, and a read at the end."""

from collections.abc import Iterator
from random import Random
from typing import Any, ClassVar

from vsr_node.bench.nodes.mistakes import Kind, WireError
from vsr_node.bench.workloads.examiner import Body
from vsr_node.bench.workloads.workload import DEFAULTS, Operation, Parameters, Workload

READ = Operation("read", None, None)


class Additions(Workload):
    """Additions and reads. In the end each thread reads once."""

    reusable = False
    has_final_phase = True
    options: ClassVar[tuple[str, ...]] = ("strict",)
    answer: ClassVar[type] = list
    """The type of what a read returns."""

    def result(self, operation: Operation, body: Body) -> Any:
        """Return the value of the ok event. Raises WireError if the reply is malformed."""
        value = super().result(operation, body)
        if operation.f == "read" and type(value) is not self.answer:
            name = self.function("read").reply_field
            what = "list" if self.answer is list else "integer"
            detail = f'a malformed reply: "{name}" is no {what}'
            raise WireError(Kind.MALFORMED_REPLY, detail)
        return value

    def final(self, thread: int) -> Iterator[Operation]:
        """Yield one read."""
        del thread
        yield READ._replace(is_final=True)


class Elements(Additions):
    """Half of the operations are reads; the others add 0, 1, 2, ..."""

    addition: ClassVar[str]
    """The function that adds."""

    def __init__(
        self,
        node_count: int,
        concurrency: int,
        random: Random,
        *,
        thorough: bool = False,
        parameters: Parameters = DEFAULTS,
    ) -> None:
        super().__init__(node_count, concurrency, random, thorough=thorough, parameters=parameters)
        self._next_element = 0

    def next_operation(self, thread: int) -> Operation:
        """Return an addition of the next element, or a read."""
        del thread
        if self._random.random() < 0.5:
            return READ
        self._next_element += 1
        return Operation(self.addition, None, self._next_element - 1)
