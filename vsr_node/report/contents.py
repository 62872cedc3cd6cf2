"""The contents of a page, and the operations that it shows."""

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from vsr_node.checker import Event, KeyViolation, Operation
from vsr_node.checker.history import Call, Json, canonical_text
from vsr_node.report.judged import Judged
from vsr_node.report.messages import (
    NANOSECONDS_PER_MICROSECOND,
    Messages,
    Request,
    Table,
    request_key,
)
from vsr_node.report.node_logs import LogLine
from vsr_node.report.recorded_run import EARLIER_REQUESTS, RecordedRun
from vsr_node.report.steps import Steps
from vsr_node.report.traces import Trace

OUTCOMES = ("ok", "answered no", "refused", "timed out", "unknown")
"""What became of an operation. Answered no: a compare-and-set that found another value or no key.
Refused: the node did not serve it, and it did not happen. Unknown: it may have happened."""

ANSWERED_NO = frozenset(
    {20, 21, 22, "key-does-not-exist", "key-already-exists", "precondition-failed"}
)
TIMED_OUT = frozenset({0, "net-timeout", "timeout", "timed-out"})

OPERATIONS_MAX = 200_000
VALUE_SHOWN_MAX = 200
REQUEST_LATE_NS = 1_000_000_000
"""The longest time from an operation's invocation to the sending of its request."""


@dataclass(frozen=True, slots=True)
class PageContents:
    """The contents of a page."""

    run: RecordedRun
    violations: Sequence[KeyViolation]
    messages: Messages
    steps: Steps | None = None
    """The inside of the run; None if it was not observed."""
    orders: Sequence[Sequence[Operation]] = ()
    """For each key that was checked, the order that the checker found."""
    log: Sequence[LogLine] = ()
    """The stderr of the nodes, in order of time."""
    traces: Mapping[str, Trace] = field(default_factory=dict)
    """What nodes traced themselves."""
    files: Sequence[str] = ()
    """The files beside the page that it links to."""
    judged: Judged | None = None
    """What is wrong with the history of a workload; None if ``violations`` have it, or nothing."""


class Operations:
    """The calls that a page shows; ``number_of`` maps their first events to their numbers."""

    def __init__(self, contents: PageContents) -> None:
        calls = contents.run.calls()
        self.total = len(calls)
        self.calls = _around(calls, contents.violations)
        self.number_of = {call.invocation.index: number for number, call in enumerate(self.calls)}
        self.clients = _clients(self.calls, contents)
        self._places = _places(contents.orders)

    def columns(self) -> dict[str, Any]:
        """Return the calls as columns, with tables of the texts that they refer to by number."""
        functions, keys, nodes, clients = (Table(sys.maxsize) for _ in range(4))
        invocations = [call.invocation for call in self.calls]
        columns: dict[str, list[Any]] = {
            "process": [event.process for event in invocations],
            "f": [functions.number(event.f) for event in invocations],
            "key": [keys.number(shown(event.key)) for event in invocations],
            "node": [nodes.number(event.node or "") for event in invocations],
            "client": [clients.number(client) for client in self.clients],
            "outcome": [OUTCOMES.index(outcome_of(call)) for call in self.calls],
            "begin": [microseconds(event.time) for event in invocations],
            "end": [_end(call) for call in self.calls],
            "value": [shown(call.value) for call in self.calls],
            "error": [_error(call) for call in self.calls],
            "event": [event.index for event in invocations],
            "place": [self._places.get(event.index, 0) for event in invocations],
        }
        tables = {
            "functions": functions.texts,
            "keys": keys.texts,
            "nodes": nodes.texts,
            "clients": clients.texts,
        }
        return {"columns": columns, "tables": tables, "total": self.total}


def _places(orders: Sequence[Sequence[Operation]]) -> dict[int, int]:
    """Return the place of each operation in its key's order, from 1 on, by its first event."""
    return {
        operation.invoked: place
        for order in orders
        for place, operation in enumerate(order, start=1)
    }


def outcome_of(call: Call) -> str:
    """Return which of ``OUTCOMES`` an operation had."""
    if call.outcome == "ok":
        return "ok"
    error = None if call.completion is None else call.completion.error
    code = error[0] if isinstance(error, list) and error else error
    if isinstance(code, int | str) and code in TIMED_OUT:
        return "timed out"
    if call.outcome == "info":
        return "unknown"
    return "answered no" if isinstance(code, int | str) and code in ANSWERED_NO else "refused"


def _end(call: Call) -> int:
    return -1 if call.completion is None else microseconds(call.completion.time)


def _error(call: Call) -> str:
    error = None if call.completion is None else call.completion.error
    return "" if error is None else shown(error)


def _around(calls: Sequence[Call], violations: Sequence[KeyViolation]) -> Sequence[Call]:
    """Return as many calls as a page holds: those of violations, and others around them."""
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


def _clients(calls: Sequence[Call], contents: PageContents) -> list[str]:
    """Return the client of each call: the sender of the first matching request not used yet.

    An operation without a request, such as a crash, has none.
    """
    first_requests = contents.run.first_requests
    fields_of = contents.run.page.get("requests", EARLIER_REQUESTS)
    requests: Mapping[bytes, Sequence[Request]] = contents.messages.requests
    taken: dict[bytes, int] = {}
    clients = []
    for call in calls:
        event = call.invocation
        first = first_requests.get(event.f)
        key = (
            key_of_request(event, fields_of)
            if first is None
            else request_key(event.node or "", first, {})
        )
        place = taken.get(key, 0)
        alike = requests.get(key, ())
        while place < len(alike) and alike[place].sent < event.time:
            place += 1
        latest = event.time + REQUEST_LATE_NS
        if call.completion is not None:
            latest = min(latest, call.completion.time)
        found = place < len(alike) and alike[place].sent <= latest
        clients.append(alike[place].client if found else "")
        taken[key] = place + 1 if found else place
    return clients


def key_of_request(
    event: Event, fields_of: Mapping[str, Sequence[str]] = EARLIER_REQUESTS
) -> bytes:
    """Return the ``request_key`` of an invocation whose request has these fields.

    Of the fields other than ``key``, one alone is the value; several are the value as a list.
    """
    fields = fields_of.get(event.f, ("key", "value"))
    names = [name for name in fields if name != "key"]
    values = event.value if len(names) > 1 and isinstance(event.value, list) else [event.value]
    body = dict(zip(names, values, strict=False))
    if "key" in fields:
        body["key"] = event.key
    return request_key(event.node or "", event.f, body)


def microseconds(time_ns: int) -> int:
    """Convert nanoseconds to whole microseconds."""
    return time_ns // NANOSECONDS_PER_MICROSECOND


def shown(value: Json) -> str:
    """Format a value as JSON, shortened if it is long."""
    text = canonical_text(value)
    return text if len(text) <= VALUE_SHOWN_MAX else f"{text[:VALUE_SHOWN_MAX]} ..."
