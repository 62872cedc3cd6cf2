"""Histories: what clients asked, what they were told, and in which order.

A history is a list of `Event`s in the order in which they happened. `pair_operations` turns it into
`Operation`s, each of which spans the time from its invocation to its completion. The meaning is
Jepsen's (https://github.com/jepsen-io/jepsen, "history"):

- `ok`: the operation happened, once, between its two events.
- `fail`: it did not happen. (A failed read says nothing, which comes to the same.)
- `info`, or no completion at all: it may happen at any later time, or never.
"""

import json
from collections.abc import Iterable, Sequence
from typing import NamedTuple, TypeAlias

Json: TypeAlias = "bool | int | float | str | list[Json] | dict[str, Json] | None"

NEMESIS = "nemesis"
"""The process of events that tell of faults; they are no client's and aren't judged."""

COMPLETIONS = ("ok", "fail", "info")
EVENT_TYPES = ("invoke", *COMPLETIONS)


class HistoryError(ValueError):
    """A history that can't be read or makes no sense: the message says what and where."""

    def __init__(self, message: str, event: "Event | None" = None) -> None:
        super().__init__(message)
        self.event = event
        """The event that is at fault, where it is one event."""


class Event(NamedTuple):
    """One line of a history.

    `index` rises from event to event. `time` is in nanoseconds since the run began. `process` is
    a client's number or "nemesis". `value` is null for a read that is invoked, the value read or
    written, or `[from, to]` of a cas. `key` null means the only register there is.
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
    """An operation that happened, or that may have.

    `value` is what the completion told, or else what the invocation asked. `invoked` and
    `completed` are the indices of its events; `completed` is None where the outcome is unknown.
    """

    process: int | str
    f: str
    key: Json
    value: Json
    invoked: int
    completed: int | None


def canonical_text(value: Json) -> str:
    """The JSON text of a value, the same for equal values alone: 1, 1.0 and true all differ.

    Raises HistoryError where the value nests deeper than Python's stack allows.
    """
    try:
        return json.dumps(value, sort_keys=True, separators=(",", ":"))
    except RecursionError:
        raise HistoryError("a value nests too deep") from None


def pair_operations(events: Iterable[Event]) -> list[Operation]:
    """The operations of a history that may have happened, in order of invocation.

    Failed operations and the nemesis' events are left out. Raises HistoryError where a process
    does two things at once, completes what it did not invoke, or the order of events is unclear.
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
    """The operations that failed, in order of completion, with the values that were asked for."""
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
    """The events, with each read that failed as the key does not exist as one that read null.

    That is Maelstrom's error 20. Such a read has seen something: no value. (Maelstrom makes
    nothing of it, and so a group that forgets all that it has acknowledged passes there.)
    """
    return [_observed(event) for event in events]


def _observed(event: Event) -> Event:
    match event:
        case Event(type="fail", f="read", error=[20, _]):
            return event._replace(type="ok", value=None)
    return event


def split_by_key(operations: Sequence[Operation]) -> dict[str, list[Operation]]:
    """The operations of each key, by the key's canonical text, in order of first use.

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
