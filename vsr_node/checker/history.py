"""Histories: what clients asked for, what they were answered, and in which order.

A history is a list of ``Event`` in the order in which they happened. ``pair_operations`` turns it
into ``Operation``, each of which spans the time from its invocation to its completion. The meaning
is Jepsen's (https://github.com/jepsen-io/jepsen, "history"):

- ``ok``: the operation happened, once, between its two events.
- ``fail``: it did not happen. A failed read usually says nothing, which comes to the same. But a
  read or a cas that failed because the key does not exist has seen something: it counts as a read
  of null. A cas that failed because the value was another one has seen that: it counts as a
  ``MISMATCH``. (Maelstrom ignores both, so a group that forgets everything it acknowledged passes
  there.)
- ``info``, or no completion at all: it may happen at any later time, or never.
"""

import json
from collections.abc import Iterable, Sequence
from typing import NamedTuple, TypeAlias

Json: TypeAlias = "bool | int | float | str | list[Json] | dict[str, Json] | None"

NEMESIS = "nemesis"
"""The process of the events that record faults. No client issued them, and they are not judged."""

MISMATCH = "cas-mismatch"
"""The function of an operation that saw any value but its own, and changed nothing."""

EVENT_TYPES = ("invoke", "ok", "fail", "info")


class HistoryError(ValueError):
    """A history can't be read or makes no sense; the message says what is wrong, and where."""

    def __init__(self, message: str, event: "Event | None" = None) -> None:
        super().__init__(message)
        self.event = event
        """The event at fault, None if it is not a single one."""


class Event(NamedTuple):
    """One line of a history.

    ``index`` rises from event to event. ``time`` is in nanoseconds since the run began. ``process``
    is a client's number or "nemesis". ``value`` is None when a read is invoked, the value that was
    read or written, or ``[from, to]`` of a cas. ``key`` is None if there is only one register.
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
    is_final: bool = False
    """Whether it belongs to the reads at the end of a run, which Jepsen marks ``final?``."""


class Operation(NamedTuple):
    """An operation that happened, or may have happened.

    ``value`` comes from the completion, or from the invocation if the completion has none.
    ``invoked`` and ``completed`` are the indices of its events; ``completed`` is None if the
    outcome is unknown.
    """

    process: int | str
    f: str
    key: Json
    value: Json
    invoked: int
    completed: int | None


def canonical_text(value: Json) -> str:
    """Return the JSON text of a value, the same only for equal values: 1, 1.0 and true all differ.

    Raises HistoryError if the value nests deeper than Python's stack allows.
    """
    try:
        return json.dumps(value, sort_keys=True, separators=(",", ":"))
    except RecursionError:
        raise HistoryError("a value nests too deep") from None


class Call(NamedTuple):
    """An invocation and its completion, None if it was still under way when the history ended."""

    invocation: Event
    completion: Event | None

    @property
    def outcome(self) -> str:
        """``ok``, ``fail`` or ``info``; ``info`` if it was still under way at the end."""
        return "info" if self.completion is None else self.completion.type

    @property
    def value(self) -> Json:
        """The value of the completion if it has one, else that of the invocation."""
        if self.completion is not None and self.completion.value is not None:
            return self.completion.value
        return self.invocation.value

    @property
    def is_final(self) -> bool:
        """Whether it belongs to the end of a run by either of its events."""
        return self.invocation.is_final or (
            self.completion is not None and self.completion.is_final
        )


def pair_calls(events: Iterable[Event]) -> list[Call]:
    """Return all operations of clients, those that failed too, in order of invocation.

    Raises HistoryError if a process does two things at once, completes what it did not invoke, or
    if the order of events is unclear.
    """
    open_calls: dict[int | str, int] = {}
    calls: list[Call] = []
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
                    f"{calls[open_calls[event.process]].invocation.f} is still under way",
                    event,
                )
            open_calls[event.process] = len(calls)
            calls.append(Call(event, None))
            continue
        if event.process not in open_calls:
            raise HistoryError(
                f"event {index}: process {event.process} completes {event.f}, "
                f"which it did not invoke; is the beginning of the history missing?",
                event,
            )
        place = open_calls.pop(event.process)
        invocation = calls[place].invocation
        _require_match(invocation, event)
        calls[place] = Call(invocation, event)
    return calls


def pair_operations(events: Iterable[Event]) -> list[Operation]:
    """Return the operations that happened, or may have, in order of invocation.

    Failed operations and the nemesis' events are left out. Raises HistoryError as ``pair_calls``.
    """
    operations = (_happened(*call) for call in pair_calls(events))
    return [operation for operation in operations if operation is not None]


def _happened(invocation: Event, completion: Event | None) -> Operation | None:
    """Return the operation of a call, None if it failed and has seen nothing."""
    if completion is None or completion.type == "info":
        return _operation(invocation, None)
    if completion.type == "ok":
        return _operation(invocation, completion)
    if _saw_no_key(completion):
        return _operation(invocation, completion)._replace(f="read", value=None)
    if _saw_another_value(completion):
        match invocation.value:
            case [expected, _] if expected is not None:
                return _operation(invocation, completion)._replace(f=MISMATCH, value=expected)
    return None


def failed_operations(events: Iterable[Event]) -> list[Operation]:
    """Return the operations that failed, in order of completion, with the values asked for."""
    calls: dict[int | str, Event] = {}
    failed: list[Operation] = []
    for event in events:
        if event.type == "invoke":
            calls[event.process] = event
        elif event.type == "fail" and event.process != NEMESIS and not _saw_no_key(event):
            call = calls[event.process]
            failed.append(_operation(call, event)._replace(value=call.value))
    return failed


def _saw_no_key(event: Event) -> bool:
    """Return whether a read or a cas failed because the key does not exist, Maelstrom's error 20.

    The bench records it as ``[20, text]``, Maelstrom as ``[:key-does-not-exist text]``.
    """
    match event:
        case Event(type="fail", f="read" | "cas", error=[20 | "key-does-not-exist", *_]):
            return True
        case Event(type="fail", f="read" | "cas", error="key-does-not-exist"):
            return True
    return False


def _saw_another_value(event: Event) -> bool:
    """Return whether a cas failed because the key has another value, error 22 of the protocol.

    Only the bench's own ``[22, text]`` counts. Jepsen's ``:precondition-failed`` is that of any
    database, and many of them compare versions, not values. A missing key may fail so, too: it is
    null, and no cas from null counts.
    """
    match event:
        case Event(type="fail", f="cas", error=[22, *_]):
            return True
    return False


def without_evidence_of_failures(events: Iterable[Event]) -> list[Event]:
    """Return the events as Maelstrom's checker sees them: what failed has seen nothing."""
    return [event._replace(error=None) if event.type == "fail" else event for event in events]


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
    if invocation.key is None and completion.key is None:
        return
    if canonical_text(invocation.key) != canonical_text(completion.key):
        raise HistoryError(
            f"event {completion.index}: process {completion.process} invoked "
            f"{invocation.f} of key {canonical_text(invocation.key)} and completes that of key "
            f"{canonical_text(completion.key)}",
            completion,
        )
