"""A plain Wing & Gong search, to hold the checker against.

It shares no code with the checker: it pairs events, splits keys and compares values by itself, and
it knows one thing only, which is Lowe's cache of (operations left, state).
"""

import json
from math import inf
from typing import Any, NamedTuple

from vsr_node.checker import Event


class Call(NamedTuple):
    start: float
    end: float
    f: str
    value: Any


def is_linearizable(events: list[Event], model: str = "register") -> bool:
    """Whether each key's calls have an order that the model ("register" or "map") allows."""
    calls = [_search(part, model) for part in _calls(events).values()]
    return all(calls)


def _calls(events: list[Event]) -> dict[str, list[Call]]:
    calls: dict[str, list[Call]] = {}
    for start, event in enumerate(events):
        if event.type != "invoke" or event.process == "nemesis":
            continue
        end, f, value = inf, event.f, event.value
        for later, completion in enumerate(events[start + 1 :], start + 1):
            if completion.process == event.process:
                if completion.type == "ok":
                    end, value = later, completion.value
                elif completion.type == "fail":
                    f, end = "mismatch" if _is_mismatch(completion) else "", later
                break
        if f:
            calls.setdefault(json.dumps(event.key, sort_keys=True), []).append(
                Call(start, end, f, value)
            )
    return calls


def _is_mismatch(event: Event) -> bool:
    error = event.error
    return event.f == "cas" and isinstance(error, list) and error[0] == 22


def _search(calls: list[Call], model: str) -> bool:
    step = {"register": _register, "map": _map}[model]
    cache: set[tuple[frozenset[int], str]] = set()

    def search(left: frozenset[int], state: str) -> bool:
        if all(calls[number].end == inf for number in left):
            return True
        if (left, state) in cache:
            return False
        cache.add((left, state))
        first_end = min(calls[number].end for number in left)
        for number in left:
            call = calls[number]
            if call.start < first_end:
                after = step(state, call)
                if after is not None and search(left - {number}, after):
                    return True
        return False

    return search(frozenset(range(len(calls))), "" if model == "map" else "null")


def _register(state: str, call: Call) -> str | None:
    if call.f == "write":
        return json.dumps(call.value, sort_keys=True)
    if call.f == "cas":
        expected, new = (json.dumps(value, sort_keys=True) for value in call.value)
        return new if expected == state else None
    if call.f == "mismatch":
        return None if json.dumps(call.value[0]) == state else state
    unknown = call.end == inf
    return state if unknown or json.dumps(call.value, sort_keys=True) == state else None


def _map(state: str, call: Call) -> str | None:
    if call.f == "put":
        return str(call.value)
    if call.f == "append":
        return state + str(call.value)
    return state if call.end == inf or (call.value or "") == state else None
