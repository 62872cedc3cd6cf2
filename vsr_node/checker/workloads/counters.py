"""g-counter and pn-counter: a counter that clients add to.

Maelstrom judges the final reads alone, each by itself: it must be the sum of all acknowledged adds
and of some of those of unknown outcome. ``strict`` asks for linearizability. First each answered
read is compared with the adds that were over before it and those that overlap it, then each two
reads that follow one another with the adds between them; that finds most of what is wrong, and two
reads are easy to follow. A search for an order of all operations decides the rest.
"""

import re
from bisect import bisect_left, bisect_right
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from math import gcd
from typing import NamedTuple

from vsr_node.checker.history import Call, Event, HistoryError, Json, Operation, pair_calls
from vsr_node.checker.judgement import Anomaly, Demands, Judgement
from vsr_node.checker.linearizability import Bounds, check
from vsr_node.checker.minimal import smallest_failing_part
from vsr_node.checker.models import Model, State
from vsr_node.checker.validity import Validity
from vsr_node.checker.verdict import Verdict, counted
from vsr_node.checker.workloads.verdicts import (
    EXAMPLES_MAX,
    anomaly,
    conclude,
    require_functions,
    text_of,
)

SUMS_SPAN_MAX = 10_000_000
"""The most bits of a set of sums: more than any run has, few enough to hold."""

RANGES_LISTED_MAX = 100
"""How many ranges of possible sums the figures list."""

MEMORY_BYTES_MAX = 500_000_000

SUSPECTS_MAX = 100
"""How many adds, the latest ones, are tried as the one that was lost or done twice."""

EXPLANATION_SECONDS = 2.0
"""How long the search for the smallest part that fails may take."""

PROOF_OPERATIONS_MAX = 12
"""How many operations the explanation of a search lists."""


class Sums:
    """All sums of a number and some of these deltas, as a set of bits above the least of them.

    Where they lie too far apart to be held, every number between the least and the greatest that
    differs from the least by a multiple of what divides all deltas counts as possible.
    """

    def __init__(self, base: int, deltas: Sequence[int]) -> None:
        self.least = base + sum(delta for delta in deltas if delta < 0)
        self.greatest = base + sum(delta for delta in deltas if delta > 0)
        self._divisor = gcd(*deltas) or 1
        self.are_exact = (self.greatest - self.least) // self._divisor <= SUMS_SPAN_MAX
        self._bits = 1
        if self.are_exact:
            for delta in deltas:
                # A negative one is in the least sum already: leaving it out adds its amount.
                self._bits |= self._bits << (abs(delta) // self._divisor)

    def __contains__(self, value: Json) -> bool:
        if not isinstance(value, int | float) or isinstance(value, bool):
            return False
        if not self.least <= value <= self.greatest or value != int(value):
            return False
        steps, rest = divmod(int(value) - self.least, self._divisor)
        return rest == 0 and (not self.are_exact or bool(self._bits >> steps & 1))

    def ranges(self) -> Iterator[tuple[int, int]]:
        """Yield the runs of successive sums, each as its least and its greatest."""
        if not self.are_exact:
            yield self.least, self.greatest
            return
        for run in re.finditer("1+", f"{self._bits:b}"[::-1]):
            places = range(run.start(), run.end())
            sums = [self.least + place * self._divisor for place in places]
            yield from (
                [(sums[0], sums[-1])] if self._divisor == 1 else [(each, each) for each in sums]
            )


class CounterModel(Model):
    """A counter, 0 at first, with add and read."""

    name = "counter"
    initial = 0
    functions = ("add", "read")
    read_functions: tuple[str, ...] = ("read",)

    def apply(self, state: State, operation: Operation) -> tuple[bool, State]:
        """See ``Model.apply``."""
        assert isinstance(state, int)
        match operation.f, operation.value:
            case "add", int() as delta:
                return True, state + delta
            case "read", value:
                return value == state, state
        raise self.unknown(operation)

    def describe_state(self, state: State) -> str:
        """Describe the state by its value."""
        return f"the counter is {state}"


class Read(NamedTuple):
    """A read that was answered, and the adds that can matter to it."""

    call: Call
    done: tuple[Call, ...]
    """The latest adds that were over before it began."""
    sum_done: int
    """The sum of all that were over before it began."""
    under_way: tuple[Call, ...]
    """The adds that were not known to be over when it began, and did not fail."""

    @property
    def invoked(self) -> int:
        """The index of its invocation."""
        return self.call.invocation.index

    @property
    def completed(self) -> int:
        """The index of its answer."""
        assert self.call.completion is not None
        return self.call.completion.index

    @property
    def value(self) -> Json:
        """What was read."""
        return _value(self.call)


def judge(events: Sequence[Event], demands: Demands) -> Judgement:
    """Judge a history of ``add`` and ``read``. Raises HistoryError if it makes no sense."""
    calls = pair_calls(events)
    require_functions("a counter", ("add", "read"), calls)
    adds = _possible_adds(calls)
    final_reads = [
        call
        for call in calls
        if call.invocation.f == "read" and call.outcome == "ok" and call.is_final
    ]
    sums = _final_sums(adds, [add for add in adds if add.outcome == "info"])
    wrong = [read for read in final_reads if _value(read) not in sums]
    extra, undecided = _strict(events, calls, adds, demands)
    return conclude(
        calls,
        [_wrong_final_read(read, adds, sums) for read in wrong[:EXAMPLES_MAX]],
        as_maelstrom=_as_maelstrom(final_reads, adds),
        extra=extra,
        strict=Validity.of(None if undecided else True),
        notes=[undecided] if undecided else [],
        figures={
            "errors": [_value(read) for read in wrong],
            "final-reads": [_value(read) for read in final_reads],
            "acceptable": [list(each) for each in islice(sums.ranges(), RANGES_LISTED_MAX)],
        },
    )


def _possible_adds(calls: Sequence[Call]) -> list[Call]:
    """Return the adds that may have happened. Raises HistoryError if one adds no integer."""
    adds = [call for call in calls if call.invocation.f == "add" and call.outcome != "fail"]
    for add in adds:
        _require_integer(add.invocation)
    return adds


def _require_integer(event: Event) -> None:
    if isinstance(event.value, bool) or not isinstance(event.value, int):
        text = text_of(event.value)
        raise HistoryError(f"event {event.index}: add needs an integer, not {text}", event)


def _sum(adds: Iterable[Call]) -> int:
    return sum(map(_delta, adds))


def _delta(add: Call) -> int:
    delta = add.invocation.value
    assert isinstance(delta, int)
    return delta


def _value(read: Call) -> Json:
    assert read.completion is not None
    return read.completion.value


# --- Final reads --------------------------------------------------------------------------------


def _final_sums(adds: Iterable[Call], unsure: Sequence[Call]) -> Sums:
    """Return the sums of all acknowledged adds and some of the unsure ones."""
    done = _sum(add for add in adds if add.outcome == "ok")
    return Sums(done, [_delta(add) for add in unsure])


def _as_maelstrom(final_reads: list[Call], adds: list[Call]) -> Validity:
    """Judge as Maelstrom, which takes no account of adds without an answer of any kind."""
    if any(type(_value(read)) is not int for read in final_reads):
        return Validity.UNKNOWN
    unsure = [add for add in adds if add.completion is not None and add.outcome == "info"]
    sums = _final_sums(adds, unsure)
    return Validity.of(all(_value(read) in sums for read in final_reads))


def _wrong_final_read(read: Call, adds: list[Call], sums: Sums) -> Anomaly:
    acknowledged = [add for add in adds if add.outcome == "ok"]
    unsure = len(adds) - len(acknowledged)
    value = _value(read)
    text = f"a final read is {text_of(value)}; the acknowledged adds make {_sum(acknowledged)}"
    if unsure:
        text += f", and {counted(unsure, 'add')} of unknown outcome can't make up the difference"
    hint, suspects = _suspect(value, acknowledged, sums)
    return anomaly("wrong-final-read", f"{text}.{hint}", [*suspects, read])


def _suspect(value: Json, acknowledged: Sequence[Call], sums: Sums) -> tuple[str, list[Call]]:
    """Describe and return an add that explains a wrong value if it was lost or done twice."""
    if type(value) is int:
        recent = [add for add in acknowledged if _delta(add)][-SUSPECTS_MAX:]
        for sign, remedy in ((1, "had not been done"), (-1, "had been done twice")):
            for add in reversed(recent):
                if value + sign * _delta(add) in sums:
                    return f" It would fit if this add of {_delta(add)} {remedy}.", [add]
    return "", []


# --- Linearizability ----------------------------------------------------------------------------


def _strict(
    events: Sequence[Event], calls: list[Call], adds: list[Call], demands: Demands
) -> tuple[list[Anomaly], str]:
    """Return why the counter is not linearizable, and why that is undecided, "" if it is not."""
    reads = _reads(events, calls)
    for rule in (_impossible_reads, _impossible_steps):
        if found := list(islice(rule(reads, adds), EXAMPLES_MAX)):
            return found, ""
    verdict = check(events, CounterModel(), Bounds(demands.seconds, MEMORY_BYTES_MAX))
    if verdict.valid is False:
        return [_found_by_search(events, calls, verdict)], ""
    if verdict.valid is None:
        return [], f"Whether the counter is linearizable is undecided: {verdict.keys[0].reason}."
    return [], ""


def _reads(events: Sequence[Event], calls: list[Call]) -> list[Read]:
    """Return the answered reads, in order of invocation."""
    begun = {call.invocation.index: call for call in calls}
    ended = {call.completion.index: call for call in calls if call.completion is not None}
    reads: list[Read] = []
    open_adds: dict[int, Call] = {}
    done: deque[Call] = deque(maxlen=SUSPECTS_MAX)
    sum_done = 0
    for event in events:
        if (call := begun.get(event.index)) is not None:
            if event.f == "add" and call.outcome != "fail":
                open_adds[event.index] = call
            elif event.f == "read" and call.outcome == "ok":
                reads.append(Read(call, tuple(done), sum_done, tuple(open_adds.values())))
        elif event.type == "ok" and event.f == "add":
            call = ended[event.index]
            del open_adds[call.invocation.index]
            done.append(call)
            sum_done += _delta(call)
    return reads


def read_sums(events: Sequence[Event]) -> list[tuple[Call, Sums]]:
    """Return each answered read with the sums that it can have seen, by itself."""
    calls = pair_calls(events)
    adds = _possible_adds(calls)
    return [(read.call, sums) for read, _, sums in _bounded(_reads(events, calls), adds)]


def _bounded(reads: list[Read], adds: list[Call]) -> Iterator[tuple[Read, list[Call], Sums]]:
    """Yield each read with the adds that may have come before it, and all possible sums."""
    begun = [add.invocation.index for add in adds]
    for read in reads:
        later = adds[bisect_right(begun, read.invoked) : bisect_left(begun, read.completed)]
        unsure = [*read.under_way, *later]
        yield read, unsure, Sums(read.sum_done, [_delta(add) for add in unsure])


def _impossible_reads(reads: list[Read], adds: list[Call]) -> Iterator[Anomaly]:
    """Yield reads that no choice of the adds that overlap them explains."""
    for read, unsure, sums in _bounded(reads, adds):
        if read.value not in sums:
            text = (
                f"a read is {text_of(read.value)}; the adds that were over before it began make "
                f"{read.sum_done}, and with the {counted(len(unsure), 'other')} that can have "
                f"come before it that is from {sums.least} to {sums.greatest}."
            )
            hint, suspects = _suspect(read.value, read.done, sums)
            yield anomaly("not-linearizable", f"{text}{hint}", [*suspects, read.call])


def _impossible_steps(reads: list[Read], adds: list[Call]) -> Iterator[Anomaly]:
    """Yield two successive reads that no choice of the adds between them explains."""
    begun = [add.invocation.index for add in adds]
    by_completion = sorted(reads, key=lambda read: read.completed)
    completions = [read.completed for read in by_completion]
    for read in reads:
        place = bisect_left(completions, read.invoked)
        if not place:
            continue
        before = by_completion[place - 1]
        later = adds[bisect_right(begun, before.invoked) : bisect_left(begun, read.completed)]
        possible = [*before.under_way, *later]
        certain = [add for add in possible if _is_between(add, before, read)]
        unsure = [add for add in possible if not _is_between(add, before, read)]
        sums = Sums(_sum(certain), [_delta(add) for add in unsure])
        step = _difference(read.value, before.value)
        if step not in sums:
            yield _impossible_step(before, read, step, certain, unsure, sums)


def _is_between(add: Call, before: Read, after: Read) -> bool:
    """Return whether an add was asked for and acknowledged between two reads."""
    return (
        add.invocation.index > before.completed
        and add.outcome == "ok"
        and add.completion is not None
        and add.completion.index < after.invoked
    )


def _difference(value: Json, before: Json) -> Json:
    if isinstance(value, int | float) and isinstance(before, int | float):
        return value - before
    return None


def _impossible_step(
    before: Read,
    after: Read,
    step: Json,
    certain: list[Call],
    unsure: list[Call],
    sums: Sums,
) -> Anomaly:
    text = (
        f"a read is {text_of(before.value)}, and one that began after its answer is "
        f"{text_of(after.value)}; {counted(len(certain), 'add')} between them and "
        f"{counted(len(unsure), 'other')} that can be there change it by {sums.least} to "
        f"{sums.greatest}, not by {text_of(step)}."
    )
    hint, suspects = _suspect(step, certain, sums)
    proof = suspects or unsure[-1:]
    return anomaly("not-linearizable", f"{text}{hint}", [*proof, before.call, after.call])


def _found_by_search(events: Sequence[Event], calls: list[Call], verdict: Verdict) -> Anomaly:
    """Explain what no order explains by the smallest part of the history that fails."""
    culprit = verdict.keys[0].culprit
    assert culprit is not None
    part = smallest_failing_part(events, CounterModel(), culprit, EXPLANATION_SECONDS)
    by_index = {call.invocation.index: call for call in calls}
    proof = [by_index[operation.invoked] for operation in part.operations]
    text = f"no order of these {counted(len(proof), 'operation')} explains them all"
    if part.unsure:
        text += f", even if {counted(len(part.unsure), 'other add')} may come at any time or never"
    return anomaly("not-linearizable", f"{text}.", proof[-PROOF_OPERATIONS_MAX:])
