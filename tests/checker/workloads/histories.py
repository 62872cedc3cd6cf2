"""Histories of workloads in a few characters a line, for tests."""

from typing import Any

from vsr_node.checker import Event

MILLISECOND = 1_000_000


def history(*lines: tuple[Any, ...]) -> list[Event]:
    """Return the events of (process, type, f, value[, "final"]), a millisecond apart."""
    return [
        Event(
            index, index * MILLISECOND, line[0], line[1], line[2], value=line[3],
            is_final=len(line) > 4,
        )
        for index, line in enumerate(lines)
    ]  # fmt: skip


def answered(*lines: tuple[Any, ...]) -> list[Event]:
    """Return the events of (process, f, asked, answered[, "final"]), one after another."""
    events: list[Event] = []
    for process, f, asked, got, *final in lines:
        for kind, value in (("invoke", asked), ("ok", got)):
            index = len(events)
            time = index * MILLISECOND
            events.append(Event(index, time, process, kind, f, value=value, is_final=bool(final)))
    return events
