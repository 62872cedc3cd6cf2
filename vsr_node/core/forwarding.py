"""From the client to the log: any replica takes a request, and gives it to the primary.

What waits (``waiting``) and was sent without an answer is sent again after a time-out, and to
each new primary. Its identity stays the same everywhere.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .admission import Hearing
from .leading import log_requests, prefer_answers_of
from .limits import BATCH_MAX
from .messages import Entry, Message, Request
from .size import fitting, size_of_entry
from .status import Status
from .waiting import (
    answer_known,
    held_entries,
    is_within,
    note_sent,
    overdue_entries,
    sent_entries,
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
    _submit(replica, overdue_entries(replica))
    watch_sent(replica)


def _submit(replica: Replica, entries: list[Entry]) -> None:
    """Send what it can of ``entries``."""
    if replica.is_serving_primary:
        note_sent(replica, entries[: log_requests(replica, entries)])
    elif replica.is_following:
        is_little = is_within(replica, replica.limits.batch_size)
        start = 0
        while start < len(entries):
            batch = tuple(entries[start : start + BATCH_MAX])
            if not is_little:
                batch = fitting(batch, replica.limits.batch_size, size_of_entry)
            replica.ask((replica.primary,), Request(replica.view_number, batch))
            start += len(batch)
        note_sent(replica, entries)


def on_forwarded(replica: Replica, source: str, message: Request) -> None:
    """Log what a backup took; a replica that can't leaves it to the sender to try again."""
    if replica.is_serving_primary:
        prefer_answers_of(replica, source)
        log_requests(replica, message.entries)


HEARS: dict[type[Message], Hearing] = {
    Request: Hearing(on_forwarded, (Status.NORMAL,), is_served_in_any_view=True),
}
