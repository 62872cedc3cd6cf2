"""Histories: the requests of clients and their outcomes, in order.

A history is a list of ``Event``s in the order in which they happened. ``pair_operations`` turns it
into ``Operation``s, each of which lasts from its invocation to its completion. Outcomes mean the
same as for Jepsen (https://github.com/jepsen-io/jepsen, "history"):

- ``ok``: the operation happened, once, between its two events.
- ``fail``: it did not happen. (A failed read shows nothing, which amounts to the same.)
- ``info``, or no completion at all: it may happen at any later time, or never.
"""

import json
from collections.abc import Iterable, Sequence
from typing import NamedTuple, TypeAlias

Json: TypeAlias = "bool | int | float | str | list[Json] | dict[str, Json] | None"

NEMESIS = "nemesis"
"""The process of events about faults; they belong to no client and aren't judged."""

KEY_DOES_NOT_EXIST = 20
"""Maelstrom's error code."""

COMPLETIONS = ("ok", "fail", "info")
EVENT_TYPES = ("invoke", *COMPLETIONS)


class HistoryError(ValueError):
    """A history that can't be read or makes no sense; the message describes what and where."""

    def __init__(self, message: str, event: "Event | None" = None) -> None:
        super().__init__(message)
        self.event = event
        """The faulty event; None if it is not a single one."""


class Event(NamedTuple):
    """One line of a history.

    ``index`` rises from event to event. ``time`` is in nanoseconds since the run began. ``process``
    is a client's number or "nemesis". ``value`` is None when a read is invoked, the value read or
    written, or ``[from, to]`` of a cas. ``key`` is None if there is only one register.
    """

    index: int  # type: ignore[assignment]  # A tuple's method of that name is of no use here.
    time: int
    process: int | str
    type: str
    f: str
    key: Json = None
    value: Json = None
    error: Json = None
    node: str | None = None


class Operation(NamedTuple):
    """An operation that happened or may have happened.

    ``value`` is the value of the completion if it has one, else that of the invocation. ``invoked``
    and ``completed`` are its events' indices; ``completed`` is None if the outcome is unknown.
    """

    process: int | str
    f: str
    key: Json
    value: Json
    invoked: int
    completed: int | None


def canonical_text(value: Json) -> str:
    """Return the JSON text of a value. Only equal values have equal texts: 1, 1.0 and true differ.

    Raises HistoryError if the value nests deeper than Python's stack allows.
    """
    try:
        return json.dumps(value, sort_keys=True, separators=(",", ":"))
    except RecursionError:
        raise HistoryError("a value nests too deep") from None


def pair_operations(events: Iterable[Event]) -> list[Operation]:
    """Return the operations of a history that may have happened, in order of invocation.

    Failed operations and the nemesis' events are left out. Raises HistoryError if a process does
    two things at once or completes an operation that it did not invoke, or if indices don't rise.
    """
    open_calls: dict[int | str, tuple[int, Event]] = {}
    operations: list[Operation | None] = []
    index = -1
    for event in events:
        if event.index <= index:
            raise HistoryError(f"event {event.index} comes after event {index}", event)
        index = event.index
        if event.process == NEMESIS:
            continue
        if event.type == "invoke":
            if event.process in open_calls:
                raise HistoryError(
                    f"event {index}: process {event.process} invokes {event.f}, and its "
                    f"{open_calls[event.process][1].f} is still under way",
                    event,
                )
            open_calls[event.process] = (len(operations), event)
            operations.append(_operation(event, None))
            continue
        if event.process not in open_calls:
            raise HistoryError(
                f"event {index}: process {event.process} completes {event.f}, "
                f"which it did not invoke",
                event,
            )
        place, invocation = open_calls.pop(event.process)
        _require_match(invocation, event)
        if event.type == "ok":
            operations[place] = _operation(invocation, event)
        elif event.type == "fail":
            operations[place] = None
    return [operation for operation in operations if operation is not None]


def failed_operations(events: Iterable[Event]) -> list[Operation]:
    """Return the failed operations in order of completion, with the values of their invocations."""
    calls: dict[int | str, Event] = {}
    failed: list[Operation] = []
    for event in events:
        if event.type == "invoke":
            calls[event.process] = event
        elif event.type == "fail" and event.process != NEMESIS:
            call = calls[event.process]
            failed.append(_operation(call, event)._replace(value=call.value))
    return failed


def with_missing_keys_read(events: Iterable[Event]) -> list[Event]:
    """Turn each read that failed because the key does not exist into a read of null.

    Such a read has seen that there is no value. (Maelstrom ignores it, and so a group that forgets
    all that it has acknowledged passes there.)
    """
    return [_observed(event) for event in events]


def _observed(event: Event) -> Event:
    match event:
        case Event(type="fail", f="read", error=[code, _]) if code == KEY_DOES_NOT_EXIST:
            return event._replace(type="ok", value=None)
    return event


def split_by_key(operations: Sequence[Operation]) -> dict[str, list[Operation]]:
    """Return the operations of each key, by the key's canonical text, in order of first use.

    A history is linearizable if and only if its part for each key is (Herlihy & Wing, locality).
    """
    parts: dict[str, list[Operation]] = {}
    for operation in operations:
        parts.setdefault(canonical_text(operation.key), []).append(operation)
    return parts


def _operation(invocation: Event, completion: Event | None) -> Operation:
    value = invocation.value
    if completion is not None and completion.value is not None:
        value = completion.value
    completed = None if completion is None else completion.index
    return Operation(
        invocation.process, invocation.f, invocation.key, value, invocation.index, completed
    )


def _require_match(invocation: Event, completion: Event) -> None:
    if invocation.f != completion.f:
        raise HistoryError(
            f"event {completion.index}: process {completion.process} invoked {invocation.f} "
            f"and completes {completion.f}",
            completion,
        )
    if canonical_text(invocation.key) != canonical_text(completion.key):
        raise HistoryError(
            f"event {completion.index}: process {completion.process} invoked "
            f"{invocation.f} of key {canonical_text(invocation.key)} and completes that of key "
            f"{canonical_text(completion.key)}",
            completion,
        )
