"""What a page is about, and the operations that it shows."""

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from vsr_node.checker import Event, Violation
from vsr_node.checker.history import Json, canonical_text
from vsr_node.report.messages import (
    NANOSECONDS_PER_MICROSECOND,
    Messages,
    Request,
    Table,
    request_key,
)
from vsr_node.report.recorded_run import EARLIER_REQUESTS, Call, RecordedRun
from vsr_node.report.steps import Steps

OPERATIONS_MAX = 200_000
VALUE_SHOWN_MAX = 200
REQUEST_LATE_NS = 1_000_000_000
"""So long after its invocation an operation's request may at most have been sent."""


@dataclass(frozen=True, slots=True)
class Contents:
    """What a page is about."""

    run: RecordedRun
    violations: Sequence[Violation]
    messages: Messages
    steps: Steps | None = None
    """What went on inside, where that is known."""


class Operations:
    """The calls that a page shows; `number_of` has their numbers by their first events."""

    def __init__(self, contents: Contents) -> None:
        calls = contents.run.calls()
        self.total = len(calls)
        self.calls = _around(calls, contents.violations)
        self.number_of = {call.invocation.index: number for number, call in enumerate(self.calls)}
        self.clients = _clients(self.calls, contents)

    def columns(self) -> dict[str, Any]:
        """The calls as columns, with tables of the texts that they name by number."""
        functions, keys, nodes, clients = (Table(sys.maxsize) for _ in range(4))
        columns: dict[str, list[Any]] = {
            name: []
            for name in (
                *("process", "f", "key", "node", "client", "outcome"),
                *("begin", "end", "value", "error", "event"),
            )
        }
        for call, client in zip(self.calls, self.clients, strict=True):
            asked, told = call.invocation, call.completion
            row = {
                "process": asked.process,
                "f": functions.number(asked.f),
                "key": keys.number(shown(asked.key)),
                "node": nodes.number(asked.node or ""),
                "client": clients.number(client),
                "outcome": ("ok", "fail", "info").index(call.outcome),
                "begin": microseconds(asked.time),
                "end": -1 if told is None else microseconds(told.time),
                "value": shown(call.value),
                "error": "" if told is None or told.error is None else shown(told.error),
                "event": asked.index,
            }
            for name, value in row.items():
                columns[name].append(value)
        tables = {
            "functions": functions.texts,
            "keys": keys.texts,
            "nodes": nodes.texts,
            "clients": clients.texts,
        }
        return {"columns": columns, "tables": tables, "total": self.total}


def _around(calls: Sequence[Call], violations: Sequence[Violation]) -> Sequence[Call]:
    """The calls, or as many of them as a page holds: those of violations, and what is about."""
    if len(calls) <= OPERATIONS_MAX:
        return calls
    involved = {each.invoked for violation in violations for each in violation.part.operations}
    places = [n for n, call in enumerate(calls) if call.invocation.index in involved]
    begin = max(0, min(max(places, default=0) - OPERATIONS_MAX // 2, len(calls) - OPERATIONS_MAX))
    return [
        call
        for number, call in enumerate(calls)
        if begin <= number < begin + OPERATIONS_MAX or call.invocation.index in involved
    ]


def _clients(calls: Sequence[Call], contents: Contents) -> list[str]:
    """The client of each call, by the first request like it that nobody has laid claim to."""
    fields_of = contents.run.page.get("requests", EARLIER_REQUESTS)
    requests: Mapping[bytes, Sequence[Request]] = contents.messages.requests
    taken: dict[bytes, int] = {}
    clients = []
    for call in calls:
        event = call.invocation
        key = key_of_request(event, fields_of)
        place = taken.get(key, 0)
        alike = requests.get(key, ())
        while place < len(alike) and alike[place].sent < event.time:
            place += 1
        found = place < len(alike) and alike[place].sent <= event.time + REQUEST_LATE_NS
        clients.append(alike[place].client if found else "")
        taken[key] = place + found
    return clients


def key_of_request(
    event: Event, fields_of: Mapping[str, Sequence[str]] = EARLIER_REQUESTS
) -> bytes:
    """The `request_key` of what an invocation asks for, with the fields of that request.

    Of the fields other than `key`, one alone is the value, and several are the value as a list.
    """
    fields = fields_of.get(event.f, ("key", "value"))
    names = [name for name in fields if name != "key"]
    values = event.value if len(names) > 1 and isinstance(event.value, list) else [event.value]
    body = dict(zip(names, values, strict=False))
    if "key" in fields:
        body["key"] = event.key
    return request_key(event.node or "", event.f, body)


def microseconds(time: int) -> int:
    """Nanoseconds as whole microseconds."""
    return time // NANOSECONDS_PER_MICROSECOND


def shown(value: Json) -> str:
    """A value as JSON, shortened where it is long."""
    text = canonical_text(value)
    return text if len(text) <= VALUE_SHOWN_MAX else f"{text[:VALUE_SHOWN_MAX]} ..."
