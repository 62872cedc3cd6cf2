"""Explains why a history is not linearizable: for each violation the smallest part that fails.

``explain`` finds it, ``KeyViolation.lines`` describes it. Messages and faults of that time are
described elsewhere: a history does not contain them.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from time import monotonic

from vsr_node.checker.history import Event, Json, Operation, canonical_text
from vsr_node.checker.minimal import Change, FailingPart, Remedy, smallest_failing_part
from vsr_node.checker.models import Model, State
from vsr_node.checker.verdict import (
    TEXT_SHOWN_MAX,
    DeadEnd,
    KeyVerdict,
    Verdict,
    clipped,
    counted,
)

EXPLAINED_KEYS_MAX = 3
"""How many invalid keys are explained: each further one would take as much time."""

OPERATIONS_SHOWN_MAX = 10
CANDIDATES_SHOWN_MAX = 8
ORDER_SHOWN_MAX = 6
NANOSECONDS_PER_SECOND = 1_000_000_000

_CHANGES = {
    Change.HAPPENED: "if {}, which failed, had happened nevertheless",
    Change.LOST: "if {}, which was acknowledged, had not happened",
    Change.LOST_ALL: "if all that was acknowledged from {} had not happened: lost",
    Change.STALE: "if {} could show an earlier state: a stale read",
    Change.REPEATED: "if {} had happened once more, later",
}


@dataclass(frozen=True, slots=True)
class Candidate:
    """An operation that could come next by the order of time, and why it can't."""

    text: str
    obstacle: str


@dataclass(frozen=True, slots=True)
class KeyViolation:
    """An invalid key, explained."""

    model: Model
    key: KeyVerdict
    part: FailingPart
    events: Mapping[int, Event]
    """The events of its operations, by index."""

    def lines(self) -> Iterator[str]:
        """Yield the explanation as lines of text: a screen, however long the history is."""
        yield self.headline()
        early, shown = self.shown_operations()
        if early:
            yield f"    {early}"
        for operation in shown:
            yield f"    {self.in_a_line(operation)}"
        yield from _wrapped(self.minimality())
        for end in self.part.dead_ends[:1]:
            yield f"  {self.ending(end)}"
            for candidate in self.candidates(end):
                yield f"    {candidate.text}: {candidate.obstacle}"
        if len(self.part.dead_ends) > 1:
            others = ", or ".join(map(self.state_after, self.part.dead_ends[1:]))
            yield f"  Other orders end as badly, where {others}."
        if self.part.remedies:
            yield "  It would have an order"
            for number, remedy in enumerate(self.remedies()):
                yield f"    {'or ' if number else ''}{remedy}"
        yield f"  {self.prefix()}"

    def headline(self) -> str:
        """Return the contradiction in a sentence."""
        count = len(self.part.operations)
        at = self.moment(self.part.culprit.completed)
        if count == 1:
            return f"{name_of(self.key.key)}, {at}: this can't have happened as it was told:"
        return (
            f"{name_of(self.key.key)}, {at}: "
            f"these {count} operations can't all have happened as they were told:"
        )

    def shown_operations(self) -> tuple[str, Sequence[Operation]]:
        """Return a summary of the earlier operations of a long part (or ""), and the later ones."""
        operations = self.part.operations
        if len(operations) <= OPERATIONS_SHOWN_MAX:
            return "", operations
        early = operations[:-OPERATIONS_SHOWN_MAX]
        summary = _tallied([self.describe(operation) for operation in early])
        last = max(operation.completed or 0 for operation in early)
        return f"{len(early)} that were over {self.moment(last)}: {summary}", operations[
            len(early) :
        ]

    def minimality(self) -> str:
        """Describe in which sense the part is the smallest."""
        part = self.part
        if part.minimal:
            which = "any one of them" if len(part.operations) > 1 else "it"
            text = f"Without {which} there is an order."
        else:
            text = "Time ran out before this was known to be the smallest such part."
        others = []
        if part.left_out_count:
            others.append(f"{counted(part.left_out_count, 'read')} left out")
        if part.unsure:
            others.append(f"{counted(len(part.unsure), 'operation')} counted as of unknown outcome")
        return f"{text} (Everything else: {', '.join(others)}.)" if others else text

    def ending(self, end: DeadEnd) -> str:
        """Describe an order that goes as far as any, and the state after it."""
        order = end.linearization
        state = self.state_after(end)
        if not order:
            return f"At first {state}, and nothing can come next:"
        shown = ", ".join(self.brief(operation) for operation in order[-ORDER_SHOWN_MAX:])
        dots = "... " if len(order) > ORDER_SHOWN_MAX else ""
        return f"After {dots}{shown}, {state}, and nothing can come next:"

    def state_after(self, end: DeadEnd) -> str:
        """Describe the state that an order ends with."""
        return clipped(self.model.describe_state(end.state))

    def candidates(self, end: DeadEnd) -> list[Candidate]:
        """Return the operations that could come next by their times, and why none can.

        Operations of unknown outcome are grouped: those that fit, and those that do not.
        """
        found: list[Candidate] = []
        unsure: dict[str, list[str]] = {}
        for operation in end.candidates:
            if operation.completed is not None:
                obstacle = self._obstacle(end.state, operation)
                found.append(Candidate(self.brief(operation), obstacle))
                continue
            fits, _ = self.model.apply(end.state, operation)
            obstacle = self._in_vain() if fits else "does not fit"
            unsure.setdefault(obstacle, []).append(self.describe(operation))
        del found[CANDIDATES_SHOWN_MAX:]
        found += [
            Candidate(f"of unknown outcome {_tallied(texts)}", obstacle)
            for obstacle, texts in unsure.items()
        ]
        return found

    def remedies(self) -> Iterator[str]:
        """Yield single changes, each of which would give the history up to the culprit an order.

        Each is compared with what was seen later.
        """
        for remedy in self.part.remedies:
            operation = remedy.operation
            when = self.moment(operation.invoked)
            text = f"{self.describe(operation)} by process {operation.process} {when}"
            if remedy.lost:
                until = self._time(self.part.culprit.invoked)
                count = counted(len(remedy.lost), "operation")
                text = f"{self._time(operation.invoked)} to {until}, {count},"
            yield _CHANGES[remedy.change].format(text) + self._later(remedy)

    def _later(self, remedy: Remedy) -> str:
        """Describe what was seen after the violation and agrees with a remedy, or does not."""
        against = remedy.contradiction
        if against is not None:
            when = self.moment(against.completed)
            return f"; but {self.brief(against)} {when} does not agree"
        if remedy.agreeing_count == 0:
            return ""
        if remedy.agreeing_count == 1:
            return "; what the next operation saw agrees"
        return f"; what the next {remedy.agreeing_count} operations saw agrees"

    def prefix(self) -> str:
        """Describe the longest linearizable prefix."""
        completion = self.part.culprit.completed or 0
        return (
            f"The longest linearizable prefix ends just before event {completion}: "
            f"{counted(self.key.valid_count, 'completed operation')} of this key."
        )

    # --- Words ----------------------------------------------------------------------------------

    def in_a_line(self, operation: Operation) -> str:
        """Describe an operation in a line, with its process and times."""
        call = self.events[operation.invoked]
        node = "" if call.node is None else f"  {call.node}"
        if operation.completed is None:
            when = f"from {self._time(operation.invoked)}, outcome unknown"
        else:
            when = f"{self._time(operation.invoked)} to {self._time(operation.completed)}"
        process = f"process {operation.process}"
        return f"{self.describe(operation):<14}  {process:<11}{node}  {when}"

    def describe(self, operation: Operation) -> str:
        """Describe an operation without its process and times."""
        return clipped(self.model.describe(operation))

    def brief(self, operation: Operation) -> str:
        """Describe an operation with its process, short enough for the middle of a sentence."""
        unsure = "?" if operation.completed is None else ""
        return f"{self.describe(operation)}{unsure} (process {operation.process})"

    def moment(self, event: int | None) -> str:
        """Return the time of an event as part of a sentence; its number if it has no time."""
        time = self.events[event or 0].time
        return f"at event {event}" if not time else f"at {time / NANOSECONDS_PER_SECOND:.3f} s"

    def _time(self, event: int) -> str:
        time = self.events[event].time
        return f"event {event}" if not time else f"{time / NANOSECONDS_PER_SECOND:.3f} s"

    def _obstacle(self, state: State, operation: Operation) -> str:
        fits, _ = self.model.apply(state, operation)
        return self._in_vain() if fits else self.model.obstacle(state, operation)

    def _in_vain(self) -> str:
        return f"fits, but {self.describe(self.part.culprit)} does not fit afterwards either"


def explain(
    verdict: Verdict, events: Iterable[Event], seconds: float = 10.0
) -> tuple[KeyViolation, ...]:
    """Explain a verdict's violations in about ``seconds`` in all; return them, smallest first.

    ``events`` are the judged events.
    """
    events = list(events)
    invalid = [key for key in verdict.keys if key.valid is False][:EXPLAINED_KEYS_MAX]
    by_index = {event.index: event for event in events}
    end = monotonic() + seconds
    violations: list[KeyViolation] = []
    for number, key in enumerate(invalid):
        if key.culprit is None:
            continue
        share = (end - monotonic()) / (len(invalid) - number)
        part = smallest_failing_part(events, verdict.model, key.culprit, max(0.0, share))
        violations.append(KeyViolation(verdict.model, key, part, by_index))
    violations.sort(key=lambda violation: len(violation.part.operations))
    return tuple(violations)


def name_of(key: Json) -> str:
    """Return the name of a key for the beginning of a sentence."""
    return "The register" if key is None else f"Key {clipped(canonical_text(key))}"


def _wrapped(text: str) -> Iterator[str]:
    first, _, rest = text.partition(" (")
    yield f"  {first}"
    if rest:
        yield f"  ({rest}"


def _tallied(texts: Sequence[str]) -> str:
    """Join texts, each with the number of its occurrences."""
    counts: dict[str, int] = {}
    for text in texts:
        counts[text] = counts.get(text, 0) + 1
    tallied = (text if count == 1 else f"{text} (x{count})" for text, count in counts.items())
    return clipped(", ".join(tallied), 2 * TEXT_SHOWN_MAX)
