"""The primary's side of normal operation (VRR section 4.1): PREPARE out, PREPARE_OK in, COMMIT.

The primary logs requests and sends each turn's worth of them in one PREPARE, without waiting for
earlier ones (pipelining). An entry is committed when a quorum holds it in this view.

A primary that gets no answers to its own recent messages from a quorum stops sending anything at
all. Otherwise one that can send but not receive would keep the others from moving on forever.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from .admission import Hearing
from .execution import commit_up_to
from .limits import BATCH_MAX, RESEND_MAX, UNCOMMITTED_MAX
from .messages import Commit, Entry, Message, Prepare, PrepareOk, Reconfiguration
from .size import count_within, size_of_all, size_of_entry
from .status import Status
from .timers import HEARTBEATS_MISSED, RESEND_SLACK, Timer

if TYPE_CHECKING:
    from .replica import Replica


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
    unprepared_size: int = 0
    """Size of the entries above ``prepared_op_number``, or more."""
    watched: dict[str, int] = field(default_factory=dict)
    """``acknowledged`` when RESEND was started."""
    watched_op_number: int = 0
    """``prepared_op_number`` when RESEND was started."""
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
        is_closed=bool(entries) and ends_epoch(replica, entries[-1]),
    )
    replica.begin_phase(Status.NORMAL, leading)
    if replica.peers:
        replica.timers.start(Timer.HEARTBEAT, replica.now)
        replica.timers.start(Timer.SUSPECT, replica.now + replica.patience)
        _watch_acknowledgements(replica, leading)


def ends_epoch(replica: Replica, entry: Entry) -> bool:
    """Return whether an entry of the present epoch begins the next one."""
    operation = entry[2]
    return isinstance(operation, Reconfiguration) and operation.epoch > replica.membership.epoch


def is_closed(replica: Replica) -> bool:
    """Return whether the primary's log ends with the entry that ends the epoch."""
    return replica.leading is not None and replica.leading.is_closed


def log_change(replica: Replica, entry: Entry) -> None:
    """Put the outcome of a request for a change into the log; it may be what ends the epoch."""
    leading = replica.leading
    assert leading is not None
    assert replica.accepts_requests, "nothing stands behind the end of an epoch"
    client, request_number, _ = entry
    replica.append((entry,))
    leading.in_log[client, request_number] = replica.log.op_number
    size = size_of_entry(entry)
    leading.logged_sizes.append((replica.log.op_number, size))
    leading.uncommitted_size += size
    leading.unprepared_size += size
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

    Return how many of ``entries`` are in the log or executed, up to the first without room.
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
        leading.logged_sizes.append((op_number, size))
        leading.uncommitted_size += size
        leading.unprepared_size += size
    return count


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
    if message.op_number < leading.prepared_op_number:
        _watch_acknowledgements(replica, leading)


def sample_round_trip(replica: Replica, source: str, message: PrepareOk) -> None:
    """Measure: every PREPARE_OK echoes the clock of this replica, of whatever view."""
    replica.round_trip.add_echo(source, message.echo, replica.now)


def _impossible_prepare_ok(replica: Replica, _source: str, message: PrepareOk) -> str | None:
    if replica.membership.primary_of(message.view_number) != replica.name:
        return "this replica is not the primary of its view"
    if message.view_number > replica.view_number:
        return "this replica has not led that view yet"
    if message.view_number == replica.view_number and message.op_number > replica.op_number:
        return "it acknowledges more than this view's log has"
    return None


def _hear_quorum(replica: Replica, leading: Leading) -> None:
    """Restart the primary's own time-out from the quorum's newest answers."""
    if replica.timers.is_running(Timer.VOTE):
        return  # It has stopped, and only a view change makes a primary start.
    heard_at = _held_by_quorum(replica, replica.now, replica.round_trip.echoed)
    if heard_at > leading.since:
        if replica.time_out > 2 * replica.round_trip.time_out:
            # Until the backups know, they would wait far too long for a primary that dies.
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
    if not replica.is_serving_primary:
        return
    replica.send(
        replica.peers,
        Commit(
            view_number=replica.view_number,
            commit_number=replica.commit_number,
            sent_at=replica.now,
            time_out=replica.time_out,
        ),
    )
    _put_heartbeat_off(replica)


def _put_heartbeat_off(replica: Replica) -> None:
    # Several fit into the time-out that the backups know, whatever has been measured since.
    interval = min(replica.round_trip.heartbeat_interval, replica.time_out // HEARTBEATS_MISSED)
    replica.timers.start(Timer.HEARTBEAT, replica.now + interval)


def prepare_new_entries(replica: Replica) -> None:
    """Send what this turn put into the log, and commit at once where one is a quorum."""
    leading = replica.leading
    assert leading is not None
    if not replica.peers:
        _commit_what_a_quorum_holds(replica, leading)
        return
    # Most turns bring so little that it need not be measured again.
    is_little = leading.unprepared_size <= replica.limits.batch_size
    leading.unprepared_size = 0
    while leading.prepared_op_number < replica.log.op_number:
        first_op_number = leading.prepared_op_number + 1
        leading.prepared_op_number += _send_prepare(
            replica, replica.peers, first_op_number, BATCH_MAX, is_little=is_little
        )
        _put_heartbeat_off(replica)
        _watch_acknowledgements(replica, leading)


def _send_prepare(
    replica: Replica,
    destinations: tuple[str, ...],
    first_op_number: int,
    count_max: int,
    *,
    is_little: bool = False,
) -> int:
    """Send entries, at most ``count_max``; return how many."""
    if is_little:
        entries = replica.log.suffix(first_op_number, count_max)
    else:
        entries = replica.log.batch(first_op_number, count_max, replica.limits.batch_size)
    message = Prepare(
        replica.view_number,
        replica.commit_number,
        first_op_number,
        entries,
        replica.now,
        replica.time_out,
    )
    replica.send(destinations, message)
    return len(entries)


def _watch_acknowledgements(replica: Replica, leading: Leading) -> None:
    """Start the time after which entries that a backup left unacknowledged are sent again."""
    if replica.timers.is_running(Timer.RESEND):
        return
    if min(leading.acknowledged.values()) >= leading.prepared_op_number:
        return
    leading.watched = dict(leading.acknowledged)
    leading.watched_op_number = leading.prepared_op_number
    if replica.round_trip.is_measured:
        patience = replica.round_trip.bound + RESEND_SLACK
    else:
        patience = replica.time_out
    replica.timers.start(Timer.RESEND, replica.now + patience)


def on_resend(replica: Replica) -> None:
    """Send again to each backup that is heard and yet made no progress.

    One that is not heard answers a heartbeat when it comes back, and is watched from then on.
    """
    leading = replica.leading
    if leading is None or not replica.is_serving_primary:
        return
    heard_after = replica.now - replica.time_out
    echoed = replica.round_trip.echoed
    heard = [peer for peer in replica.peers if echoed[peer] > heard_after]
    for peer in heard:
        acknowledged = leading.acknowledged[peer]
        if acknowledged == leading.watched[peer] < leading.watched_op_number:
            first_op_number = max(acknowledged + 1, replica.log.first_op_number)
            _send_prepare(replica, (peer,), first_op_number, RESEND_MAX)
    if any(leading.acknowledged[peer] < leading.prepared_op_number for peer in heard):
        _watch_acknowledgements(replica, leading)


HEARS: dict[type[Message], Hearing] = {
    PrepareOk: Hearing(
        on_prepare_ok,
        (Status.NORMAL,),
        impossible=_impossible_prepare_ok,
        of_older_view=sample_round_trip,
    ),
}
