"""broadcast and g-set: a set that only grows.

Theory of operation. An element is *known* from the answer to its add, or from the answer to the
first read that has it. What is wrong follows from four comparisons, each made for all elements at
once: a read is an integer with a byte for each element, in the order in which they were first
added, and that byte is 1 if the read has it.

- *lost* is Jepsen's set-full: the element was known, and of the reads in order of invocation the
  last ones lack it.
- *stale*: it was known before a read began that lacks it. Only ``strict`` counts it; a final read
  must have all that is known, so there it is *missing-at-end*.
- *incomparable-reads*: two reads of which each has an element that the other lacks.
- What is left when reads form a chain: operations fall into ranks, as an element is added before
  the smallest read that has it and after the largest that lacks it. The history is linearizable if
  and only if no operation was over before one of a lower rank began. Where one of the two is a
  read, that is *stale* or *phantom*. Where both are adds, a read has the later and lacks the
  earlier element, so it is *stale* as well: it shows a state from before the later add.
"""

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise
from typing import NamedTuple

from vsr_node.checker.history import Call, Event, HistoryError, Json, canonical_text, pair_calls
from vsr_node.checker.judgement import Anomaly, Demands, Judgement
from vsr_node.checker.validity import Validity
from vsr_node.checker.verdict import counted
from vsr_node.checker.workloads.values import ValueKey, keys_of, value_order
from vsr_node.checker.workloads.verdicts import (
    EXAMPLES_MAX,
    anomaly,
    conclude,
    require_functions,
    text_of,
)

NANOSECONDS_PER_MILLISECOND = 1_000_000

QUANTILES = (0, 0.5, 0.95, 0.99, 1)
"""Those of Jepsen."""

LISTED_MAX = 100
"""How many elements the figures list of each kind."""

WORST_STALE_MAX = 8
"""As many as Jepsen lists."""


class Element(NamedTuple):
    """An element that clients added, once as a rule."""

    value: Json
    adds: list[Call]

    @property
    def possible_from(self) -> int | None:
        """The first event after which it may be there; None if all adds of it failed."""
        begun = (add.invocation.index for add in self.adds if add.outcome != "fail")
        return next(begun, None)

    @property
    def acknowledgement(self) -> Event | None:
        """The first answer to an add of it, None if none was acknowledged."""
        answers = [add.completion for add in self.adds if add.completion and add.outcome == "ok"]
        return min(answers, default=None, key=lambda answer: answer.index)


class Read(NamedTuple):
    """A read that was answered."""

    call: Call
    invoked: Event
    completed: Event
    members: int
    """A byte for each element that somebody added."""


class Known(NamedTuple):
    """The event from which on an element is known to be there, and the operation it belongs to."""

    event: Event
    call: Call


def judge_broadcast(events: Sequence[Event], demands: Demands) -> Judgement:
    """Judge a history of ``broadcast`` and ``read``. Raises HistoryError if it makes no sense."""
    del demands
    calls = pair_calls(events)
    require_functions("broadcast", ("broadcast", "read"), calls)
    return _Set(calls, "broadcast").judgement()


def judge_g_set(events: Sequence[Event], demands: Demands) -> Judgement:
    """Judge a history of ``add`` and ``read``. Raises HistoryError if it makes no sense."""
    del demands
    calls = pair_calls(events)
    require_functions("g-set", ("add", "read"), calls)
    return _Set(calls, "add").judgement()


class _Set:
    """The history of one set, and all that follows from it."""

    def __init__(self, calls: Sequence[Call], adding: str) -> None:
        self._calls = calls
        self._elements: list[Element] = []
        self._numbers: dict[ValueKey, int] = {}
        for call in calls:
            if call.invocation.f == adding:
                self._add(call)
        self._begun = [element.adds[0].invocation.index for element in self._elements]
        self._phantoms: dict[ValueKey, Anomaly] = {}
        self._duplicates: list[Anomaly] = []
        self._multiplicities: dict[str, int] = {}
        self._reads = [self._read(call) for call in calls if _is_answered_read(call)]
        self._first_reads = self._find_first_reads()
        self._known = [self._known_of(number) for number in range(len(self._elements))]
        self._last_present, self._last_absent = self._find_last_reads()

    def _add(self, call: Call) -> None:
        value = call.invocation.value
        number = self._numbers.setdefault(keys_of([value])[0], len(self._elements))
        if number == len(self._elements):
            self._elements.append(Element(value, []))
        self._elements[number].adds.append(call)

    def _read(self, call: Call) -> Read:
        completed = call.completion
        assert completed is not None
        values = completed.value
        if not isinstance(values, list):
            raise HistoryError(
                f"event {completed.index}: a read of a set returns a list, not {text_of(values)}",
                completed,
            )
        keys = keys_of(values)
        numbers = [self._numbers[key] for key in keys if key in self._numbers]
        if len(numbers) < len(keys):
            self._note_strangers(call, dict(zip(keys, values, strict=True)))
        if len(set(keys)) < len(keys):
            self._note_duplicates(call, keys, values)
        flags = bytearray(len(self._elements))
        for number in numbers:
            flags[number] = 1
        return Read(call, call.invocation, completed, int.from_bytes(flags, "little"))

    def _note_strangers(self, call: Call, values: dict[ValueKey, Json]) -> None:
        for key, value in values.items():
            if key not in self._numbers and key not in self._phantoms:
                text = f"a read has {text_of(value)}, which nobody added."
                self._phantoms[key] = anomaly("phantom", text, [call], value)

    def _note_duplicates(self, call: Call, keys: list[ValueKey], values: list[Json]) -> None:
        times: dict[ValueKey, int] = {}
        for key in keys:
            times[key] = times.get(key, 0) + 1
        for key, value in zip(keys, values, strict=True):
            count = times.pop(key, 0)
            name = canonical_text(value)
            if count > 1 and name not in self._multiplicities:
                adds = self._elements[self._numbers[key]].adds if key in self._numbers else []
                text = f"a read has {text_of(value)} {count} times."
                self._duplicates.append(anomaly("duplicate", text, [*adds[:2], call], value))
            if count > 1:
                self._multiplicities[name] = max(count, self._multiplicities.get(name, 0))

    # --- When elements were there ---------------------------------------------------------------

    def _find_first_reads(self) -> list[Read | None]:
        """Return for each element the read with it that was answered first.

        A read that was over before the element was added has a phantom, and does not count.
        """
        firsts: list[Read | None] = [None] * len(self._elements)
        unseen = early_unseen = _all(len(self._elements))
        for read in sorted(self._reads, key=lambda read: read.completed.index):
            begun = self._begun_before(read)
            for number in _numbers(read.members & begun & unseen):
                firsts[number] = read
            unseen &= ~(read.members & begun)
            for number in _numbers(read.members & ~begun & early_unseen):
                element = self._elements[number]
                text = f"a read has {text_of(element.value)} before anybody had added it."
                key = keys_of([element.value])[0]
                self._phantoms[key] = anomaly(
                    "phantom", text, [read.call, element.adds[0]], element.value
                )
            early_unseen &= ~(read.members & ~begun)
        return firsts

    def _begun_before(self, read: Read) -> int:
        """Return the elements that somebody had begun to add before the read was answered."""
        return _all(bisect_left(self._begun, read.completed.index))

    def _known_of(self, number: int) -> Known | None:
        """Return what makes an element known first; None if nothing does."""
        element = self._elements[number]
        known = []
        if (answer := element.acknowledgement) is not None:
            known += [Known(answer, add) for add in element.adds if add.completion is answer]
        if (read := self._first_reads[number]) is not None:
            known.append(Known(read.completed, read.call))
        return min(known, default=None, key=lambda each: each.event.index)

    def _find_last_reads(self) -> tuple[list[Read | None], list[Read | None]]:
        """Return for each element the read that was asked for last with it, and without it."""
        present: list[Read | None] = [None] * len(self._elements)
        absent: list[Read | None] = [None] * len(self._elements)
        without_present = without_absent = _all(len(self._elements))
        for read in sorted(self._reads, key=lambda read: -read.invoked.index):
            begun = self._begun_before(read)
            for number in _numbers(read.members & begun & without_present):
                present[number] = read
            for number in _numbers(begun & ~read.members & without_absent):
                absent[number] = read
            without_present &= ~(read.members & begun)
            without_absent &= ~(begun & ~read.members)
        return present, absent

    # --- Verdicts -------------------------------------------------------------------------------

    def judgement(self) -> Judgement:
        """Return the verdicts."""
        stable = [number for number in range(len(self._elements)) if self._is_stable(number)]
        lost = [number for number in range(len(self._elements)) if self._is_lost(number)]
        unknown = ""
        if not stable:
            unknown = "no element is in the reads that began last, so nothing is known to last"
        return conclude(
            self._calls,
            [
                *(self._lost(number) for number in lost[:EXAMPLES_MAX]),
                *self._duplicates[:EXAMPLES_MAX],
                *list(self._phantoms.values())[:EXAMPLES_MAX],
                *self._aborted_reads(),
                *self._lacking("missing-at-end", self._final_reads()),
            ],
            as_maelstrom=Validity.INVALID if lost else Validity.of(True if stable else None),
            extra=[
                *self._lacking("stale", self._reads),
                *self._incomparable_reads(),
            ],
            unknown=unknown,
            figures=self._figures(stable, lost),
        )

    def _is_stable(self, number: int) -> bool:
        present, absent = self._last_present[number], self._last_absent[number]
        if present is None:
            return False
        return absent is None or absent.invoked.index < present.invoked.index

    def _is_lost(self, number: int) -> bool:
        known, absent = self._known[number], self._last_absent[number]
        if known is None or absent is None or self._is_stable(number):
            return False
        return known.event.index < absent.invoked.index

    def _final_reads(self) -> list[Read]:
        return [read for read in self._reads if read.call.is_final]

    def _lost(self, number: int) -> Anomaly:
        element, known, absent = self._elements[number], self._known[number], self._last_absent
        assert known is not None
        present = self._last_present[number]
        text = f"{text_of(element.value)} {_was_known(known)}, and the last read lacks it."
        calls = [known.call, *(read.call for read in (present, absent[number]) if read)]
        return anomaly("lost", text, [element.adds[0], *calls], element.value)

    def _aborted_reads(self) -> Iterator[Anomaly]:
        """Yield reads of elements of which each add that can have been done failed."""
        found = 0
        for element, read in zip(self._elements, self._first_reads, strict=True):
            if read is None or found == EXAMPLES_MAX:
                continue
            possible_from = element.possible_from
            if possible_from is None or possible_from > read.completed.index:
                found += 1
                text = f"a read has {text_of(element.value)}, and adding it failed for certain."
                yield anomaly("aborted-read", text, [element.adds[0], read.call], element.value)

    def _lacking(self, name: str, reads: Iterable[Read]) -> Iterator[Anomaly]:
        """Yield the first reads that lack an element that was known before they began."""
        in_order = sorted(
            (known.event.index, number) for number, known in enumerate(self._known) if known
        )
        flags = bytearray(len(self._elements))
        next_known = found = 0
        for read in sorted(reads, key=lambda read: read.invoked.index):
            while next_known < len(in_order) and in_order[next_known][0] < read.invoked.index:
                flags[in_order[next_known][1]] = 1
                next_known += 1
            lacked = int.from_bytes(flags, "little") & ~read.members
            if lacked and found < EXAMPLES_MAX:
                found += 1
                yield self._lacking_read(name, read, lacked)

    def _lacking_read(self, name: str, read: Read, lacked: int) -> Anomaly:
        first = next(_numbers(lacked))
        element, known = self._elements[first], self._known[first]
        assert known is not None
        others = lacked.bit_count() - 1
        more = f", and {counted(others, 'more element')} known by then" if others else ""
        which = "a final read" if name == "missing-at-end" else "a read"
        text = (
            f"{text_of(element.value)} {_was_known(known)} at event {known.event.index}; "
            f"{which} that began after that, at event {read.invoked.index}, lacks it{more}."
        )
        return anomaly(name, text, [element.adds[0], known.call, read.call], element.value)

    def _incomparable_reads(self) -> Iterator[Anomaly]:
        """Yield two reads that no order can explain; and if there are none, what is left."""
        distinct = {read.members: read for read in self._reads}
        chain = [distinct[members] for members in sorted(distinct, key=int.bit_count)]
        for smaller, larger in pairwise(chain):
            alone = smaller.members & ~larger.members
            if alone:
                yield self._incomparable(smaller, alone, larger)
                return
        yield from self._adds_in_the_wrong_order(chain)

    def _incomparable(self, one: Read, alone: int, other: Read) -> Anomaly:
        in_one = self._elements[next(_numbers(alone))].value
        in_other = self._elements[next(_numbers(other.members & ~one.members))].value
        text = (
            f"one read has {text_of(in_one)} and lacks {text_of(in_other)}, another has "
            f"{text_of(in_other)} and lacks {text_of(in_one)}, so neither can come first."
        )
        return anomaly("incomparable-reads", text, [one.call, other.call], in_one)

    def _adds_in_the_wrong_order(self, chain: list[Read]) -> Iterator[Anomaly]:
        """Yield a read that has an element and lacks one acknowledged before that was asked for.

        ``chain`` are reads of which each has all that the one before it has.
        """
        ranks = self._ranks(chain)
        acknowledged = sorted(
            (answer.index, number)
            for number, element in enumerate(self._elements)
            if (answer := element.acknowledgement) is not None
        )
        highest: int | None = None
        next_answer = 0
        for number, element in sorted(
            enumerate(self._elements), key=lambda each: each[1].possible_from or 0
        ):
            begun = element.possible_from
            if begun is None:
                continue
            while next_answer < len(acknowledged) and acknowledged[next_answer][0] < begun:
                other = acknowledged[next_answer][1]
                highest = other if highest is None or ranks[other] > ranks[highest] else highest
                next_answer += 1
            if highest is not None and ranks[highest] > ranks[number]:
                yield from self._older_than_its_element(highest, number, chain[ranks[number]])
                return

    def _ranks(self, chain: list[Read]) -> list[int]:
        """Return for each element the place of the first read with it; their number if none has."""
        ranks = [len(chain)] * len(self._elements)
        before = 0
        for place, read in enumerate(chain):
            for number in _numbers(read.members & ~before):
                ranks[number] = place
            before = read.members
        return ranks

    def _older_than_its_element(self, earlier: int, later: int, read: Read) -> Iterator[Anomaly]:
        first, second = self._elements[earlier], self._elements[later]
        answer = first.acknowledgement
        assert answer is not None
        adds = [add for add in first.adds if add.completion is answer]
        text = (
            f"a read has {text_of(second.value)} and lacks {text_of(first.value)}, which was "
            f"acknowledged at event {answer.index}, before {text_of(second.value)} was asked for "
            f"at event {second.possible_from}: no order of the three fits."
        )
        for name in ("stale", "not-linearizable"):
            yield anomaly(name, text, [*adds, second.adds[0], read.call], first.value)

    # --- Figures --------------------------------------------------------------------------------

    def _figures(self, stable: list[int], lost: list[int]) -> dict[str, Json]:
        latencies = {number: self._latency_ms(number, self._last_absent) for number in stable}
        stale = [number for number in stable if latencies[number]]
        worst = sorted(stale, key=lambda number: -latencies[number])[:WORST_STALE_MAX]
        settled = {*stable, *lost}
        never = [number for number in range(len(self._elements)) if number not in settled]
        figures: dict[str, Json] = {
            "attempt-count": len(self._elements),
            "stable-count": len(stable),
            "lost-count": len(lost),
            "lost": self._values(lost),
            "never-read-count": len(never),
            "never-read": self._values(never),
            "stale-count": len(stale),
            "stale": self._values(stale),
            "worst-stale": [
                {"element": self._elements[number].value, "stable-latency": latencies[number]}
                for number in worst
            ],
            "duplicated-count": len(self._multiplicities),
            "duplicated": dict(list(self._multiplicities.items())[:LISTED_MAX]),
        }
        if stable:
            figures["stable-latencies"] = _quantiles(list(latencies.values()))
        if lost:
            lost_latencies = [self._latency_ms(number, self._last_present) for number in lost]
            figures["lost-latencies"] = _quantiles(lost_latencies)
        return figures

    def _latency_ms(self, number: int, last: list[Read | None]) -> int:
        """Return the whole milliseconds from when an element was known to its last such read."""
        known, read = self._known[number], last[number]
        if known is None or read is None:
            return 0
        latency_ns = read.invoked.time + 1 - known.event.time
        return max(0, latency_ns) // NANOSECONDS_PER_MILLISECOND

    def _values(self, numbers: list[int]) -> Json:
        """Return the elements with these numbers, as a list in their order, not too long."""
        values = [self._elements[number].value for number in numbers]
        return sorted(values, key=value_order)[:LISTED_MAX]


def _is_answered_read(call: Call) -> bool:
    return call.invocation.f == "read" and call.outcome == "ok"


def _was_known(known: Known) -> str:
    return "was read" if known.call.invocation.f == "read" else "was acknowledged"


def _all(count: int) -> int:
    """Return the set of the first ``count`` elements."""
    return int.from_bytes(b"\1" * count, "little")


def _numbers(members: int) -> Iterator[int]:
    """Yield the numbers of the elements in a set, in rising order."""
    flags = members.to_bytes((members.bit_length() + 7) // 8, "little")
    place = flags.find(1)
    while place >= 0:
        yield place
        place = flags.find(1, place + 1)


def _quantiles(values: list[int]) -> dict[str, Json]:
    in_order = sorted(values)
    last = len(in_order) - 1
    return {f"{each:g}": in_order[min(last, int(len(in_order) * each))] for each in QUANTILES}
