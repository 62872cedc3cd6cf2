"""What broadcast, sets and counters share: additions mixed with reads, and a read at the end."""

from collections import Counter
from collections.abc import Iterator, Sequence
from functools import partial
from random import Random
from typing import Any, ClassVar

from vsr_node.bench.nodes.mistakes import Kind, WireError
from vsr_node.bench.workloads.examiner import Body, Examiner, Step, json_text
from vsr_node.bench.workloads.workload import Operation, Setting, Workload

READ = Operation("read", None, None)


def _excess(elements: Sequence[Any], added: Sequence[int]) -> str:
    """Describe an element that can't be there, now or later; empty if there is none."""
    counts = Counter(map(json_text, elements))
    known = {json_text(element) for element in added}
    for text, count in counts.items():
        if count > 1:
            return f"{text} is there {count} times"
        if text not in known:
            return f"{text} is there, which nobody added"
    return ""


def elements_step(addition: str) -> Step:
    """Return a step that adds an element at each node and waits until all nodes have all."""

    def wrong(added: Sequence[int], elements: Sequence[Any]) -> str:
        missing = [each for each in added if each not in elements]
        return _excess(elements, added) or (f"{missing[0]} is missing" if missing else "")

    def elements(examiner: Examiner) -> None:
        added: list[int] = []
        first = examiner.perform("empty at first", examiner.names[0], READ)
        if first is not None and first.value:
            text = f"{json_text(first.value)} before anything was added"
            examiner.mistake("empty at first", text, "an empty list")
        for name in examiner.names:
            if examiner.perform(addition, name, Operation(addition, None, len(added))) is None:
                return
            added.append(len(added))
            examiner.ok(addition, f"{added[-1]} at {name}")
        for name in examiner.names:
            if not examiner.become(
                f"read at {name}", name, READ, partial(wrong, added), f"all of {added}, each once"
            ):
                return

    return elements


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

    def __init__(self, setting: Setting, random: Random) -> None:
        super().__init__(setting, random)
        self._next_element = 0

    def next_operation(self, thread: int) -> Operation:
        """Return an addition of the next element, or a read."""
        del thread
        if self._random.random() < 0.5:
            return READ
        self._next_element += 1
        return Operation(self.addition, None, self._next_element - 1)
