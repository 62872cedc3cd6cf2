"""Transactions over registers, which hold what was written last; every value is written once.

A read shows one version, not its history, so the order of versions is known only in part:

- null comes before all others.
- A transaction that reads a version and then writes one wrote a later one.
- Where a process or real time orders transactions: a version that somebody saw or wrote before
  somebody else began to see or write another one is the earlier of the two (after Gibbons & Korach,
  "Testing shared memories", 1997).

Elle 0.2.2, as Maelstrom runs it, knows the first two, and of transactions known to have happened
only.
"""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from math import inf
from typing import NamedTuple

from vsr_node.checker.history import Event
from vsr_node.checker.judgement import Demands, Judgement
from vsr_node.checker.transactions.describe import key_text, seconds_text, value_text
from vsr_node.checker.transactions.findings import Findings, Namer, Reason
from vsr_node.checker.transactions.graph import Graph, Kind, Level
from vsr_node.checker.transactions.saturation import (
    ASSUMED,
    TRANSACTIONS_MAX,
    Found,
    Triple,
    saturate,
)
from vsr_node.checker.transactions.transaction import (
    NULL,
    Outcome,
    Part,
    Token,
    Transaction,
    read_transactions,
    text_of,
    token,
)
from vsr_node.checker.transactions.verdicts import demanded_level, judge
from vsr_node.checker.validity import Validity

WRITE = "w"
WW_KINDS = (Kind.WW, Kind.WW_PROCESS, Kind.WW_REALTIME)


class _Zone(NamedTuple):
    """When a version is known to have been the newest."""

    value: Token
    begins: int
    """The last invocation of a transaction that met it."""
    begun_by: int
    ends: int | None
    """The first completion of one, None if none is known to have completed."""
    ended_by: int
    lasts: float
    """The last completion of one."""


class _Evidence(NamedTuple):
    """Two transactions that show the order of two versions: the first was over in time."""

    first: int
    second: int


@dataclass(slots=True)
class _Key:
    """All that is known of a key."""

    writers: dict[Token, int] = field(default_factory=dict)
    """The transaction that left each value behind, in order of invocation."""
    inner: dict[Token, int] = field(default_factory=dict)
    """The values that the same transaction overwrote."""
    failed: dict[Token, Transaction] = field(default_factory=dict)
    ambiguous: set[Token] = field(default_factory=set)
    """The values that were written more than once, or null if it was written."""
    readers: dict[Token, list[int]] = field(default_factory=dict)
    """The transactions that found each value: read it before they wrote any."""
    reads: dict[Token, list[int]] = field(default_factory=dict)
    """The transactions that read each value at all."""
    before: dict[Token, Token] = field(default_factory=dict)
    """The value that the writer of each value had read before."""
    inferred: dict[tuple[Token, Token], _Evidence] = field(default_factory=dict)
    """Pairs of values in an order that time shows."""


def judge_rw_register(events: Sequence[Event], demands: Demands) -> Judgement:
    """Judge a history of transactions over registers.

    Raises HistoryError if the history makes no sense.
    """
    return judge(_Registers(events, demanded_level(demands)).findings, demands)


class _Registers:
    """The search for what is wrong with a history, and for the order that its values show."""

    def __init__(self, events: Sequence[Event], level: Level) -> None:
        self._all = read_transactions(events, WRITE)
        self._possible = self._all.possible
        self._keys: defaultdict[Token, _Key] = defaultdict(_Key)
        graph = Graph([transaction.span for transaction in self._possible])
        self.findings = Findings(WRITE, self._all, graph, self._reason)
        self.findings.empty_for_maelstrom = Validity.INVALID
        self.findings.find_changed()
        self._note_writes()
        for transaction in self._possible:
            if transaction.outcome is Outcome.OK:
                self._walk(transaction)
        self.findings.find_lost_updates(lambda part: token(part.value))
        for key, known in self._keys.items():
            self._check_reads(key, known)
            self._drop_cyclic_orders(key, known)
            self._link(known)
        unsure = [t.number for t in self._possible if t.outcome is Outcome.INFO]
        self.findings.maelstrom_graph = graph.without(unsure, Level.DATA)
        for known in self._keys.values():
            if level is Level.PROCESS:
                self._infer_from_processes(known)
            self._infer_from_time(known)
        self._assumed: dict[tuple[int, int], Triple] = {}
        self._infer_by_assumption({level, Level.REALTIME})
        self._note_limits()

    # --- Each transaction by itself -----------------------------------------------------------

    def _note_writes(self) -> None:
        for transaction in self._possible:
            last: dict[Token, Token] = {}
            for part in transaction.parts:
                if part.is_read:
                    continue
                known, value = self._keys[part.key], token(part.value)
                if value in known.writers or value in known.inner or value == NULL:
                    known.ambiguous.add(value)
                if part.key in last:
                    known.inner[last[part.key]] = transaction.number
                    known.writers.pop(last[part.key], None)
                known.writers[value] = transaction.number
                last[part.key] = value
        for transaction in self._all.failed:
            for part in transaction.parts:
                known, value = self._keys[part.key], token(part.value)
                if value in known.writers or value in known.inner or value in known.failed:
                    known.ambiguous.add(value)
                known.failed[value] = transaction

    def _walk(self, transaction: Transaction) -> None:
        """Hold reads against the transaction's own operations, and note what it found."""
        state: dict[Token, Part] = {}
        for part in transaction.parts:
            before = state.get(part.key)
            state[part.key] = part
            if part.is_read:
                known, value = self._keys[part.key], token(part.value)
                _note_once(known.reads.setdefault(value, []), transaction.number)
                if before is None:
                    known.readers.setdefault(value, []).append(transaction.number)
                elif token(before.value) != value:
                    self._add_internal(transaction, before, part)
        found = _found(transaction)
        for key, value in _left(transaction).items():
            if key in found:
                self._note_order(transaction, key, found[key], value)

    def _note_order(self, transaction: Transaction, key: Token, read: Token, value: Token) -> None:
        """Note that the transaction read one version of a key and then left another."""
        known = self._keys[key]
        if read in known.ambiguous:
            return
        if any(
            not p.is_read and p.key == key and token(p.value) == read for p in transaction.parts
        ):
            self.findings.add(
                "future-read",
                f"T1 read {key_text(key)} as {text_of(read)}, which it wrote only afterwards.",
                [transaction],
                [key],
                ours=True,
            )
        elif read != NULL and value not in known.ambiguous:
            known.before[value] = read

    def _add_internal(self, transaction: Transaction, before: Part, part: Part) -> None:
        did = "read" if before.is_read else "written"
        self.findings.add(
            "internal",
            f"T1 read {key_text(part.key)} as {value_text(part.value)}, "
            f"and had {did} {value_text(before.value)} just before.",
            [transaction],
            [part.key],
            ours=before.value is None or before.value is False,
        )

    # --- Each key by itself --------------------------------------------------------------------

    def _check_reads(self, key: Token, known: _Key) -> None:
        """Find reads of what failed, of what its writer overwrote, and of what nobody wrote."""
        for value, readers in known.reads.items():
            if value == NULL or value in known.ambiguous:
                continue
            if value in known.writers and value not in known.failed:
                continue
            for number in readers:
                reader = self._possible[number]
                read = f"T1 read {key_text(key)} as {text_of(value)}"
                if value in known.failed:
                    both = [reader, known.failed[value]]
                    self.findings.add("G1a", f"{read}, which T2 wrote, and T2 failed.", both, [key])
                elif value in known.inner:
                    writer = self._possible[known.inner[value]]
                    if writer is not reader:
                        sentence = f"{read}, which T2 wrote and then overwrote itself."
                        self.findings.add("G1b", sentence, [reader, writer], [key])
                elif value not in known.writers:
                    sentence = f"{read}, and nobody wrote that."
                    self.findings.add("garbage-read", sentence, [reader], [key], ours=True)

    def _drop_cyclic_orders(self, key: Token, known: _Key) -> None:
        """Find versions each of which is before the next, in a circle, and forget that order."""
        done: set[Token] = set()
        for start in known.writers:
            path: dict[Token, None] = {}
            value: Token | None = start
            while value is not None and value not in done and value not in path:
                path[value] = None
                value = known.before.get(value)
            done.update(path)
            if value is not None and value in path:
                values = list(path)
                self._add_cyclic(key, known, values[values.index(value) :])

    def _add_cyclic(self, key: Token, known: _Key, values: list[Token]) -> None:
        writers = [self._possible[known.writers[value]] for value in values]
        pairs = [
            f"T{place + 1} read {text_of(known.before[value])} and wrote {text_of(value)}"
            for place, value in enumerate(values[:8])
        ]
        self.findings.add(
            "cyclic-versions",
            f"The values of {key_text(key)} are in a circle: {'; '.join(pairs)}.",
            writers,
            [key],
        )
        for value in values:
            del known.before[value]

    # --- The graph -----------------------------------------------------------------------------

    def _writer(self, known: _Key, value: Token) -> int | None:
        """Return the transaction that left a value behind, None if that is not known for sure."""
        return None if value in known.ambiguous else known.writers.get(value)

    def _link(self, known: _Key) -> None:
        graph = self.findings.graph
        for value, readers in known.readers.items():
            writer = self._writer(known, value)
            if writer is not None:
                graph.link_all([writer], readers, Kind.WR)
        later: dict[Token, list[int]] = {}
        for value, before in known.before.items():
            overwriter = known.writers[value]
            later.setdefault(before, []).append(overwriter)
            writer = self._writer(known, before)
            if writer is not None:
                graph.link(writer, overwriter, Kind.WW)
        for value, overwriters in later.items():
            graph.link_all(known.readers[value], overwriters, Kind.RW)
        if NULL not in known.ambiguous:
            every = [n for value, n in known.writers.items() if value not in known.ambiguous]
            graph.link_all(known.readers.get(NULL, []), list(dict.fromkeys(every)), Kind.RW)

    # --- Orders that time shows ----------------------------------------------------------------

    def _infer_from_processes(self, known: _Key) -> None:
        """Infer that what a process finds later is a later version."""
        last: dict[int | str, tuple[Token, int]] = {}
        later: dict[Token, list[Token]] = {}
        for number, entered, left in self._touches(known):
            process = self._possible[number].invocation.process
            before = last.get(process)
            if before is not None and before[0] != entered:
                evidence = _Evidence(before[1], number)
                if known.inferred.setdefault((before[0], entered), evidence) is evidence:
                    later.setdefault(before[0], []).append(entered)
            if self._possible[number].outcome is Outcome.OK:
                last[process] = (left, number)
        for value, others in later.items():
            self._link_inferred(known, value, others, Kind.WW_PROCESS, Kind.RW_PROCESS)

    def _touches(self, known: _Key) -> list[tuple[int, Token, Token]]:
        """Return the transactions that met versions, in order, with the first and the last one."""
        touches: dict[int, tuple[Token, Token]] = {}
        for value in known.writers:
            writer = self._writer(known, value)
            if writer is not None:
                read = known.before.get(value, value)
                touches[writer] = (value if self._writer(known, read) is None else read, value)
                for reader in known.readers.get(value, ()):
                    touches.setdefault(reader, (value, value))
        return [(number, *values) for number, values in sorted(touches.items())]

    def _infer_from_time(self, known: _Key) -> None:
        """Infer the order of versions when one was met before the other began to be met last.

        Only what is not in order by time anyway is linked, and only to versions that are not
        after another such version.
        """
        zones = sorted(self._zones(known), key=lambda zone: zone.begins)
        beginnings = [zone.begins for zone in zones]
        for zone in zones:
            if zone.ends is None:
                continue
            later: list[Token] = []
            bound = inf
            for place in range(bisect_right(beginnings, zone.ends), len(zones)):
                other = zones[place]
                if other.begins > bound:
                    break
                bound = min(bound, inf if other.ends is None else other.ends)
                written = self._possible[known.writers[other.value]].invocation.index
                if other is not zone and zone.lasts > written:
                    known.inferred[zone.value, other.value] = _Evidence(
                        zone.ended_by, other.begun_by
                    )
                    later.append(other.value)
            if later:
                kinds = (Kind.WW_REALTIME, Kind.RW_REALTIME)
                self._link_inferred(known, zone.value, later, *kinds)

    def _zones(self, known: _Key) -> Iterator[_Zone]:
        for value in known.writers:
            writer = self._writer(known, value)
            if writer is None:
                continue
            readers = known.readers.get(value, [])
            met = [writer, *readers]
            ends = [(end, n) for n in met if (end := self._possible[n].completed) is not None]
            if not readers and not ends:
                continue
            begun_by = max(met)
            first_end, ended_by = min(ends, default=(None, writer))
            yield _Zone(
                value=value,
                begins=self._possible[begun_by].invocation.index,
                begun_by=begun_by,
                ends=first_end,
                ended_by=ended_by,
                lasts=inf if len(ends) < len(met) else max(ends)[0],
            )

    def _link_inferred(
        self, known: _Key, value: Token, later: list[Token], ww: Kind, rw: Kind
    ) -> None:
        graph = self.findings.graph
        writers = list(dict.fromkeys(known.writers[other] for other in later))
        graph.link_all([known.writers[value]], writers, ww)
        graph.link_all(known.readers.get(value, []), writers, rw)

    # --- Orders that follow from others --------------------------------------------------------

    def _infer_by_assumption(self, levels: set[Level]) -> None:
        """Infer what follows at each level if there is any order at all."""
        if len(self._possible) > TRANSACTIONS_MAX:
            return
        reads = list(self._reads_with_rivals())
        for level in sorted(levels):
            self._assumed |= saturate(self.findings.graph, reads, level)

    def _reads_with_rivals(self) -> Iterator[Found]:
        happened = {n for known in self._keys.values() for n in self._read_writers(known)}
        happened |= {t.number for t in self._possible if t.outcome is Outcome.OK}
        for known in self._keys.values():
            writers = 0
            for value, number in known.writers.items():
                if value not in known.ambiguous and number in happened:
                    writers |= 1 << number
            for value, readers in known.readers.items():
                writer = self._writer(known, value)
                if writer is not None:
                    yield from (Found(reader, writer, writers) for reader in readers)

    def _read_writers(self, known: _Key) -> Iterator[int]:
        """Yield the transactions that happened, as somebody read what they wrote."""
        for value in known.readers:
            writer = self._writer(known, value)
            if writer is not None:
                yield writer

    # --- In words ------------------------------------------------------------------------------

    def _reason(self, a: int, b: int, kind: Kind, name: Namer) -> Reason | None:
        """Explain an edge from transaction ``a`` to ``b``."""
        if (a, b) in self._assumed and kind in ASSUMED.values():
            return self._why_assumed(self._assumed[a, b], (a, b), name)
        met = _left(self._possible[a]) if kind in WW_KINDS else _found(self._possible[a])
        if kind is Kind.WR:
            met = _left(self._possible[a])
            for key, value in _found(self._possible[b]).items():
                if met.get(key) == value and value not in self._keys[key].ambiguous:
                    return Reason(
                        key,
                        f"{name(b)} read {key_text(key)} as {text_of(value)}, "
                        f"which {name(a)} wrote.",
                    )
            return None
        for key, value in _left(self._possible[b]).items():
            first, known = met.get(key), self._keys[key]
            if first is None or value in known.ambiguous:
                continue
            why = self._why_before(known, first, value, kind, name)
            if why:
                did = "wrote" if kind in WW_KINDS else "read"
                return Reason(
                    key,
                    f"{name(a)} {did} {key_text(key)} as {text_of(first)}, "
                    f"{name(b)} wrote {text_of(value)}{why}",
                )
        return None

    def _why_assumed(self, triple: Triple, edge: tuple[int, int], name: Namer) -> Reason:
        reader, writer, other = triple
        found, left, third = (
            _found(self._possible[reader]),
            _left(self._possible[writer]),
            _left(self._possible[other]),
        )
        key = next(key for key in found if left.get(key) == found[key] and key in third)
        came = "before" if edge == (other, writer) else "after"
        end = reader if came == "before" else writer
        return Reason(
            key,
            f"{name(reader)} read {key_text(key)} as {text_of(found[key])} of {name(writer)}; "
            f"{name(other)} wrote it, too, and came {came} {name(end)}.",
        )

    def _why_before(self, known: _Key, first: Token, value: Token, kind: Kind, name: Namer) -> str:
        """Return why one version comes before another, empty if that is not known."""
        if kind in (Kind.WW, Kind.RW):
            if first == NULL and kind is Kind.RW:
                return " after that: null comes before all values."
            if known.before.get(value) == first:
                return f" after it had read {text_of(first)}."
            return ""
        evidence = known.inferred.get((first, value))
        if evidence is None:
            return ""
        completion = self._possible[evidence.first].completion
        end = 0 if completion is None else completion.time
        start = self._possible[evidence.second].invocation.time
        return (
            f", which is later: {name(evidence.first)}, with {text_of(first)}, was answered at "
            f"{seconds_text(end)}, before {name(evidence.second)}, with {text_of(value)}, "
            f"was asked at {seconds_text(start)}."
        )

    def _note_limits(self) -> None:
        types = {type(key) for key in self._keys}
        if len(types) > 1:
            self.findings.maelstrom_throws = "its keys are of several types"
        for key, known in self._keys.items():
            for value in known.ambiguous:
                if value not in known.reads:
                    continue
                self.findings.ambiguous = (
                    f"{text_of(value)} was written to {key_text(key)} more than once, so "
                    f"nobody can tell which was read; the values of a key have to differ, "
                    f"and null is what a key has before any write"
                )
                if self._writers_known(key, value) > 1:
                    self.findings.maelstrom_throws = "a value that was read had been written twice"
        blind = sum(
            value not in known.before and known.readers.get(value) is None
            for known in self._keys.values()
            for value in known.writers
        )
        if blind:
            were = "write was" if blind == 1 else "writes were"
            self.findings.unseen = (
                f"{blind} {were} never read, by transactions that had not read the key: "
                f"only time tells their place, if anything does."
            )

    def _writers_known(self, key: Token, value: Token) -> int:
        """Return how many transactions are known to have left a value behind."""
        return sum(
            transaction.outcome is Outcome.OK and _left(transaction).get(key) == value
            for transaction in self._possible
        )


def _note_once(numbers: list[int], number: int) -> None:
    if not numbers or numbers[-1] != number:
        numbers.append(number)


def _found(transaction: Transaction) -> dict[Token, Token]:
    """Return the values that a transaction read before it wrote the key."""
    found: dict[Token, Token] = {}
    touched: set[Token] = set()
    for part in transaction.parts:
        if part.is_read and part.key not in touched:
            found[part.key] = token(part.value)
        touched.add(part.key)
    return found


def _left(transaction: Transaction) -> dict[Token, Token]:
    """Return the values that a transaction wrote last."""
    return {part.key: token(part.value) for part in transaction.parts if not part.is_read}
