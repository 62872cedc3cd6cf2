"""The primary's side of normal operation (VRR section 4.1): PREPARE out, PREPARE_OK in, COMMIT.

The primary logs requests and sends each turn's worth of them in one PREPARE, without waiting for
earlier ones (pipelining). An entry is committed when a quorum holds it in this view.

All backups get each entry, but only as many as a quorum needs answer: those that answered last
time (``Leading.answerers``). Others would add nothing to the quorum. When an answer is overdue, all
are asked (``on_resend``), and the first ones that answer in full are those that answer from then
on. So a backup that dies or falls behind delays operations once, by some tens of milliseconds and
two round trips. One that is not asked and misses an entry notices it at the next PREPARE or COMMIT.
One that was not heard for two time-outs is asked, so that a backup which hears and is not heard is
noticed.

A READ_OK of the primary is a sign of life, too. In a group of two or three, where a backup needs no
commit_number to commit, a heartbeat goes only to those that were sent neither for an interval. A
primary that has stopped must then not answer READ: else a backup that reads would follow it for
ever.

In a group of seven and more an entry costs so many messages that entries had better share them:
while a PREPARE is under way, new ones are held until it is committed, but not for longer than half
a round trip. In smaller groups holding would save little, and delay operations all the same.

In a group of two or three nobody answers the PREPARE of what a backup asked for, unless somebody
waits for it at the primary (``_is_awaited``). That backup commits and answers it by itself, and
acknowledges it with the next REQUEST or READ, or when the proof of a quorum is wanted again. What
it lost, it asks for again.

A primary that gets no answers to its own recent messages from a quorum stops sending anything at
all. Otherwise one that can send but not receive would keep the others from moving on forever. So a
heartbeat wants answers when the newest proof of a quorum is older than one interval and a half, and
asks all when it is older than two and a half. The time-out is three and the bound of a round trip.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from .admission import Hearing
from .execution import commit_up_to
from .limits import BATCH_MAX, RESEND_MAX, UNCOMMITTED_MAX
from .messages import (
    Commit,
    Entries,
    Entry,
    Message,
    Prepare,
    PrepareOk,
    Read,
    Reconfiguration,
    Request,
)
from .size import count_within, size_of_all, size_of_entry
from .status import Status
from .timers import HEARTBEATS_MISSED, RESEND_SLACK, Timer

if TYPE_CHECKING:
    from .replica import Replica


UNHEARD_TIME_OUTS = 2
"""A backup that was not heard for so many time-outs is asked for an answer, so that it is missed
(``links``)."""

HOLDING_SIZE = 7
"""Groups of so many members hold new entries while a PREPARE is under way."""

_TOO_MUCH = "it acknowledges more than this view's log has"


@dataclass(slots=True, eq=False, repr=False)
class Leading:
    """What the primary of one view knows of its backups, and of the requests in its log."""

    since: int
    """The view began just after this moment, so only echoes of a later one count."""
    in_log: dict[tuple[str, int], int]
    """The op_number of each uncommitted request, and of some committed ones."""
    acknowledged: dict[str, int]
    """Up to which op_number each backup holds this view's log."""
    prepared_op_number: int
    """All up to here was sent to the backups."""
    uncommitted_size: int
    """Size of the entries above commit_number, and of those that were logged with one of them."""
    logged_sizes: deque[tuple[int, int]]
    """What ``uncommitted_size`` is made of: entries logged together, by the last's op_number."""
    heard_at: int
    """When that was sent which the newest answers of a quorum echo."""
    answerers: tuple[str, ...]
    """The backups whose answers are wanted: all, or as many as a quorum needs."""
    prepared_at: int = 0
    """When entries were last prepared."""
    unprepared_size: int = 0
    """Size of the entries above ``prepared_op_number``, or more."""
    others: tuple[str, ...] = ()
    """The backups whose answers are not wanted."""
    asks_all: bool = True
    """Whether all are to answer, until as many as a quorum needs have done so."""
    asked_at: int = 0
    """When the newest message that wants an answer was sent."""
    spoken_at: dict[str, int] = field(default_factory=dict)
    """When a backup was last sent a COMMIT or READ_OK."""
    all_heard_at: int = 0
    """All backups have answered what was sent then, or were asked then."""
    watched: dict[str, int] = field(default_factory=dict)
    """What those that were to answer had acknowledged when RESEND was started."""
    watched_op_number: int = 0
    """``asked_op_number`` when RESEND was started."""
    watched_at: int = 0
    """``asked_at`` when RESEND was started."""
    asked_op_number: int = 0
    """``prepared_op_number`` when the newest message that wants an answer was sent."""
    is_awaited: bool = False
    """Whether the next PREPARE wants answers."""
    preferred: str | None = None
    """The backup that is to answer next; None if it is to be the one that did last."""
    is_closed: bool = False
    """The log ends with the entry that ends the epoch: nothing may stand behind it."""


def begin(replica: Replica) -> None:
    """Begin to serve as the primary of the present view, in normal status."""
    assert replica.is_primary
    # The answer to what is sent in this very turn is the first that counts.
    since = replica.now - 1
    replica.round_trip.count_echoes_from(replica.peers, since)
    first_op_number = replica.commit_number + 1
    entries = replica.log.suffix(first_op_number)
    size = sum(map(size_of_entry, entries))
    uncommitted = enumerate(entries, first_op_number)
    leading = Leading(
        since=since,
        in_log={(client, number): op_number for op_number, (client, number, _) in uncommitted},
        acknowledged=dict.fromkeys(replica.peers, 0),
        prepared_op_number=replica.log.op_number,
        uncommitted_size=size,
        logged_sizes=deque([(replica.log.op_number, size)]),
        heard_at=since,
        answerers=replica.peers,
        is_closed=bool(entries) and ends_epoch(replica, entries[-1]),
    )
    replica.begin_phase(Status.NORMAL, leading)
    if replica.peers:
        replica.timers.start(Timer.HEARTBEAT, replica.now)
        replica.timers.start(Timer.SUSPECT, replica.now + replica.patience)
        _watch_answers(replica, leading)


def ends_epoch(replica: Replica, entry: Entry) -> bool:
    """Return whether an entry of the present epoch begins the next one."""
    operation = entry[2]
    return isinstance(operation, Reconfiguration) and operation.epoch > replica.membership.epoch


def is_closed(replica: Replica) -> bool:
    """Return whether the primary's log ends with the entry that ends the epoch."""
    return replica.leading is not None and replica.leading.is_closed


def is_heard(replica: Replica, peer: str, moment: int) -> bool:
    """Return whether a backup has answered in this view what was sent after ``moment``."""
    leading = replica.leading
    assert leading is not None
    return replica.round_trip.echoed[peer] > max(moment, leading.since)


def log_change(replica: Replica, entry: Entry) -> None:
    """Put the outcome of a request for a change into the log; it may be what ends the epoch."""
    leading = replica.leading
    assert leading is not None
    assert replica.accepts_requests, "nothing stands behind the end of an epoch"
    client, request_number, _ = entry
    replica.append((entry,))
    leading.in_log[client, request_number] = replica.log.op_number
    _count_size(leading, replica.log.op_number, size_of_entry(entry))
    leading.is_awaited = True
    leading.is_closed = ends_epoch(replica, entry)


def is_logged(replica: Replica, entry: Entry) -> bool:
    """Return whether a request is executed, or in the primary's log and not yet committed."""
    leading = replica.leading
    assert leading is not None
    return (
        leading.in_log.get(entry[:2], 0) > replica.commit_number
        or replica.client_table.look_up(*entry) is not None
    )


def log_requests(replica: Replica, entries: Sequence[Entry]) -> int:
    """Put requests into the log that are not there yet, nor another of the same client and number.

    Return how many of ``entries`` are in the log or executed, up to the first without room, or the
    first that asks for other members.
    Exactly-once does not depend on the look-ups here: execution decides it (``execution``).
    """
    assert replica.accepts_requests, "only a primary in touch with a quorum orders requests"
    leading = replica.leading
    assert leading is not None
    commit_number, op_number = replica.commit_number, replica.log.op_number
    if len(leading.in_log) > BATCH_MAX + 2 * (op_number - commit_number):
        _forget_committed(leading, commit_number)
    size, room = size_of_all(entries), _room(replica, leading)
    if size > room:
        # A single entry always has room.
        count_max = count_within(map(size_of_entry, entries), room)
        entries = entries[: max(count_max, op_number == commit_number)]
        size = size_of_all(entries)
    in_log, look_up = leading.in_log, replica.client_table.look_up
    new: list[Entry] = []
    count = 0
    for entry in entries:
        client, request_number, operation = entry
        if type(operation) is Reconfiguration:
            break
        key = (client, request_number)
        if (
            in_log.get(key, 0) <= commit_number
            and look_up(client, request_number, operation) is None
        ):
            if op_number - commit_number >= UNCOMMITTED_MAX:
                break
            op_number += 1
            in_log[key] = op_number
            new.append(entry)
        count += 1
    if new:
        replica.append(new)
        _count_size(leading, op_number, size)
    return count


def _count_size(leading: Leading, op_number: int, size: int) -> None:
    """Count the size of what was logged together, up to ``op_number``."""
    leading.logged_sizes.append((op_number, size))
    leading.uncommitted_size += size
    leading.unprepared_size += size


def _room(replica: Replica, leading: Leading) -> int:
    """Return how much the uncommitted log may still grow in size."""
    commit_number, logged_sizes = replica.commit_number, leading.logged_sizes
    while logged_sizes and logged_sizes[0][0] <= commit_number:
        leading.uncommitted_size -= logged_sizes.popleft()[1]
    return replica.limits.uncommitted_size - leading.uncommitted_size


def _forget_committed(leading: Leading, commit_number: int) -> None:
    leading.in_log = {
        key: op_number for key, op_number in leading.in_log.items() if op_number > commit_number
    }


def on_prepare_ok(replica: Replica, source: str, message: PrepareOk) -> None:
    """Note how much of the log a backup holds; what a quorum holds is committed (VRR 4.1)."""
    leading = replica.leading
    assert leading is not None
    replica.round_trip.add_echo(source, message.echo, replica.now)
    leading.acknowledged[source] = max(leading.acknowledged[source], message.op_number)
    _hear_quorum(replica, leading)
    if message.op_number > replica.commit_number:
        _commit_what_a_quorum_holds(replica, leading)
    if leading.asks_all:
        _choose_answerers(replica, leading)
    if message.op_number < leading.asked_op_number and source in leading.answerers:
        _start_watch(replica, leading)


def take_acknowledgement(replica: Replica, source: str, message: Request | Read) -> None:
    """Take in, as the primary, what a backup of this view acknowledges with what it asks for."""
    leading = replica.leading
    if leading is None:
        return
    replica.round_trip.note_echo(source, message.echo, replica.now)
    if message.op_number > leading.acknowledged[source]:
        leading.acknowledged[source] = message.op_number
        if message.op_number > replica.commit_number:
            _commit_what_a_quorum_holds(replica, leading)


def impossible_acknowledgement(
    replica: Replica, _source: str, message: Request | Read
) -> str | None:
    """Check what comes along with REQUEST and READ."""
    is_of_view = replica.is_primary and message.view_number == replica.view_number
    if is_of_view and message.op_number > replica.op_number:
        return _TOO_MUCH
    return None


def hears_quorum(replica: Replica) -> bool:
    """Restart a primary's time-out from a quorum's newest answers; return whether it still runs."""
    leading = replica.leading
    if leading is None:
        return False
    _hear_quorum(replica, leading)
    return leading.heard_at + replica.patience > replica.now


def want_answers_to_new(replica: Replica) -> None:
    """Let the next PREPARE want answers, as somebody here waits for what it brings."""
    leading = replica.leading
    assert leading is not None
    leading.is_awaited = True


def want_answers(replica: Replica) -> None:
    """Ask, as the primary, for answers to all that was sent, unless they are wanted already."""
    leading = replica.leading
    if leading is None or not replica.peers or not replica.is_serving_primary:
        return
    if leading.asked_op_number < leading.prepared_op_number:
        _send_to_all(replica, leading, _commit(replica))
        _put_heartbeat_off(replica)


def send_missing(replica: Replica, source: str) -> None:
    """Send a backup that repeats a request what it lacks: it was lost on its way there."""
    leading = replica.leading
    assert leading is not None
    op_number = leading.acknowledged[source]
    # What was sent within a round trip may still be on its way.
    is_overdue = replica.now > leading.prepared_at + replica.round_trip.bound
    if op_number < leading.prepared_op_number and is_overdue:
        replica.send((source,), _wanting_no_answer(_missing(replica, op_number)))


def _missing(replica: Replica, op_number: int) -> Prepare:
    first_op_number = max(op_number + 1, replica.log.first_op_number)
    entries = replica.log.batch(first_op_number, RESEND_MAX, replica.limits.batch_size)
    return _prepare(replica, first_op_number, entries)


def _choose_answerers(replica: Replica, leading: Leading) -> None:
    """Let those answer from now on that were the first to answer, in full, when all were asked."""
    peers = replica.peers
    wanted = replica.membership.quorum - 1
    answered = [peer for peer in peers if not _is_owing(replica, leading, peer)][:wanted]
    if len(answered) == wanted:
        leading.answerers = tuple(answered)
        leading.others = tuple([peer for peer in peers if peer not in answered])
        leading.asks_all = False
        # It may have been started for a time-out, before anything was measured.
        replica.timers.stop(Timer.RESEND)
        _watch_on(replica, leading)


def prefer_answers_of(replica: Replica, source: str) -> None:
    """Let the backup answer next whose request was logged, if one answer is enough.

    Its client waits for its copy of the entry, which is sent again if the answer is overdue.
    """
    leading = replica.leading
    assert leading is not None
    if replica.membership.quorum == 2:
        leading.preferred = source


def _choose_preferred(replica: Replica, leading: Leading, preferred: str) -> None:
    leading.preferred = None
    if not leading.asks_all:
        leading.answerers = (preferred,)
        leading.others = tuple([peer for peer in replica.peers if peer != preferred])


def _let_all_answer(replica: Replica, leading: Leading) -> None:
    leading.answerers, leading.others, leading.asks_all = replica.peers, (), True


def _is_owing(replica: Replica, leading: Leading, peer: str) -> bool:
    """Return whether a backup has not answered in full what was asked when RESEND was started."""
    return (
        leading.acknowledged[peer] < leading.watched_op_number
        or replica.round_trip.echoed[peer] < leading.watched_at
    )


def sample_round_trip(replica: Replica, source: str, message: PrepareOk) -> None:
    """Measure: every PREPARE_OK echoes the clock of this replica, of whatever view."""
    replica.round_trip.add_echo(source, message.echo, replica.now)


def _impossible_prepare_ok(replica: Replica, _source: str, message: PrepareOk) -> str | None:
    if replica.membership.primary_of(message.view_number) != replica.name:
        return "this replica is not the primary of its view"
    if message.view_number > replica.view_number:
        return "this replica has not led that view yet"
    if message.view_number == replica.view_number and message.op_number > replica.op_number:
        return _TOO_MUCH
    return None


def _hear_quorum(replica: Replica, leading: Leading) -> None:
    """Restart the primary's own time-out from the quorum's newest answers."""
    if replica.timers.is_running(Timer.VOTE):
        return  # It has stopped, and only a view change makes a primary start.
    heard_at = _held_by_quorum(replica, replica.now, replica.round_trip.echoed)
    leading.heard_at = heard_at
    if heard_at > leading.since and replica.round_trip.is_measured:
        if replica.time_out > 2 * replica.round_trip.time_out:
            # Until the backups know, they would wait far too long for a primary that dies.
            leading.spoken_at.clear()
            replica.timers.start(Timer.HEARTBEAT, replica.now)
        replica.time_out = replica.round_trip.time_out
    replica.timers.start(Timer.SUSPECT, heard_at + replica.patience)


def _commit_what_a_quorum_holds(replica: Replica, leading: Leading) -> None:
    own_op_number = replica.log.op_number
    commit_up_to(replica, _held_by_quorum(replica, own_op_number, leading.acknowledged))


def _held_by_quorum(replica: Replica, own: int, of_peers: dict[str, int]) -> int:
    """Return the highest number that a quorum has reached, each replica counted once."""
    reached = sorted([own, *of_peers.values()], reverse=True)
    return reached[replica.membership.quorum - 1]


def on_heartbeat(replica: Replica) -> None:
    """Send the commit_number, and a sign of life, after an interval of quiet."""
    leading = replica.leading
    if leading is None or not replica.peers or not replica.is_serving_primary:
        return
    _hear_quorum(replica, leading)
    proof_age, interval = replica.now - leading.heard_at, _heartbeat_interval(replica)
    if 2 * proof_age > 5 * interval:
        _let_all_answer(replica, leading)
    # In a larger group the primary answers what is uncommitted.
    is_uncommitted = (
        replica.commit_number < leading.prepared_op_number and replica.membership.quorum > 2
    )
    is_wanted = is_uncommitted or leading.asks_all or 2 * proof_age > 3 * interval
    spoken_to = () if is_wanted else _spoken_to(replica, leading, replica.now - interval)
    _send_to_all(replica, leading, _commit(replica), is_wanted=is_wanted, spoken_to=spoken_to)
    _put_heartbeat_off(replica)
    for peer in replica.peers:
        if peer in spoken_to:
            deadline = leading.spoken_at[peer] + interval
            replica.timers.start_at_latest(Timer.HEARTBEAT, deadline)
        else:
            leading.spoken_at[peer] = replica.now


def note_spoken(replica: Replica, peer: str) -> None:
    """Note that a READ_OK leaves for a backup, which is as good as a heartbeat."""
    if replica.leading is not None:
        replica.leading.spoken_at[peer] = replica.now


def _spoken_to(replica: Replica, leading: Leading, since: int) -> tuple[str, ...]:
    """Return the backups that need no heartbeat now: they were sent something after ``since``.

    In a larger group each needs it, as it brings the commit_number.
    """
    if replica.membership.quorum > 2:
        return ()
    return tuple([peer for peer in replica.peers if leading.spoken_at.get(peer, since) > since])


def _take_unheard(replica: Replica, leading: Leading) -> tuple[str, ...]:
    """Return the backups that were not heard for long, and are to be asked now."""
    heard_before = replica.now - UNHEARD_TIME_OUTS * replica.time_out
    if leading.all_heard_at > heard_before:
        return ()
    echoed = replica.round_trip.echoed
    unheard = tuple([peer for peer in replica.peers if echoed[peer] <= heard_before])
    leading.all_heard_at = replica.now if unheard else min(echoed.values())
    return unheard


def _commit(replica: Replica) -> Commit:
    return Commit(
        view_number=replica.view_number,
        commit_number=replica.commit_number,
        sent_at=replica.now,
        time_out=replica.time_out,
    )


def _send_to_all(
    replica: Replica,
    leading: Leading,
    message: Prepare | Commit,
    *,
    is_wanted: bool = True,
    spoken_to: tuple[str, ...] = (),
) -> None:
    """Send a message to all backups, and see to it that the answers come, if they are wanted.

    Those that were ``spoken_to`` get it only if their answer is wanted.
    """
    if is_wanted and leading.preferred is not None:
        _choose_preferred(replica, leading, leading.preferred)
    asked, others = (leading.answerers, leading.others) if is_wanted else ((), replica.peers)
    unheard = _take_unheard(replica, leading)
    if unheard:
        asked = tuple([peer for peer in replica.peers if peer in asked or peer in unheard])
        others = tuple([peer for peer in others if peer not in unheard])
    replica.send(asked, message)
    if spoken_to:
        others = tuple([peer for peer in others if peer not in spoken_to])
    if others:
        replica.send(others, _wanting_no_answer(message))
    if is_wanted:
        _watch_answers(replica, leading)


def _wanting_no_answer(message: Prepare | Commit) -> Prepare | Commit:
    # Not by ``_replace``, and no tuple here from a generator: Python makes a tuple of ten and cuts
    # it, which lets its free lists grow for long.
    if isinstance(message, Prepare):
        return Prepare(*message[:6], 0)
    return Commit(*message[:4], 0)


def _heartbeat_interval(replica: Replica) -> int:
    # Several fit into the time-out that the backups know, whatever has been measured since.
    return min(replica.round_trip.heartbeat_interval, replica.time_out // HEARTBEATS_MISSED)


def _put_heartbeat_off(replica: Replica) -> None:
    replica.timers.start(Timer.HEARTBEAT, replica.now + _heartbeat_interval(replica))


def prepare_new_entries(replica: Replica, *, at_once: bool = False, is_read: bool = False) -> None:
    """Send what the log has and was not sent yet, and commit at once where one is a quorum.

    Unless it is to be sent ``at_once``, it may be held for a while. If ``is_read``, a read of this
    turn waits until it is committed.
    """
    leading = replica.leading
    assert leading is not None
    if not replica.peers:
        _commit_what_a_quorum_holds(replica, leading)
        return
    if leading.prepared_op_number == replica.log.op_number:
        return
    if not at_once and _is_held(replica, leading):
        return
    leading.prepared_at = replica.now
    # Most turns bring so little that it need not be measured again.
    is_little = leading.unprepared_size <= replica.limits.batch_size
    leading.unprepared_size = 0
    is_awaited = is_read or _is_awaited(replica, leading)
    leading.is_awaited = False
    while leading.prepared_op_number < replica.log.op_number:
        first_op_number = leading.prepared_op_number + 1
        if is_little:
            entries = replica.log.suffix(first_op_number, BATCH_MAX)
        else:
            entries = replica.log.batch(first_op_number, BATCH_MAX, replica.limits.batch_size)
        leading.prepared_op_number += len(entries)
        message = _prepare(replica, first_op_number, entries)
        _send_to_all(replica, leading, message, is_wanted=is_awaited)
        _put_heartbeat_off(replica)


def _is_awaited(replica: Replica, leading: Leading) -> bool:
    """Return whether answers to new entries are wanted, so that they are committed here.

    Otherwise the log must not grow for long without that.
    """
    return (
        leading.is_awaited
        or replica.membership.quorum > 2
        or leading.asks_all
        or replica.op_number - replica.commit_number > RESEND_MAX
        or 2 * leading.uncommitted_size > replica.limits.uncommitted_size
    )


def _is_held(replica: Replica, leading: Leading) -> bool:
    """Return whether new entries wait, so that they share their messages."""
    if len(replica.peers) < HOLDING_SIZE - 1:
        return False
    held_until = leading.prepared_at + replica.round_trip.smoothed // 2
    if leading.prepared_op_number <= replica.commit_number or replica.now >= held_until:
        return False
    replica.timers.start(Timer.PREPARE, held_until)
    return True


def prepare_held(replica: Replica) -> None:
    """Send what was held for half a round trip."""
    if replica.is_serving_primary:
        prepare_new_entries(replica)


def _prepare(replica: Replica, first_op_number: int, entries: Entries) -> Prepare:
    return Prepare(
        replica.view_number,
        replica.commit_number,
        first_op_number,
        entries,
        replica.now,
        replica.time_out,
    )


def _watch_answers(replica: Replica, leading: Leading) -> None:
    """Note that answers are wanted to what is sent now, and watch for them."""
    leading.asked_at = replica.now
    leading.asked_op_number = leading.prepared_op_number
    _start_watch(replica, leading)


def _start_watch(replica: Replica, leading: Leading) -> None:
    """Start the time after which an answer that has not come is overdue, unless it runs."""
    if replica.timers.is_running(Timer.RESEND):
        return
    leading.watched = {peer: leading.acknowledged[peer] for peer in leading.answerers}
    leading.watched_op_number = leading.asked_op_number
    leading.watched_at = leading.asked_at
    if replica.round_trip.is_measured:
        patience = replica.round_trip.bound + RESEND_SLACK
    else:
        patience = replica.time_out
    replica.timers.start(Timer.RESEND, replica.now + patience)


def _watch_on(replica: Replica, leading: Leading) -> None:
    """Watch for the answers to what was sent since RESEND was started, if some are wanted."""
    echoed, acknowledged = replica.round_trip.echoed, leading.acknowledged
    if any(
        acknowledged[peer] < leading.asked_op_number or echoed[peer] < leading.asked_at
        for peer in leading.answerers
    ):
        _start_watch(replica, leading)


def on_resend(replica: Replica) -> None:
    """Ask all, if an answer is overdue, and send again what backups that are heard do not hold."""
    leading = replica.leading
    if leading is None or not replica.peers or not replica.is_serving_primary:
        return
    watched = leading.watched
    owing = [peer for peer in watched if _is_owing(replica, leading, peer)]
    if owing:
        for peer in owing:
            _ask_again(replica, leading, peer)
        replica.send(tuple(peer for peer in replica.peers if peer not in watched), _commit(replica))
        _let_all_answer(replica, leading)
        _watch_answers(replica, leading)
    else:
        _watch_on(replica, leading)


def _ask_again(replica: Replica, leading: Leading, peer: str) -> None:
    """Send what ``peer`` lacks if that is known, else ask."""
    acknowledged = leading.acknowledged[peer]
    is_heard = replica.round_trip.echoed[peer] > replica.now - replica.time_out
    if is_heard and acknowledged == leading.watched[peer] < leading.watched_op_number:
        replica.send((peer,), _missing(replica, acknowledged))
    else:
        replica.send((peer,), _commit(replica))


HEARS: dict[type[Message], Hearing] = {
    PrepareOk: Hearing(
        on_prepare_ok,
        (Status.NORMAL,),
        impossible=_impossible_prepare_ok,
        of_older_view=sample_round_trip,
    ),
}
