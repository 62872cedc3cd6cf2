"""Jepsen's values, which may hold a key or an error, turned into ours.

A keyword in place of the value of what did not succeed is its error. Where the value of every
operation is a pair, and what a pair holds of a cas is a pair again, the pairs are ``[key value]``;
a cas may be ``[key from to]``, too.
"""

from collections.abc import Iterable, Iterator

from vsr_node.checker.edn import Keyword
from vsr_node.checker.foreign import is_transaction
from vsr_node.checker.formats.records import fail, quoted
from vsr_node.checker.history import NEMESIS, Event

_READS = ("read", "get")
_WRITES = ("write", "put", "append")


def with_jepsen_values(numbered: Iterable[tuple[int, Event]]) -> Iterator[tuple[int, Event]]:
    """Yield the events with their errors and keys where ours have them."""
    events = [(line, _with_error(event)) for line, event in numbered]
    if not _are_keyed([event for _, event in events]):
        yield from events
        return
    calls: dict[int | str, Event] = {}
    for line, event in events:
        if event.process != NEMESIS and event.key is None:
            event = _with_key(line, event, calls.get(event.process))
            if event.type == "invoke":
                calls[event.process] = event
        yield line, event


def _with_error(event: Event) -> Event:
    if event.type in ("fail", "info") and isinstance(event.value, Keyword):
        return event._replace(value=None, error=event.error or event.value)
    return event


def _are_keyed(events: list[Event]) -> bool:
    """Return whether values are ``[key value]``.

    The invocation of a read decides, as it asks for no value; else that of a cas, else of a write.
    """
    calls = [event for event in events if event.process != NEMESIS and event.type == "invoke"]
    for functions in (_READS, ("cas",), _WRITES):
        for call in calls:
            if call.f in functions:
                return call.key is None and not is_transaction(call.value) and _is_keyed(call)
    return False


def _is_keyed(call: Event) -> bool:
    match call.f, call.value:
        case "cas", [_, [*_]] | [_, _, _]:
            return True
        case "cas", _:
            return False
        case _, [_, _]:
            return True
    return False


def _with_key(line: int, event: Event, call: Event | None) -> Event:
    """Return an event with the key in its value, or with its invocation's if it failed without."""
    match event.f, event.value:
        case _, [key, value]:
            return event._replace(key=key, value=value)
        case "cas", [key, expected, new]:
            return event._replace(key=key, value=[expected, new])
    if call is not None and event.type in ("fail", "info"):
        return event._replace(key=call.key)
    if event.f in ("cas", *_READS, *_WRITES):
        fail(line, f"[key value] is needed, as elsewhere, not {quoted(event.value)}")
    return event
