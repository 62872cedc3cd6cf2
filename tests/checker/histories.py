"""Histories for the tests: written by hand in a line each, or drawn by a seed."""

from collections.abc import Iterable
from random import Random
from typing import Any

from vsr_node.checker import Event, FailingPart, Operation

VALUES: tuple[Any, ...] = (None, 0, 1, 1.0, True, False, "1", [1], {"a": 1, "b": 2})


def history(*steps: tuple[Any, ...]) -> list[Event]:
    """Events of (process, type, f, value) or (process, type, f, value, key), in this order."""
    return [
        Event(index, index, process, kind, f, key=key[0] if key else None, value=value)
        for index, (process, kind, f, value, *key) in enumerate(steps)
    ]


def draw(
    random: Random,
    *,
    operations: int,
    processes: int,
    values: tuple[Any, ...] = (None, 0, 1, 2),
    lies: float = 0.0,
    unsure: float = 0.2,
    keys: tuple[Any, ...] = (None,),
) -> list[Event]:
    """A history of registers that real ones could have produced, but for the given share of lies.

    Each operation takes effect at a drawn moment between its events; of those whose outcome stays
    unknown half never do, and some do long afterwards. A lie is a read of any value, or a cas that
    is said to have succeeded.
    """
    events: list[Event] = []
    registers: dict[int, Any] = {}
    # The operations under way: [process, event invoked, result or None before it took effect].
    under_way: list[list[Any]] = []
    forgotten: list[list[Any]] = []
    idle = list(range(processes))
    next_process = processes

    def add(process: int, kind: str, call: Event | None, f: str, key: int, value: Any) -> None:
        index = len(events)
        name = keys[key] if call is None else call.key
        events.append(Event(index, index, process, kind, f, name, value))

    while operations or under_way:
        choice = random.random()
        if operations and idle and choice < 0.4:
            operations -= 1
            process = idle.pop(random.randrange(len(idle)))
            f = random.choice(("read", "read", "write", "cas"))
            value: Any = None
            if f == "write":
                value = random.choice(values)
            elif f == "cas":
                value = [random.choice(values), random.choice(values)]
            key = random.randrange(len(keys))
            add(process, "invoke", None, f, key, value)
            under_way.append([process, events[-1], key, None])
        elif choice < 0.7:
            waiting = [call for call in under_way + forgotten if call[3] is None]
            if waiting:
                call = random.choice(waiting)
                call[3] = _take_effect(registers, call[1], call[2])
        elif under_way:
            call = random.choice(under_way)
            process, invocation, key, result = call
            if random.random() < unsure:
                under_way.remove(call)
                if random.random() < 0.5:
                    forgotten.append(call)
                if random.random() < 0.8:  # Else nothing is heard of it at all.
                    add(process, "info", invocation, invocation.f, key, None)
                idle.append(next_process)
                next_process += 1
            elif result is not None:
                under_way.remove(call)
                idle.append(process)
                kind, value = result
                if random.random() < lies:
                    kind, value = "ok", invocation.value
                    if invocation.f == "read":
                        value = random.choice(values)
                add(process, kind, invocation, invocation.f, key, value)
    return events


def _take_effect(registers: dict[int, Any], invocation: Event, key: int) -> tuple[str, Any]:
    current = registers.get(key)
    value: Any = invocation.value
    if invocation.f == "read":
        return "ok", current
    if invocation.f == "cas":
        expected, value_after = value
        if repr(expected) != repr(current):
            return "fail", value
        registers[key] = value_after
        return "ok", value
    registers[key] = value
    return "ok", value


def as_events(operations: Iterable[Operation]) -> list[Event]:
    """A history of operations, each as a process of its own."""
    moments: list[tuple[int, str, int, Operation]] = []
    for number, operation in enumerate(operations):
        moments.append((operation.invoked, "invoke", number, operation))
        if operation.completed is not None:
            moments.append((operation.completed, "ok", number, operation))
    return [
        Event(index, 0, number, kind, operation.f, None, operation.value)
        for index, (_, kind, number, operation) in enumerate(sorted(moments))
    ]


def without(part: FailingPart, operation: Operation) -> list[Operation]:
    """The part with one operation taken away, a read left out, another of unknown outcome."""
    left = [each for each in part.operations if each != operation]
    if operation.f == "read":
        return [*left, *part.unsure]
    return [*left, *part.unsure, operation._replace(completed=None)]
