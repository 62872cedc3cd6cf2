"""Transactions over lists, which grow at their end.

A read of a list shows the order of all appends before it, so the longest read of a key gives the
order of its versions (Kingsbury & Alvaro, "Elle", 2020). Appends that nobody read come after it:
else they would be in it. Their order among each other is of no consequence, as nobody saw it.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from vsr_node.checker.history import Event
from vsr_node.checker.judgement import Demands, Judgement
from vsr_node.checker.transactions.describe import key_text, value_text
from vsr_node.checker.transactions.findings import Findings, Namer, Reason
from vsr_node.checker.transactions.graph import Graph, Kind
from vsr_node.checker.transactions.transaction import (
    Outcome,
    Part,
    Token,
    Transaction,
    read_transactions,
    text_of,
    token,
    tokens,
)
from vsr_node.checker.transactions.verdicts import judge

WRITE = "append"


class _Read(NamedTuple):
    reader: Transaction
    part: Part
    elements: list[Token]


@dataclass(slots=True)
class _Key:
    """All that is known of a key."""

    writers: dict[Token, int] = field(default_factory=dict)
    """The transaction that appended each element, in order of invocation."""
    failed: dict[Token, Transaction] = field(default_factory=dict)
    inner: dict[Token, int] = field(default_factory=dict)
    """The elements after which the same transaction appended others."""
    ambiguous: Token | None = None
    """An element that was appended more than once."""
    reads: list[_Read] = field(default_factory=list)
    order: list[Token] = field(default_factory=list)
    """The elements of the longest read, or the only append."""
    places: dict[Token, int] = field(default_factory=dict)

    @property
    def longest(self) -> _Read | None:
        """The first read of the most elements, None if there is no read."""
        return max(self.reads, key=lambda read: len(read.elements), default=None)

    @property
    def unread(self) -> list[int]:
        """The transactions whose appends nobody read."""
        unread = [n for element, n in self.writers.items() if element not in self.places]
        return list(dict.fromkeys(unread))


def judge_list_append(events: Sequence[Event], demands: Demands) -> Judgement:
    """Judge a history of transactions over lists.

    Raises HistoryError if the history makes no sense.
    """
    return judge(_Lists(events).findings, demands)


class _Lists:
    """The search for what is wrong with a history, and for the order that its values show."""

    def __init__(self, events: Sequence[Event]) -> None:
        self._all = read_transactions(events, WRITE)
        self._possible = self._all.possible
        self._keys: defaultdict[Token, _Key] = defaultdict(_Key)
        graph = Graph([transaction.span for transaction in self._possible])
        self.findings = Findings(WRITE, self._all, graph, self._reason)
        self.findings.find_changed()
        self._note_appends()
        for transaction in self._possible:
            if transaction.outcome is Outcome.OK:
                self._walk(transaction)
        self.findings.find_lost_updates(_version)
        for key, known in self._keys.items():
            self._find_order(known)
            self._check_reads(key, known)
            self._find_dirty_updates(key, known)
            if known.ambiguous is None:
                self._link(known)
        self._note_limits()

    # --- Each transaction by itself -----------------------------------------------------------

    def _note_appends(self) -> None:
        for transaction in self._possible:
            last: dict[Token, Token] = {}
            for part in transaction.parts:
                if part.is_read:
                    continue
                known, element = self._keys[part.key], token(part.value)
                if element in known.writers:
                    known.ambiguous = element
                known.writers[element] = transaction.number
                if part.key in last:
                    known.inner[last[part.key]] = transaction.number
                last[part.key] = element
        for transaction in self._all.failed:
            for part in transaction.parts:
                known, element = self._keys[part.key], token(part.value)
                if element in known.writers or element in known.failed:
                    known.ambiguous = element
                known.failed[element] = transaction

    def _walk(self, transaction: Transaction) -> None:
        """Note the transaction's reads, and hold them against its own operations."""
        before: dict[Token, Part] = {}
        appended: dict[Token, list[Token]] = {}
        """What it appended to each key since it last read it."""
        for part in transaction.parts:
            own = appended.setdefault(part.key, [])
            if not part.is_read:
                own.append(token(part.value))
                continue
            if part.value is not None and not isinstance(part.value, list | tuple):
                self.findings.maelstrom_throws = "a read gave something other than a list"
                sentence = f"T1 read {key_text(part.key)} as {value_text(part.value)}, not a list."
                self.findings.add("garbage-read", sentence, [transaction], [part.key], ours=True)
                continue
            elements = tokens(part.value or ())
            self._check_internal(transaction, part, elements, before.get(part.key), own)
            before[part.key], appended[part.key] = part, []
            self._keys[part.key].reads.append(_Read(transaction, part, elements))
        self._check_future(transaction)

    def _check_internal(
        self,
        transaction: Transaction,
        part: Part,
        elements: list[Token],
        before: Part | None,
        own: list[Token],
    ) -> None:
        start = len(elements) - len(own)
        ends_right = start >= 0 and elements[start:] == own
        earlier = elements[:start] if before is None else _list(before)
        from_empty_to_null = before is not None and before.value == [] and part.value is None
        if ends_right and elements[:start] == earlier and not from_empty_to_null:
            return
        then = "" if before is None else f" after {value_text(before.value)}"
        appended = f" and its own {', '.join(map(text_of, own))}" if own else ""
        self.findings.add(
            "internal",
            f"T1 read {key_text(part.key)} as {value_text(part.value)}{then}{appended}: "
            f"that does not follow from what it had seen and done.",
            [transaction],
            [part.key],
            ours=ends_right and before is not None and before.value is None,
        )

    def _check_future(self, transaction: Transaction) -> None:
        seen: dict[Token, list[Part]] = {}
        for part in transaction.parts:
            if part.is_read:
                seen.setdefault(part.key, []).append(part)
                continue
            element = token(part.value)
            for read in seen.get(part.key, ()):
                if element in _list(read):
                    self.findings.add(
                        "future-read",
                        f"T1 read {key_text(part.key)} as {value_text(read.value)}, "
                        f"with the {text_of(element)} that it appended only afterwards.",
                        [transaction],
                        [part.key],
                    )
                    break

    # --- Each key by itself --------------------------------------------------------------------

    def _find_order(self, known: _Key) -> None:
        longest = known.longest
        if longest is not None and longest.elements:
            known.order = list(dict.fromkeys(longest.elements))
        elif len(known.writers) == 1:
            known.order = list(known.writers)
        known.places = {element: place for place, element in enumerate(known.order)}

    def _check_reads(self, key: Token, known: _Key) -> None:
        longest = known.longest
        if longest is None:
            return
        flawed = self._first_flaw(known, longest.elements)
        for read in known.reads:
            count = len(read.elements)
            if longest.elements[:count] != read.elements:
                self._add_incompatible(key, read, longest)
                self._check_elements(key, known, read)
            elif count > flawed:
                self._check_elements(key, known, read)
            self._check_last(key, known, read)
        if any(e not in known.writers and e not in known.failed for e in longest.elements):
            self.findings.maelstrom_throws = "a read gave an element that nobody appended"

    def _first_flaw(self, known: _Key, elements: list[Token]) -> int:
        """Return the first place with an element that should not be there."""
        seen: set[Token] = set()
        for place, element in enumerate(elements):
            if element in seen or element not in known.writers:
                return place
            seen.add(element)
        return len(elements)

    def _check_elements(self, key: Token, known: _Key, read: _Read) -> None:
        seen: set[Token] = set()
        where = f"{key_text(key)} as {value_text(read.part.value)}"
        for element in read.elements:
            text = text_of(element)
            if element in seen:
                if known.ambiguous is None:
                    sentence = f"T1 read {where}, with {text} more than once."
                    self.findings.add("duplicate-elements", sentence, [read.reader], [key])
            elif element in known.writers:
                pass
            elif element in known.failed:
                sentence = f"T1 read {where}, with the {text} of T2, which failed."
                both = [read.reader, known.failed[element]]
                self.findings.add("G1a", sentence, both, [key])
            else:
                sentence = f"T1 read {where}, and nobody appended {text}."
                self.findings.add("garbage-read", sentence, [read.reader], [key], ours=True)
            seen.add(element)

    def _check_last(self, key: Token, known: _Key, read: _Read) -> None:
        if not read.elements or known.ambiguous is not None:
            return
        last = read.elements[-1]
        writer = known.inner.get(last)
        if writer is not None and writer != read.reader.number:
            self.findings.add(
                "G1b",
                f"T1 read {key_text(key)} when {text_of(last)} was the last element. "
                f"T2 appended that, and further elements after it.",
                [read.reader, self._possible[writer]],
                [key],
            )

    def _add_incompatible(self, key: Token, read: _Read, longest: _Read) -> None:
        values = [value_text(each.part.value) for each in (read, longest)]
        self.findings.add(
            "incompatible-order",
            f"T1 read {key_text(key)} as {values[0]}, T2 as {values[1]}; "
            f"neither is the beginning of the other.",
            [read.reader, longest.reader],
            [key],
        )

    def _find_dirty_updates(self, key: Token, known: _Key) -> None:
        """Find appends that happened and stand behind one that failed."""
        failed: Token | None = None
        for element in known.order:
            writer = known.writers.get(element)
            if writer is None:
                failed = element if element in known.failed else failed
            elif self._possible[writer].outcome is Outcome.OK:
                if failed is not None:
                    self.findings.add(
                        "dirty-update",
                        f"{text_of(element)}, which T2 appended to {key_text(key)}, "
                        f"stands behind {text_of(failed)} of T1, which failed.",
                        [known.failed[failed], self._possible[writer]],
                        [key],
                    )
                failed = None

    # --- The graph -----------------------------------------------------------------------------

    def _link(self, known: _Key) -> None:
        graph = self.findings.graph
        chain = [known.writers.get(element) for element in known.order]
        readers: dict[int, dict[int, None]] = {}
        for read in known.reads:
            number = read.reader.number
            if not read.elements:
                readers.setdefault(0, {})[number] = None
                continue
            last = read.elements[-1]
            writer = known.writers.get(last)
            if writer is not None:
                graph.link(writer, number, Kind.WR)
            place = known.places.get(last)
            if place is not None:
                readers.setdefault(place + 1, {})[number] = None
        for place, writer in enumerate(chain):
            if writer is None:
                continue
            if place and (before := chain[place - 1]) is not None:
                graph.link(before, writer, Kind.WW)
            graph.link_all(list(readers.get(place, ())), [writer], Kind.RW)
        unread = known.unread
        if chain and chain[-1] is not None:
            graph.link_all([chain[-1]], unread, Kind.WW)
        graph.link_all(list(readers.get(len(chain), ())), unread, Kind.RW)

    def _reason(self, a: int, b: int, kind: Kind, name: Namer) -> Reason | None:
        """Explain an edge from transaction ``a`` to ``b``."""
        first, second = self._possible[a], self._possible[b]
        if kind is Kind.WR:
            return self._why_read(first, second, name)
        for part in second.parts:
            known = self._keys[part.key]
            if part.is_read or known.ambiguous is not None:
                continue
            element = token(part.value)
            place = known.places.get(element)
            version = known.order[:place]
            if kind is Kind.RW:
                for read in first.parts:
                    if read.is_read and read.key == part.key and _ends(read, version):
                        return Reason(
                            part.key,
                            f"{name(a)} read {key_text(part.key)} as {value_text(read.value)}, "
                            f"{name(b)} appended {text_of(element)} after that.",
                        )
            elif version and known.writers.get(version[-1]) == a:
                unread = "" if place is not None else ", which nobody read"
                return Reason(
                    part.key,
                    f"{name(b)} appended {text_of(element)} to {key_text(part.key)}{unread}, "
                    f"after the {text_of(version[-1])} of {name(a)}.",
                )
        return None

    def _why_read(self, first: Transaction, second: Transaction, name: Namer) -> Reason | None:
        for read in second.parts:
            elements = _list(read) if read.is_read else []
            if elements and self._keys[read.key].writers.get(elements[-1]) == first.number:
                return Reason(
                    read.key,
                    f"{name(second.number)} read {key_text(read.key)} as {value_text(read.value)}, "
                    f"whose {text_of(elements[-1])} {name(first.number)} appended.",
                )
        return None

    def _note_limits(self) -> None:
        twice = [key for key, known in self._keys.items() if known.ambiguous is not None]
        if twice:
            element = self._keys[twice[0]].ambiguous
            self.findings.maelstrom_throws = "an element was appended twice"
            self.findings.ambiguous = (
                f"{'' if element is None else text_of(element)} was appended to "
                f"{key_text(twice[0])} more than once, so nobody can tell which was "
                f"read; the elements of a key have to differ."
            )
        unread = sum(
            element not in known.places
            for known in self._keys.values()
            for element, writer in known.writers.items()
            if self._possible[writer].outcome is Outcome.OK
        )
        if unread:
            were = "append was" if unread == 1 else "appends were"
            self.findings.unseen = (
                f"{unread} acknowledged {were} never read: what came after them is not known."
            )


def _list(read: Part) -> list[Token]:
    return tokens(read.value) if isinstance(read.value, list | tuple) else []


def _ends(read: Part, version: list[Token]) -> bool:
    """Return whether a read shows a version."""
    elements = _list(read)
    return elements[-1:] == version[-1:] if version else not elements


def _version(read: Part) -> object:
    elements = _list(read)
    return len(elements), elements[-1] if elements else None
