"""The checker's findings, and their text for people."""

from collections.abc import Iterator
from dataclasses import dataclass

from vsr_node.checker.history import Json, Operation, canonical_text
from vsr_node.checker.models import Model, State

EXPLAINED_KEYS_MAX = 3
"""How many keys are explained; the others get a line each, up to LISTED_KEYS_MAX."""

LISTED_KEYS_MAX = 20
ORDER_SHOWN_MAX = 8
CANDIDATES_SHOWN_MAX = 12
TEXT_SHOWN_MAX = 60


@dataclass(frozen=True, slots=True)
class DeadEnd:
    """An order that explains the history up to the violation, and that no operation can follow."""

    linearization: tuple[Operation, ...]
    state: State
    """The state after it."""
    candidates: tuple[Operation, ...]
    """The operations that could come next by their times, first the one that has to."""


@dataclass(frozen=True, slots=True)
class KeyVerdict:
    """The verdict on one key."""

    key: Json
    valid: bool | None
    """None if a bound was hit first."""
    operation_count: int
    """How many operations happened or may have happened, or have seen something as they failed."""
    completed_count: int
    """How many of them are over, with a known outcome."""
    valid_count: int
    """How many completed operations, in order of completion, are shown to be linearizable. For an
    invalid key no more are: the next one can't be placed."""
    reason: str
    linearization: tuple[Operation, ...]
    """An order that explains the history until just before the next completion."""
    culprit: Operation | None = None
    """For an invalid key, the operation that can't be placed: the next one to complete."""
    dead_ends: tuple[DeadEnd, ...] = ()
    """For an invalid key, the longest orders: one per final state, and not all if many."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """The verdict on a history."""

    model: Model
    keys: tuple[KeyVerdict, ...]

    @property
    def valid(self) -> bool | None:
        """False if a key is invalid, else None if one is undecided, else True."""
        verdicts = [key.valid for key in self.keys]
        if False in verdicts:
            return False
        return None if None in verdicts else True

    def explanation(self) -> str:
        """Return the verdict as text, in several lines if something is wrong."""
        return "\n".join(self._lines())

    def _lines(self) -> Iterator[str]:
        operation_count = sum(key.operation_count for key in self.keys)
        amount = f"{counted(operation_count, 'operation')} on {counted(len(self.keys), 'key')}"
        if self.valid:
            yield f"Linearizable: {amount}."
            return
        invalid = [key for key in self.keys if key.valid is False]
        undecided = [key for key in self.keys if key.valid is None]
        if invalid:
            yield f"Not linearizable: {counted(len(invalid), 'key')} of {amount} in all."
        else:
            yield f"Unknown: {counted(len(undecided), 'key')} undecided of {amount} in all."
        for number, key in enumerate(_listed(invalid)):
            yield f"{_name(key)}: {key.reason}"
            if number < EXPLAINED_KEYS_MAX:
                yield from self._explain(key)
        for key in _listed(undecided):
            yield f"{_name(key)}: {key.reason}"
        left_out = sum(max(0, len(keys) - LISTED_KEYS_MAX) for keys in (invalid, undecided))
        if left_out:
            yield f"... and {counted(left_out, 'more key')}."

    def _explain(self, key: KeyVerdict) -> Iterator[str]:
        end = key.dead_ends[0]
        order = end.linearization
        if order:
            shown = order[-ORDER_SHOWN_MAX:]
            which = f"the last {len(shown)} of {len(order)}" if len(shown) < len(order) else "all"
            yield f"  An order that explains everything before that ({which}):"
            for operation in shown:
                yield f"    {self._in_a_line(operation)}"
        yield f"  Then {self._state(end.state)}, and nothing can come next:"
        for operation in end.candidates[:CANDIDATES_SHOWN_MAX]:
            yield f"    {self._in_a_line(operation)}: {self._obstacle(end.state, operation)}"
        if len(end.candidates) > CANDIDATES_SHOWN_MAX:
            left_out = len(end.candidates) - CANDIDATES_SHOWN_MAX
            yield f"    ... and {counted(left_out, 'more open operation')}"
        if len(key.dead_ends) > 1:
            others = ", or ".join(self._state(other.state) for other in key.dead_ends[1:])
            yield f"  Other orders end as badly, where {others}."

    def _in_a_line(self, operation: Operation) -> str:
        process = f"process {operation.process}"
        what = clipped(self.model.describe(operation))
        return f"{process:<12} {what:<16} ({_events(operation)})"

    def _state(self, state: State) -> str:
        return clipped(self.model.describe_state(state))

    def _obstacle(self, state: State, operation: Operation) -> str:
        fits, _ = self.model.apply(state, operation)
        if fits:
            return "fits, but leads nowhere"
        return self.model.obstacle(state, operation)


def describe_culprit(model: Model, operation: Operation) -> str:
    """Describe the operation that can't be placed in a few words."""
    what = clipped(model.describe(operation))
    return f"{what} by process {operation.process} ({_events(operation)})"


def _events(operation: Operation) -> str:
    if operation.completed is None:
        return f"from event {operation.invoked}, outcome unknown"
    return f"events {operation.invoked} to {operation.completed}"


def clipped(text: str, length: int = TEXT_SHOWN_MAX) -> str:
    """Shorten a long text to its two ends, where values that grow by appending differ."""
    half = length // 2
    return text if len(text) <= length else f"{text[:half]} ... {text[-half:]}"


def _name(key: KeyVerdict) -> str:
    return "The register" if key.key is None else f"Key {canonical_text(key.key)}"


def _listed(keys: list[KeyVerdict]) -> list[KeyVerdict]:
    return keys[:LISTED_KEYS_MAX]


def counted(count: int, noun: str) -> str:
    """Format a number of things: "1 key", "2 keys"."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"
