"""Describes the faults and messages around a violation."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import islice

import orjson

from vsr_node.checker import Event, KeyViolation
from vsr_node.report.messages import STOPPED, Message, Messages
from vsr_node.report.recorded_run import FaultSpan

LATE_OPERATIONS = 3
"""How many of the last operations of a failing part define the time around it."""

KINDS_SHOWN = 6
MESSAGES_SHOWN = 8
BODY_SHOWN_MAX = 90
NANOSECONDS_PER_SECOND = 1_000_000_000


def span_of(violation: KeyViolation) -> tuple[int, int]:
    """Return the begin and end (nanoseconds) of the last operations of the failing part."""
    events = violation.events
    late = violation.part.operations[-LATE_OPERATIONS:]
    begin = min(events[operation.invoked].time for operation in late)
    return begin, events[violation.part.culprit.completed or 0].time


def opening_of(violation: KeyViolation) -> int:
    """Return when the view of a violation opens, in nanoseconds.

    That is when the last change that was acknowledged before the bad operation began, or else the
    first operation of the failing part.
    """
    events, part = violation.events, violation.part
    begin = events[part.culprit.invoked].time
    changes = [
        events[each.invoked].time
        for each in part.operations
        if each.f not in violation.model.read_functions
        and each.completed is not None
        and events[each.completed].time <= begin
    ]
    return max(changes, default=min(events[each.invoked].time for each in part.operations))


def surroundings(
    violation: KeyViolation, faults: Sequence[FaultSpan], messages: Messages
) -> Iterator[str]:
    """Yield lines about the faults and messages of that time."""
    begin, end = span_of(violation)
    if not end:
        return  # The history has no times.
    lines = list(_around(violation, faults, messages, begin, end))
    if lines:
        yield f"Around it, {seconds(begin)} to {seconds(end)}:"
        yield from lines


def _around(
    violation: KeyViolation, faults: Sequence[FaultSpan], messages: Messages, begin: int, end: int
) -> Iterator[str]:
    met = [fault for fault in faults if fault.begin <= end and (fault.end or end) >= begin]
    if not met and faults:
        yield "  no fault was under way"
    for fault in met:
        until = "the end" if fault.end is None else seconds(fault.end)
        yield f"  fault: {fault.name} {fault.text}, {seconds(fault.begin)} to {until}"
    if messages.kept:
        yield f"  {_traffic(messages, begin, end)}"
        yield from _culprits_messages(violation, messages)


def _traffic(messages: Messages, begin: int, end: int) -> str:
    members = set(messages.nodes)
    counts: dict[str, int] = {}
    stopped = 0
    for message in messages.kept:
        within = begin <= message.sent <= end
        if within and message.source in members and message.destination in members:
            counts[message.kind] = counts.get(message.kind, 0) + 1
            stopped += message.fate in STOPPED
    total = sum(counts.values())
    if not total:
        return "no messages between servers"
    most = sorted(counts.items(), key=lambda item: -item[1])[:KINDS_SHOWN]
    kinds = ", ".join(f"{count} {kind}" for kind, count in most)
    return f"messages between servers: {total}, {stopped} of them stopped ({kinds})"


def _culprits_messages(violation: KeyViolation, messages: Messages) -> Iterator[str]:
    """Yield the messages of the culprit's node while it was under way.

    The operation's own request and its reply are always among them, and marked.
    """
    culprit = violation.part.culprit
    call = violation.events[culprit.invoked]
    begin, end = call.time, violation.events[culprit.completed or 0].time
    if call.node is None:
        return
    met = [
        message
        for message in messages.kept
        if message.sent <= end
        and message.ended >= begin
        and call.node in (message.source, message.destination)
    ]
    own = _own(call, met)
    others = [message for message in met if message not in own]
    shown = sorted([*own, *others[: max(0, MESSAGES_SHOWN - len(own))]])
    about = "sent and arrived (> its request, < its reply)"
    yield f"  messages of {call.node} during {violation.brief(culprit)}, {about}:"
    for message in shown:
        mark = " " if message not in own else "<" if message.source == call.node else ">"
        yield f"  {mark} {_in_a_line(message)}"
    if len(met) > len(shown):
        yield f"    and {len(met) - len(shown)} more"


def _own(call: Event, met: Sequence[Message]) -> list[Message]:
    """Return the request of an operation and the reply to it, as far as they are among these."""
    for request in met:
        body = _body(request)
        if request.sent >= call.time and _asks(request, body, call):
            client, msg_id = request.source, body.get("msg_id")
            replies = (
                reply
                for reply in met
                if (reply.source, reply.destination) == (call.node, client)
                and _body(reply).get("in_reply_to") == msg_id
            )
            return [request, *islice(replies, 1)]
    return []


def _asks(message: Message, body: Mapping[str, object], call: Event) -> bool:
    """Return whether a message is a client's request for an operation: by type, key and value."""
    if (message.destination, message.kind) != (call.node, call.f) or "msg_id" not in body:
        return False
    named = [body[name] for name in body if name not in ("type", "key", "msg_id")]
    return body.get("key") == call.key and named in ([], [call.value], call.value)


def _body(message: Message) -> Mapping[str, object]:
    """Return a message's body; empty if it was too long to be kept whole."""
    try:
        body = orjson.loads(message.body)
    except ValueError:
        return {}
    return body if isinstance(body, dict) else {}


def _in_a_line(message: Message) -> str:
    body = message.body.decode("utf-8", "replace")
    shown = body if len(body) <= BODY_SHOWN_MAX else f"{body[:BODY_SHOWN_MAX]} ..."
    fate = "" if message.fate == "delivered" else f" ({message.fate})"
    times = f"{message.sent / NANOSECONDS_PER_SECOND:.4f} to {seconds(message.ended, 4)}"
    return f"{times}  {message.source} -> {message.destination}{fate}  {shown}"


def seconds(time_ns: int, digits: int = 3) -> str:
    """Format a time in seconds."""
    return f"{time_ns / NANOSECONDS_PER_SECOND:.{digits}f} s"
