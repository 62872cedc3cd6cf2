"""From the client to the log: requests are taken by any replica and reach the primary.

A request that a replica took *waits* until it is executed. It is *held* as long as nobody could
be given it: the replica is in a view change, or hears no primary, or no quorum. A request that
was held for one time-out is refused as never executed, which is certain, as it was never in a
log nor sent on. One that was *sent*, to the own log or to another replica, waits until its
outcome is known: it is sent again after a time-out and to each new primary. Its identity stays
the same everywhere.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from .execution import answer
from .messages import Entry, Operation, Reason, Refusal, Request
from .normal_operation import BATCH_MAX, log_requests
from .timers import Timer

if TYPE_CHECKING:
    from .replica import Replica

WAITING_MAX = 16_384
"""Requests that wait at one replica; beyond it new ones are refused."""


@dataclass(slots=True)
class Waiting:
    """A request that waits, and since when it is held or was last sent (microseconds)."""

    entry: Entry
    since: int


def take_request(replica: Replica, client: str, request_number: int, operation: Operation) -> None:
    """A client asks. A repeated request gets the recorded reply, whoever executed it."""
    known = replica.client_table.look_up(client, request_number)
    key = (client, request_number)
    if known is not None:
        answer(replica, client, request_number, known)
    elif key in replica.sent or key in replica.held:
        return
    elif len(replica.held) + len(replica.sent) >= WAITING_MAX:
        if key in _uncommitted_keys(replica):
            # Too late to refuse it. The log is bounded, and so is what waits for it.
            replica.sent[key] = Waiting((client, request_number, operation), replica.now)
        else:
            replica.replies.append(Refusal(client, request_number, Reason.UNAVAILABLE))
    else:
        if not replica.held:
            replica.timers.start_if_stopped(Timer.HELD, replica.now + replica.time_out)
        replica.held[key] = Waiting((client, request_number, operation), replica.now)


def submit_held(replica: Replica) -> None:
    """Gives the held requests to the log or to the primary, if there is one to give them to."""
    _submit(replica, replica.held)
    if not replica.held:
        replica.timers.stop(Timer.HELD)


def submit_again(replica: Replica) -> None:
    """There is a new primary, or the log went on unseen: all that was sent is sent anew."""
    answer_known(replica)
    _submit(replica, dict(replica.sent))


def answer_known(replica: Replica) -> None:
    """Answers what waits and has been decided without being executed here just now.

    The state may have come from elsewhere, or the request may have fallen out of its client's
    window, so that nobody will ever execute it.
    """
    for requests in (replica.held, replica.sent):
        for key in list(requests):
            known = replica.client_table.look_up(*key)
            if known is not None:
                del requests[key]
                answer(replica, *key, known)


def submit_overdue(replica: Replica) -> None:
    """Sends again what has had no answer for a time-out; ``sent`` is in the order of sending."""
    answer_known(replica)
    deadline = replica.now - replica.time_out
    overdue = {}
    for key, waiting in replica.sent.items():
        if waiting.since > deadline:
            break
        overdue[key] = waiting
    _submit(replica, overdue)
    _watch_sent(replica)


def _submit(replica: Replica, requests: dict[tuple[str, int], Waiting]) -> None:
    """Sends what it can of ``requests``, and takes out of ``requests`` what it sent."""
    if replica.is_serving_primary:
        count = log_requests(replica, (waiting.entry for waiting in requests.values()))
        submitted = list(requests)[:count]
    elif replica.is_following:
        submitted = list(requests)
        for start in range(0, len(submitted), BATCH_MAX):
            batch = [requests[key].entry for key in submitted[start : start + BATCH_MAX]]
            replica.ask((replica.primary,), Request(replica.view_number, tuple(batch)))
    else:
        return
    for key in submitted:
        waiting = requests.pop(key)
        waiting.since = replica.now
        # Put at the end, wherever it stood.
        replica.sent.pop(key, None)
        replica.sent[key] = waiting
    _watch_sent(replica)


def _watch_sent(replica: Replica) -> None:
    if replica.sent:
        oldest = next(iter(replica.sent.values()))
        # What is overdue and could not be sent is not looked at without pause.
        soonest = replica.now + replica.time_out // 4
        deadline = max(oldest.since + replica.time_out, soonest)
        replica.timers.start_if_stopped(Timer.FORWARD, deadline)


def on_forwarded(replica: Replica, _source: str, message: Request) -> None:
    """The primary logs what a backup took; anybody else leaves it to the sender to try again."""
    if replica.is_serving_primary:
        log_requests(replica, message.entries)


def refuse_held(replica: Replica) -> None:
    """Refuses what was held for a time-out. It was nowhere else, so nobody will execute it."""
    _notice_logged(replica)
    for key, waiting in list(replica.held.items()):
        deadline = waiting.since + replica.time_out
        if deadline > replica.now:
            replica.timers.start(Timer.HELD, deadline)
            return
        del replica.held[key]
        replica.replies.append(Refusal(*key, Reason.UNAVAILABLE))


def _notice_logged(replica: Replica) -> None:
    """What this replica holds may have come into its log by another way: then it counts as sent."""
    for key in _uncommitted_keys(replica):
        waiting = replica.held.pop(key, None)
        if waiting is not None:
            replica.sent[key] = waiting
    _watch_sent(replica)


def _uncommitted_keys(replica: Replica) -> list[tuple[str, int]]:
    uncommitted = replica.log.suffix(replica.commit_number + 1)
    return [(client, request_number) for client, request_number, _ in uncommitted]


def give_up(replica: Replica) -> None:
    """Nobody will answer later: what was held is certain, what was sent is not."""
    _notice_logged(replica)
    for key in replica.held:
        replica.replies.append(Refusal(*key, Reason.UNAVAILABLE))
    for key in replica.sent:
        replica.replies.append(Refusal(*key, Reason.OUTCOME_UNKNOWN))
    replica.held.clear()
    replica.sent.clear()
