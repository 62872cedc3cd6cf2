"""Requests that wait at the replica that took them, and whom it answers when they are executed.

A request that a replica took *waits* until it is executed. It is *held* as long as the replica
has nobody to give it to: it is in a view change, or hears no primary, or no quorum. A request
that was held for one time-out is refused as never executed, which is certain, as it was neither
in a log nor sent on. One that was *sent*, to the own log or to another replica, waits until its
outcome is known.

A client should not use a number for two requests. If it does, the one that came later is *second*:
it is given to nobody and waits as long as the first. Once that was executed, this one never is.
"""

from __future__ import annotations

from collections.abc import Set
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from .client_table import FORGOTTEN, Recorded
from .limits import SECOND_MAX, WAITING_MAX
from .messages import CHANGES, Entries, Entry, Operation, Reason
from .status import Status
from .timers import Timer

if TYPE_CHECKING:
    from .replica import Replica


@dataclass(slots=True, eq=False, repr=False)
class WaitingRequest:
    """A request, and since when it is held or was last sent (microseconds)."""

    entry: Entry
    since: int
    size: int
    """At least that of the entry."""
    is_read: bool = False
    """It changes nothing, so it may be refused although it was sent."""
    repeats: int = 0
    """How many times it was sent again early."""


@dataclass(slots=True, eq=False, repr=False)
class Waiting:
    """The requests that this replica took and that have no answer yet, by client and number."""

    held: dict[tuple[str, int], WaitingRequest] = field(default_factory=dict)
    sent: dict[tuple[str, int], WaitingRequest] = field(default_factory=dict)
    """In the order of sending."""
    second: dict[Entry, WaitingRequest] = field(default_factory=dict)
    """Those whose client and number another one has that waits here. They are given to nobody."""
    size: int = 0
    """Size of all of them, and of those that had their answer since it was last counted."""


def take_request(
    replica: Replica,
    client: str,
    request_number: int,
    operation: Operation,
    size: int,
    *,
    is_read: bool = False,
) -> None:
    """Take a client's request. A repeated one gets the recorded reply, whoever executed it."""
    waiting = replica.waiting
    held, sent = waiting.held, waiting.sent
    known = replica.client_table.look_up(client, request_number, operation)
    key = (client, request_number)
    if known is not None:
        replica.answer(client, request_number, known)
        return
    if key in sent or key in held:
        _take_again(replica, client, request_number, operation, size)
        return
    request = WaitingRequest((client, request_number, operation), replica.now, size, is_read)
    size_max = replica.limits.waiting_size - size
    has_room = waiting.size <= size_max or is_within(replica, size_max)
    if has_room and len(held) + len(sent) < WAITING_MAX:
        if not held:
            replica.timers.start_if_stopped(Timer.HELD, replica.now + replica.time_out)
        held[key] = request
    elif any(_is_copy(logged, request.entry) for logged in _uncommitted(replica)):
        # Too late to refuse it. The log is bounded, and so is what waits for it.
        sent[key] = request
    else:
        replica.refuse(client, request_number, Reason.UNAVAILABLE)
        return
    waiting.size += size


def _take_again(
    replica: Replica, client: str, request_number: int, operation: Operation, size: int
) -> None:
    """Take a request whose number waits here: drop a repeated one, let another wait as second."""
    waiting = replica.waiting
    key, entry = (client, request_number), (client, request_number, operation)
    first = waiting.sent.get(key) or waiting.held[key]
    if first.entry == entry or entry in waiting.second:
        return
    if len(waiting.second) < SECOND_MAX and is_within(replica, replica.limits.waiting_size - size):
        waiting.second[entry] = WaitingRequest(entry, replica.now, size)
        waiting.size += size
    else:
        replica.refuse(client, request_number, Reason.UNAVAILABLE)


def held_entries(replica: Replica) -> list[Entry]:
    """Return the requests that were given to nobody yet."""
    held = replica.waiting.held
    return [request.entry for request in held.values()] if held else []


def sent_entries(replica: Replica) -> list[Entry]:
    """Return the requests that were sent, the oldest first."""
    return [request.entry for request in replica.waiting.sent.values()]


def unseen_requests(replica: Replica, seen: Set[tuple[str, int]]) -> list[WaitingRequest]:
    """Return the requests that were sent and are not among ``seen``, the oldest first."""
    return [
        request
        for key, request in replica.waiting.sent.items()
        if key not in seen and not request.is_read
    ]


def overdue_entries(replica: Replica) -> list[Entry]:
    """Return the requests that were sent and have had no answer for a time-out."""
    deadline = replica.now - replica.time_out
    overdue = []
    for request in replica.waiting.sent.values():
        if request.since > deadline:
            break
        overdue.append(request.entry)
    return overdue


def refuse_overdue_reads(replica: Replica) -> None:
    """Refuse the reads that went the way of requests and have had no answer for a time-out."""
    sent = replica.waiting.sent
    for client, request_number, _ in overdue_entries(replica):
        if sent[client, request_number].is_read:
            del sent[client, request_number]
            replica.refuse(client, request_number, Reason.UNAVAILABLE)


def is_waiting(replica: Replica, key: tuple[str, int]) -> bool:
    """Return whether a request of this client and number waits here."""
    return key in replica.waiting.sent or key in replica.waiting.held


def take_away(replica: Replica, key: tuple[str, int]) -> bool:
    """Drop a request that is answered elsewhere; return whether it waited here."""
    waiting = replica.waiting
    request = waiting.sent.pop(key, None) or waiting.held.pop(key, None)
    if waiting.second:
        _answer_second(replica)
    return request is not None


def is_within(replica: Replica, size_max: int) -> bool:
    """Return whether the requests that wait have at most this size together."""
    waiting = replica.waiting
    if waiting.size > size_max:
        # Counted only now: to subtract each answered request would cost more.
        waiting.size = sum(
            request.size
            for requests in (waiting.held, waiting.sent, waiting.second)
            for request in requests.values()
        )
    return waiting.size <= size_max


def note_sent(replica: Replica, entries: list[Entry]) -> None:
    """Count waiting requests as sent now."""
    held, sent = replica.waiting.held, replica.waiting.sent
    some_were_held = bool(held)
    if some_were_held and len(entries) == len(held) and entries[0][:2] in held:
        # They are all that is held, as in most turns.
        for each in held.values():
            each.since = replica.now
        sent.update(held)
        held.clear()
    else:
        for client, request_number, _ in entries:
            key = (client, request_number)
            # Put at the end, wherever it stood.
            request = held.pop(key, None) or sent.pop(key)
            request.since = replica.now
            sent[key] = request
    if some_were_held and not held:
        replica.timers.stop(Timer.HELD)
    watch_sent(replica)


def watch_sent(replica: Replica) -> None:
    """Start the time after which requests without an answer are sent again."""
    sent = replica.waiting.sent
    if sent:
        oldest = next(iter(sent.values()))
        # What is overdue and could not be sent is not looked at without pause.
        soonest = replica.now + replica.time_out // 4
        deadline = max(oldest.since + replica.time_out, soonest)
        replica.timers.start_if_stopped(Timer.FORWARD, deadline)


def answer_executed(
    replica: Replica,
    first_op_number: int,
    entries: Entries,
    outcomes: list[Recorded | Reason],
) -> None:
    """Answer what was just executed, where that is this replica's task."""
    waiting = replica.waiting
    held, sent = waiting.held, waiting.sent
    primary_answers_from = _primary_answers_from(replica)
    primary_answers = replica.is_primary and primary_answers_from <= replica.commit_number
    if sent or held or primary_answers:
        for op_number, (client, request_number, operation) in enumerate(entries, first_op_number):
            request = sent.pop((client, request_number), None)
            if request is None and held:
                request = held.pop((client, request_number), None)
            if request is not None and request.entry[2] != operation:
                _answer_other(replica, request)
                request = None
            is_due = primary_answers if op_number >= primary_answers_from else request is not None
            if is_due:
                replica.answer(client, request_number, outcomes[op_number - first_op_number])
    if waiting.second:
        _answer_second(replica)
    if not sent:
        replica.timers.stop(Timer.REPEAT)


def _answer_other(replica: Replica, request: WaitingRequest) -> None:
    """Answer a request whose number another one has that was just executed."""
    client, request_number, _ = request.entry
    known = replica.client_table.look_up(*request.entry)
    replica.answer(client, request_number, known or FORGOTTEN)


def _primary_answers_from(replica: Replica) -> int:
    """Return the first op_number that the primary answers, whoever took the request.

    Where a backup commits by itself (quorum of two), the replica that took the request answers
    it, so the number is one that the log has not reached. In larger groups the primary answers
    what was logged in its view, as the others learn of the commit only later; the replica that
    took a request answers it if the view inherited it. A session has a connection to the replica
    that took its request, and maybe none to the primary.
    """
    is_large = replica.membership.quorum > 2 and replica.status is Status.NORMAL
    if is_large and not replica.limits.registered:
        return replica.inherited_op_number + 1
    return replica.log.op_number + 1


def answer_known(replica: Replica) -> None:
    """Answer what waits and has been decided without being executed here just now.

    The state may have come from elsewhere, or the request may have fallen out of its client's
    window, so that nobody will ever execute it.
    """
    for requests in (replica.waiting.held, replica.waiting.sent):
        for key, request in list(requests.items()):
            known = replica.client_table.look_up(*request.entry)
            if known is not None:
                del requests[key]
                replica.answer(*key, known)
    _answer_second(replica)


def _answer_second(replica: Replica) -> None:
    """Answer the second requests whose first ones wait no more."""
    waiting = replica.waiting
    for entry in list(waiting.second):
        key = entry[:2]
        if key not in waiting.held and key not in waiting.sent:
            del waiting.second[entry]
            known = replica.client_table.look_up(*entry)
            replica.answer(*key, known or Reason.UNAVAILABLE)


def refuse_held(replica: Replica) -> None:
    """Refuse what was held for a time-out. It was nowhere else, so nobody will execute it."""
    _notice_logged(replica)
    held = replica.waiting.held
    for key, request in list(held.items()):
        deadline = request.since + replica.time_out
        if deadline > replica.now:
            replica.timers.start(Timer.HELD, deadline)
            break
        del held[key]
        replica.refuse(*key, Reason.UNAVAILABLE)
    _answer_second(replica)


def _notice_logged(replica: Replica) -> None:
    """Count a held request as sent if it has come into the own log by another way."""
    waiting = replica.waiting
    for entry in _uncommitted(replica):
        key = entry[:2]
        request = waiting.held.get(key)
        if request is not None and _is_copy(entry, request.entry):
            waiting.sent[key] = waiting.held.pop(key)
    watch_sent(replica)


def _is_copy(logged: Entry, entry: Entry) -> bool:
    """Return whether a logged entry is of a request; of a change more is logged than was asked."""
    return logged == entry or (
        logged[:2] == entry[:2] and type(logged[2]) in CHANGES and type(entry[2]) in CHANGES
    )


def _uncommitted(replica: Replica) -> Entries:
    return replica.log.suffix(replica.commit_number + 1)


def give_up(replica: Replica) -> None:
    """Refuse all, as nobody will answer later: held requests for certain, sent ones not."""
    _notice_logged(replica)
    for key in replica.waiting.held:
        replica.refuse(*key, Reason.UNAVAILABLE)
    for client, request_number, _ in replica.waiting.second:
        replica.refuse(client, request_number, Reason.UNAVAILABLE)
    for key in replica.waiting.sent:
        replica.refuse(*key, Reason.OUTCOME_UNKNOWN)
    replica.waiting = Waiting()
