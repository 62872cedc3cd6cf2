"""Transactions, as they were asked for and answered."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import NamedTuple, TypeAlias, cast

from vsr_node.checker.history import (
    EVENT_TYPES,
    Event,
    HistoryError,
    Json,
    canonical_text,
    pair_calls,
)
from vsr_node.checker.transactions.graph import Span

Token: TypeAlias = int | str | tuple[str]
"""A key or a value, hashable, equal only to what is equal in JSON: 1, 1.0 and true all differ."""

NULL: Token = ("null",)

_PLAIN = frozenset((int, str))


def token(value: Json) -> Token:
    """Return the token of a key or a value."""
    if type(value) is int or type(value) is str:
        return value
    return NULL if value is None else (canonical_text(value),)


def tokens(values: Sequence[Json]) -> list[Token]:
    """Return the tokens of a list."""
    if type(values) is list and _PLAIN.issuperset(map(type, values)):
        return cast("list[Token]", values)  # They are their own tokens.
    return [token(value) for value in values]


def text_of(value: Token) -> str:
    """Return the JSON text of a token's value."""
    return value[0] if isinstance(value, tuple) else canonical_text(value)


class Outcome(Enum):
    """What is known of a transaction."""

    OK = "ok"
    INFO = "info"
    """It may have happened, or may happen at any later time; so it is if it was never completed."""
    FAIL = "fail"


class Part(NamedTuple):
    """One operation of a transaction."""

    is_read: bool
    key: Token
    value: Json
    """What was read or written; None for a read that saw nothing."""


@dataclass(frozen=True, slots=True)
class Transaction:
    """A transaction with the parts that were answered, or else asked for.

    Reads whose result is not known are not among the parts.
    """

    number: int
    """In order of invocation, among all that did not fail; -1 for one that did."""
    outcome: Outcome
    parts: tuple[Part, ...]
    invocation: Event
    completion: Event | None
    was_changed: bool
    """Whether the answer is not the transaction that was asked for."""

    @property
    def completed(self) -> int | None:
        """The index of the event before which it happened, None if it may happen at any time."""
        if self.completion is None or self.outcome is not Outcome.OK:
            return None
        return self.completion.index

    @property
    def span(self) -> Span:
        """When and where it ran."""
        return Span(self.invocation.index, self.completed, self.invocation.process)

    @property
    def events(self) -> tuple[int, ...]:
        """The indices of its events."""
        if self.completion is None:
            return (self.invocation.index,)
        return self.invocation.index, self.completion.index


class Transactions(NamedTuple):
    """All transactions of a history."""

    possible: list[Transaction]
    """Those that happened or may have, in order of invocation."""
    failed: list[Transaction]


def read_transactions(events: Iterable[Event], write: str) -> Transactions:
    """Return the transactions of a history, whose parts are "r" and ``write``.

    Raises HistoryError if events do not pair or what was asked for is not a transaction.
    """
    possible: list[Transaction] = []
    failed: list[Transaction] = []
    for invocation, completion in pair_calls(events):
        for event in (invocation, completion):
            if event is not None:
                _require_txn(event)
        kind = Outcome.INFO if completion is None else Outcome(completion.type)
        answer: tuple[Part, ...] | None = None
        was_changed = False
        if completion is not None and kind is Outcome.OK:
            answer = _parts(completion.value, write)
            was_changed = answer is None or not _was_asked(answer, invocation.value, write)
        if answer is None or was_changed:
            writes = tuple(part for part in _asked(invocation, write) if not part.is_read)
            answer = writes if answer is None else answer
        number = -1 if kind is Outcome.FAIL else len(possible)
        transaction = Transaction(number, kind, answer, invocation, completion, was_changed)
        (failed if kind is Outcome.FAIL else possible).append(transaction)
    return Transactions(possible, failed)


def is_transaction(value: Json, write: str) -> bool:
    """Return whether a value is a list of parts."""
    return _parts(value, write) is not None


def _require_txn(event: Event) -> None:
    where = f"event {event.index}: process {event.process}"
    if event.f != "txn":
        raise HistoryError(f"{where} has {event.f}; the histories judged here have txn", event)
    if event.type not in EVENT_TYPES:
        raise HistoryError(f"{where} has an event of the type {event.type}", event)


def _asked(invocation: Event, write: str) -> tuple[Part, ...]:
    parts = _parts(invocation.value, write)
    if parts is None:
        raise HistoryError(
            f"event {invocation.index}: {_excerpt(invocation.value)} is not a transaction, "
            f'which is [["r", key, null], ["{write}", key, value], ...]',
            invocation,
        )
    return parts


def _excerpt(value: Json) -> str:
    text = canonical_text(value)
    return text if len(text) <= 80 else f"{text[:77]}..."


def _parts(value: Json, write: str) -> tuple[Part, ...] | None:
    """Return the parts of a transaction, None if the value is not one."""
    if not isinstance(value, list | tuple):
        return None
    parts: list[Part] = []
    for part in value:
        if not isinstance(part, list | tuple) or len(part) != 3 or part[0] not in ("r", write):
            return None
        parts.append(Part(part[0] == "r", token(part[1]), part[2]))
    return tuple(parts)


def _was_asked(answer: tuple[Part, ...], asked: Json, write: str) -> bool:
    """Return whether the answer has the parts that were asked for, with any results of reads."""
    if not isinstance(asked, list | tuple) or len(asked) != len(answer):
        return False
    for given, wanted in zip(answer, asked, strict=True):
        if not isinstance(wanted, list | tuple) or len(wanted) != 3:
            return False
        if wanted[0] != ("r" if given.is_read else write) or token(wanted[1]) != given.key:
            return False
        if not given.is_read and token(wanted[2]) != token(given.value):
            return False
    return True
