"""kafka: what the operations of a history sent and polled.

An operation has a list of steps, ``["send", key, message]`` and ``["poll"]``; when it is ok they
are ``["send", key, [offset, message]]`` and ``["poll", {key: [[offset, message], ...]}]``.
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple, NoReturn, TypeGuard

from vsr_node.checker.history import Call, Event, HistoryError, Json, canonical_text
from vsr_node.checker.workloads.values import ValueKey, key_of
from vsr_node.checker.workloads.verdicts import text_of

TRANSFERS = ("send", "poll", "txn")
"""The functions that send or poll; a txn does both."""

FUNCTIONS = (*TRANSFERS, "assign", "subscribe", "crash", "debug-topic-partitions")


class Record(NamedTuple):
    """A message in a log, as an operation sent it or saw it."""

    key: str
    offset: int | None
    """None if it is not known."""
    message: ValueKey


class Transfer(NamedTuple):
    """An operation that sends or polls."""

    call: Call
    sent: tuple[Record, ...]
    polled: dict[str, list[Record]]
    """What it polled of each key that an answer named, in order of the answer."""
    outcome: str
    """``ok``, ``fail`` or ``info``; ``info`` if it was still under way at the end."""


def transfer_of(call: Call) -> Transfer:
    """Return what an operation sent and polled. Raises HistoryError if its steps make no sense."""
    event = call.invocation
    if call.completion is not None and isinstance(call.completion.value, list):
        event = call.completion
    asked = {key_of(step[2]) for step in _steps(call.invocation) if _is_send(step)}
    sent: list[Record] = []
    polled: dict[str, list[Record]] = {}
    for step in _steps(event):
        match step:
            case ["send", key, message]:
                sent.append(_sent(key, message, asked))
            case ["poll"] | ["poll", None]:
                pass
            case ["poll", dict() as logs]:
                for key, pairs in logs.items():
                    records = polled.setdefault(key, [])
                    records += _polled(event, key, pairs)
            case _:
                _refuse(event, '["send", key, message] or ["poll"] is needed', step)
    return Transfer(call, tuple(sent), polled, call.outcome)


def assigned_keys(call: Call) -> frozenset[str]:
    """Return the keys that an assign or subscribe names."""
    value = call.invocation.value
    if not isinstance(value, list):
        _refuse(call.invocation, f"{call.invocation.f} needs a list of keys", value)
    return frozenset(map(_key_name, value))


def _is_send(step: Json) -> TypeGuard[list[Json]]:
    return isinstance(step, list) and len(step) == 3 and step[0] == "send"


def _steps(event: Event) -> Sequence[Json]:
    if not isinstance(event.value, list):
        _refuse(event, f"{event.f} needs a list of steps", event.value)
    return event.value


def _sent(key: Json, value: Json, asked: set[ValueKey]) -> Record:
    """Return what was sent: a message that was asked for, or ``[offset, message]``."""
    match value:
        case [None | int() as offset, message] if key_of(value) not in asked:
            return Record(_key_name(key), offset, key_of(message))
    return Record(_key_name(key), None, key_of(value))


def _polled(event: Event, key: str, pairs: Json) -> Iterator[Record]:
    if not isinstance(pairs, list):
        _refuse(event, f"a poll of key {text_of(key)} needs a list of messages", pairs)
    for pair in pairs:
        match pair:
            case [None | int() as offset, message] if not isinstance(offset, bool):
                yield Record(key, offset, key_of(message))
            case _:
                _refuse(event, "a polled message is [offset, message]", pair)


def _key_name(key: Json) -> str:
    """Return a key as JSON's objects have it: as text."""
    return key if isinstance(key, str) else canonical_text(key)


def _refuse(event: Event, needed: str, found: Json) -> NoReturn:
    raise HistoryError(f"event {event.index}: {needed}, not {text_of(found)}", event)
