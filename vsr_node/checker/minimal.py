"""Finds the smallest part of a history that still fails, and single changes that would mend it.

A change is tried on the history up to the operation that can't be placed, and then on what comes
after it: a stale read and a loss look alike at first, and differ in what is read later.

Theory of operation. *Taking an operation away* makes fewer histories wrong: a read is left out; any
other operation is counted as of unknown outcome, so that it may happen at any later time, or never.
An order that explained all operations still explains the rest, so a part that fails still fails
when more is added to it. Hence each operation needs to be decided only once: in a given order of
preference, the shortest run of operations that fails ends with one that is needed (found by
halving), and those after it are not needed.

The part found is minimal: taking away any further operation makes it linearizable. There may be
other parts, even smaller ones. Two orders of preference are tried, and the smaller part is kept.
Both begin with operations that change the state, as fewer reads make the searches much faster; one
prefers old operations, which is fast as few are left with unknown outcomes, the other recent ones.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from enum import Enum
from time import monotonic

from vsr_node.checker.history import (
    Event,
    Operation,
    canonical_text,
    failed_operations,
    pair_operations,
    split_by_key,
)
from vsr_node.checker.models import Model
from vsr_node.checker.search import Search, SearchOutcome
from vsr_node.checker.verdict import DeadEnd

SEARCH_SECONDS_MAX = 1.0
"""The time of one search: a part that stays undecided counts as linearizable."""

SUSPECTS_MAX = 60
"""How many failed operations are tried as the one that happened nevertheless."""

REMEDIES_MAX = 2
"""How many operations are named for each kind of change."""

LOSSES_MAX = 40
"""How many changes back a loss is looked for."""

LATER_MAX = 10
"""How many later operations that saw something are compared with a remedy."""


class Change(Enum):
    """A change to one operation that makes the history linearizable."""

    HAPPENED = "it failed, and happened nevertheless"
    LOST = "it was acknowledged, and did not happen"
    LOST_ALL = "it and all that was acknowledged after it did not happen"
    REPEATED = "it happened once more, later"
    STALE = "it shows a state from before it began"


@dataclass(frozen=True, slots=True)
class Remedy:
    """A change to a single operation that would explain the violation."""

    operation: Operation
    change: Change
    lost: tuple[Operation, ...] = ()
    """All that is lost, with the operation itself; empty for other changes."""
    agreeing_count: int = 0
    """How many of the next operations that saw something agree with it."""
    contradiction: Operation | None = None
    """The first later operation that does not agree; None if none is known."""


Mend = Callable[[Sequence[Operation]], list[Operation]]
"""Changes a history as a remedy says."""


@dataclass(frozen=True, slots=True)
class FailingPart:
    """A part of one key's history that no order explains."""

    operations: tuple[Operation, ...]
    """Operations that can't all have happened as reported, in order of invocation."""
    unsure: tuple[Operation, ...]
    """All other operations that may have had an effect, counted as of unknown outcome."""
    left_out_count: int
    """How many reads are left out."""
    culprit: Operation
    """The operation of the part that completes last. All before it is linearizable."""
    minimal: bool
    """Whether taking away any operation is known to make it linearizable; false if time ran out."""
    dead_ends: tuple[DeadEnd, ...]
    """Where the orders of the part end, the plainest first: one per state, and not all if many."""
    remedies: tuple[Remedy, ...]
    """Single changes that would explain the violation, the likeliest first."""


def smallest_failing_part(
    events: Iterable[Event], model: Model, culprit: Operation, seconds: float
) -> FailingPart:
    """Search about ``seconds`` for the smallest failing part of the culprit's key.

    ``culprit`` is the operation of a KeyVerdict that can't be placed: the history up to its
    completion fails, and the history before it does not.
    """
    events = list(events)
    key = canonical_text(culprit.key)
    operations = split_by_key(pair_operations(events))[key]
    failed = split_by_key(failed_operations(events)).get(key, [])
    return _Part(model, operations, failed, culprit, monotonic() + seconds).find()


class _Part:
    def __init__(
        self,
        model: Model,
        operations: Sequence[Operation],
        failed: Sequence[Operation],
        culprit: Operation,
        end: float,
    ) -> None:
        self._model = model
        self._culprit = culprit
        self._end = end
        completion = culprit.completed or 0
        self._operations = operations
        self._failed = [each for each in failed if each.invoked < completion]
        self._prefix = list(_until(operations, completion))
        """The key's operations until the culprit completes."""

    def find(self) -> FailingPart:
        candidates = [
            operation
            for operation in self._prefix
            if operation.completed is not None and operation != self._culprit
        ]
        recent = sorted(candidates, key=lambda operation: -(operation.completed or 0))
        now, end = monotonic(), self._end
        parts = [
            self._needed(sorted(order, key=self._reads_only), now + share * (end - now))
            for order, share in ((recent[::-1], 0.3), (recent, 0.6))
        ]
        needed, minimal = min(parts[::-1], key=lambda part: (not part[1], len(part[0])))
        remedies = sorted(self._remedies(needed), key=_doubt)
        part = self._taken_away(needed)
        search = self._search(part)
        search.run(lambda: monotonic() >= self._end + SEARCH_SECONDS_MAX)
        return FailingPart(
            operations=tuple(sorted(needed, key=lambda operation: operation.invoked)),
            unsure=tuple(each for each in part if each.completed is None),
            left_out_count=len(self._prefix) - len(part),
            culprit=self._culprit,
            minimal=minimal,
            dead_ends=tuple(sorted(search.dead_ends(), key=_unsure_count)),
            remedies=tuple(remedies),
        )

    def _needed(self, order: list[Operation], end: float) -> tuple[list[Operation], bool]:
        """Return the operations of a part that fails, and whether it is certainly minimal."""
        needed = [self._culprit]
        certain = True
        while order:
            # Find the smallest number of further operations with which it fails.
            low, high = 0, len(order)
            while low < high:
                if monotonic() >= end:
                    return needed + order[:high], False
                middle = (low + high) // 2
                linearizable = self._linearizable(self._taken_away(needed + order[:middle]), end)
                if linearizable is False:
                    high = middle
                else:
                    low = middle + 1
                    certain = certain and linearizable is True
            needed += order[high - 1 : high]
            order = order[: max(0, high - 1)]
        return needed, certain

    def _taken_away(self, needed: Sequence[Operation]) -> list[Operation]:
        """Return the history in which all operations but the needed ones are taken away."""
        kept = {operation.invoked for operation in needed}
        part: list[Operation] = []
        for operation in self._prefix:
            if operation.invoked in kept:
                part.append(operation)
            elif not self._reads_only(operation):
                part.append(operation._replace(completed=None))
        return part

    def _reads_only(self, operation: Operation) -> bool:
        return operation.f in self._model.read_functions

    def _search(self, operations: Sequence[Operation]) -> Search:
        return Search(self._model, operations)

    def _linearizable(self, operations: Sequence[Operation], end: float) -> bool | None:
        limit = min(monotonic() + SEARCH_SECONDS_MAX, end)
        outcome = self._search(operations).run(lambda: monotonic() >= limit)
        if outcome is SearchOutcome.PAUSED:
            return None
        return outcome is SearchOutcome.LINEARIZABLE

    # --- Remedies -------------------------------------------------------------------------------

    def _remedies(self, needed: Sequence[Operation]) -> Iterator[Remedy]:
        found = dict.fromkeys(Change, 0)
        for remedy, mend in self._attempts(needed):
            if monotonic() >= self._end:
                return
            limit = 1 if remedy.lost else REMEDIES_MAX
            if found[remedy.change] < limit and self._mends(mend, self._prefix):
                found[remedy.change] += 1
                yield self._compared(remedy, mend)

    def _mends(self, mend: Mend, operations: Sequence[Operation]) -> bool | None:
        return self._linearizable(mend(operations), self._end)

    def _compared(self, remedy: Remedy, mend: Mend) -> Remedy:
        """Compare a remedy with what was seen after the violation."""
        after = self._culprit.completed or 0
        later = [
            operation
            for operation in self._operations
            if operation.completed is not None
            and operation.completed > after
            and self._saw_something(operation)
        ]
        later.sort(key=lambda operation: operation.completed or 0)
        for count, operation in enumerate(later[:LATER_MAX]):
            mended = self._mends(mend, list(_until(self._operations, operation.completed or 0)))
            if mended is not True:
                contradiction = operation if mended is False else None
                return replace(remedy, agreeing_count=count, contradiction=contradiction)
        return replace(remedy, agreeing_count=min(len(later), LATER_MAX))

    def _saw_something(self, operation: Operation) -> bool:
        return self._reads_only(operation) or self._model.seen(operation) is not None

    def _attempts(self, needed: Sequence[Operation]) -> Iterator[tuple[Remedy, Mend]]:
        """Yield possible remedies, each with the change that it makes to a history."""
        for failed in self._failed[-1 : -1 - SUSPECTS_MAX : -1]:
            if not self._reads_only(failed):
                yield Remedy(failed, Change.HAPPENED), _adding(failed)
        recent = sorted(needed, key=lambda operation: -operation.invoked)
        for operation in recent:
            if self._reads_only(operation):
                yield Remedy(operation, Change.STALE), _moving_to_the_beginning(operation)
            else:
                yield Remedy(operation, Change.LOST), _leaving_out([operation])
        for lost in self._losses():
            yield Remedy(lost[0], Change.LOST_ALL, lost), _leaving_out(lost)
        for operation in recent:
            if not self._reads_only(operation):
                again = operation._replace(completed=None)
                yield Remedy(operation, Change.REPEATED), _adding(again)

    def _losses(self) -> Iterator[tuple[Operation, ...]]:
        """Yield what was acknowledged since a change began, the latest change first.

        A change alone is left out: it is tried as such.
        """
        acknowledged = [
            operation
            for operation in self._prefix
            if operation.completed is not None and operation.completed < self._culprit.invoked
        ]
        changes = [operation for operation in acknowledged if not self._reads_only(operation)]
        for change in changes[-1 : -1 - LOSSES_MAX : -1]:
            since = [each for each in acknowledged if (each.completed or 0) > change.invoked]
            others = [each for each in since if each != change]
            if others:
                yield (change, *others)


def _adding(operation: Operation) -> Mend:
    return lambda operations: _ordered([*operations, operation])


def _leaving_out(lost: Iterable[Operation]) -> Mend:
    gone = {operation.invoked for operation in lost}
    return lambda operations: [each for each in operations if each.invoked not in gone]


def _moving_to_the_beginning(operation: Operation) -> Mend:
    left_out = _leaving_out([operation])
    return lambda operations: [operation._replace(invoked=-1), *left_out(operations)]


def _doubt(remedy: Remedy) -> tuple[bool, int]:
    """Return what sorts remedies: those that nothing later contradicts come first."""
    contradicted = remedy.contradiction is not None
    return contradicted, -remedy.agreeing_count if contradicted else 0


def _until(operations: Iterable[Operation], end: int) -> Iterator[Operation]:
    """Yield the operations invoked before event ``end``; those not complete by then as unknown."""
    for operation in operations:
        if operation.invoked < end:
            completed = operation.completed
            later = completed is None or completed > end
            yield operation._replace(completed=None) if later else operation


def _ordered(operations: Iterable[Operation]) -> list[Operation]:
    return sorted(operations, key=lambda operation: operation.invoked)


def _unsure_count(end: DeadEnd) -> tuple[int, int]:
    unsure = sum(operation.completed is None for operation in end.linearization)
    return unsure, -len(end.linearization)
