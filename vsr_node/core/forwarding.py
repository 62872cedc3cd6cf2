"""From the client to the log: any replica takes a request, and gives it to the primary.

What waits (``waiting``) and was sent without an answer is sent again after a time-out, and to
each new primary. Its identity stays the same everywhere.

A request comes back to its sender in a PREPARE, after a round trip. If it has not come back when an
answer would be overdue, the request or its PREPARE is probably lost, so it is sent again early. The
primary may also only be slow, so each time is twice as long as the one before.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from . import change, standby
from .admission import Hearing, send_epoch
from .following import acknowledged_before, seen_requests
from .leading import (
    impossible_acknowledgement,
    log_requests,
    prefer_answers_of,
    send_missing,
    take_acknowledgement,
    want_answers,
    want_answers_to_new,
)
from .limits import BATCH_MAX, DOUBLINGS_MAX
from .messages import Entry, Message, Reconfiguration, Request
from .size import fitting, size_of_entry
from .status import Status
from .timers import Timer
from .waiting import (
    answer_known,
    held_entries,
    is_within,
    note_sent,
    overdue_entries,
    refuse_overdue_reads,
    sent_entries,
    unseen_requests,
    watch_sent,
)

if TYPE_CHECKING:
    from .replica import Replica


def submit_held(replica: Replica) -> None:
    """Give the held requests to the log or to the primary, if there is one to give them to."""
    entries = held_entries(replica)
    if entries:
        _submit(replica, entries)


def submit_again(replica: Replica) -> None:
    """Send anew all that was sent: there is a new primary, or the log went on unseen."""
    answer_known(replica)
    _submit(replica, sent_entries(replica))


def submit_overdue(replica: Replica) -> None:
    """Send again what has had no answer for a time-out."""
    answer_known(replica)
    refuse_overdue_reads(replica)
    standby.ask_next(replica)
    _submit(replica, overdue_entries(replica))
    watch_sent(replica)


def repeat_early(replica: Replica) -> None:
    """Send again what PREPARE should have brought back by now."""
    if not replica.is_following:
        return  # It is all sent to the next primary, or after a time-out.
    unseen = unseen_requests(replica, seen_requests(replica))
    patience = _patience(replica)
    late = [
        request
        for request in unseen
        if replica.now >= request.since + min(patience << request.repeats, replica.time_out)
    ]
    for request in late:
        request.repeats = min(request.repeats + 1, DOUBLINGS_MAX)
    _submit(replica, [request.entry for request in late])
    if unseen:
        replica.timers.start(Timer.REPEAT, replica.now + patience)


def _patience(replica: Replica) -> int:
    """Return how long a PREPARE may take that brings a request back."""
    # In a large group the primary may have held it for half a round trip.
    return replica.round_trip.smoothed // 2 + replica.answer_patience


def _submit(replica: Replica, entries: list[Entry]) -> None:
    """Send what it can of ``entries``."""
    if replica.accepts_requests:
        op_number = replica.op_number
        note_sent(replica, entries[: _log(replica, entries)])
        if replica.op_number > op_number:
            want_answers_to_new(replica)
        elif entries:
            want_answers(replica)
    elif (destination := _destination(replica)) is not None:
        # A standby's go behind the last word that it said as a member, with which an epoch begins.
        send = replica.send if replica.status is Status.STANDBY else replica.ask
        is_little = is_within(replica, replica.limits.batch_size)
        start = 0
        while start < len(entries):
            batch = tuple(entries[start : start + BATCH_MAX])
            if not is_little:
                batch = fitting(batch, replica.limits.batch_size, size_of_entry)
            acknowledged = acknowledged_before(replica)
            send((destination,), Request(replica.view_number, batch, *acknowledged))
            start += len(batch)
        note_sent(replica, entries)
        if replica.is_following:
            replica.timers.start_if_stopped(Timer.REPEAT, replica.now + _patience(replica))


def _destination(replica: Replica) -> str | None:
    """Return to whom requests are sent; None if to nobody now."""
    if replica.is_following:
        return replica.primary
    return standby.primary_to_ask(replica)


def _log(replica: Replica, entries: Sequence[Entry]) -> int:
    """Log requests, and consider those for other members; return how many of the first."""
    count = log_requests(replica, entries)
    while count < len(entries) and type(entries[count][2]) is Reconfiguration:
        change.consider(replica, entries[count])
        count += 1
        if not replica.accepts_requests:
            break
        count += log_requests(replica, entries[count:])
    return count


def on_forwarded(replica: Replica, source: str, message: Request) -> None:
    """Log what a backup took; a replica that can't leaves it to the sender to try again."""
    if source in replica.peers:
        is_of_view = message.view_number == replica.view_number
        if is_of_view:
            take_acknowledgement(replica, source, message)
        if replica.accepts_requests:
            op_number = replica.op_number
            count = _log(replica, message.entries)
            if replica.op_number > op_number:
                prefer_answers_of(replica, source)
            elif is_of_view and message.echo and count == len(message.entries):
                send_missing(replica, source)
    elif standby.may_hand_in(replica):
        standby.take_handed_in(replica, source, message.entries)
    else:
        send_epoch(replica, source)


HEARS: dict[type[Message], Hearing] = {
    Request: Hearing(
        on_forwarded,
        (Status.NORMAL, Status.VIEW_CHANGE, Status.STANDBY),
        impossible=impossible_acknowledgement,
        is_served_in_any_view=True,
        is_from_any_process=True,
    ),
}
