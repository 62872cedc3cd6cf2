"""Describes the faults and messages around a violation."""

from collections.abc import Iterator, Sequence

from vsr_node.checker import KeyViolation
from vsr_node.report.messages import STOPPED, Messages
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
    yield f"  messages of {call.node} during {violation.brief(culprit)}:"
    for message in met[:MESSAGES_SHOWN]:
        body = message.body.decode("utf-8", "replace")
        shown = body if len(body) <= BODY_SHOWN_MAX else f"{body[:BODY_SHOWN_MAX]} ..."
        fate = "" if message.fate == "delivered" else f" ({message.fate})"
        way = f"{message.source} -> {message.destination}"
        yield f"    {seconds(message.sent, 4)}  {way}{fate}  {shown}"
    if len(met) > MESSAGES_SHOWN:
        yield f"    and {len(met) - MESSAGES_SHOWN} more"


def seconds(time_ns: int, digits: int = 3) -> str:
    """Format a time in seconds."""
    return f"{time_ns / NANOSECONDS_PER_SECOND:.{digits}f} s"
