"""Normal operation (VRR section 4.1): PREPARE, PREPARE_OK, COMMIT.

The primary logs requests and sends each turn's worth of them in one PREPARE, without waiting for
earlier ones (pipelining). Backups append in order, keep early entries in a bounded buffer and
acknowledge the highest op_number that they hold without a gap, once a turn. An entry is
committed when a quorum holds it in this view.

With a quorum of two a backup needs no word from the primary to commit: the primary made the
entry durable before it sent it, so primary and backup are the quorum. For larger groups the
primary's commit_number, which travels on every PREPARE and COMMIT, tells.

Silence: a backup suspects a primary that it does not hear, and a primary that gets no answers
to its own recent messages from a quorum stops sending anything at all. Otherwise one that can
send but not receive would keep the others from moving on for ever.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from .execution import commit_up_to
from .messages import Commit, Entry, Prepare, PrepareOk
from .status import Status
from .timers import HEARTBEATS_MISSED, RESEND_SLACK, Timer

if TYPE_CHECKING:
    from .replica import Replica

BATCH_MAX = 512
"""Entries in one PREPARE or NEW_STATE."""

RESEND_MAX = 64
"""Entries that the primary sends again at once; who lacks more asks for it."""

UNCOMMITTED_MAX = 4096
"""Entries that the primary logs beyond its commit_number."""

REORDER_MAX = 4096
"""How far ahead of its log a backup keeps entries that came early."""


# The primary's side


def log_requests(replica: Replica, entries: Iterable[Entry]) -> int:
    """Puts requests into the log that are not there yet; how many were, until there was no room.

    Exactly-once does not depend on the look-ups here: execution decides it (``execution``).
    """
    assert replica.is_serving_primary, "only a primary in touch with a quorum orders requests"
    room = UNCOMMITTED_MAX - (replica.log.op_number - replica.commit_number)
    new: list[Entry] = []
    count = 0
    for entry in entries:
        client, request_number, _ = entry
        key = (client, request_number)
        if key not in replica.in_log and replica.client_table.look_up(*key) is None:
            if len(new) >= room:
                break
            replica.in_log.add(key)
            new.append(entry)
        count += 1
    replica.append(new)
    return count


def lead(replica: Replica) -> None:
    """Begins to serve as the primary of the present view, in normal status."""
    assert replica.is_primary
    assert replica.status is Status.NORMAL
    replica.acknowledged = dict.fromkeys(replica.peers, 0)
    # The answer to what is sent in this very turn is the first that counts.
    replica.led_since = replica.now - 1
    replica.echoed = dict.fromkeys(replica.peers, replica.led_since)
    replica.prepared_op_number = replica.log.op_number
    uncommitted = replica.log.suffix(replica.commit_number + 1)
    replica.in_log = {(client, request_number) for client, request_number, _ in uncommitted}
    if replica.peers:
        replica.timers.start(Timer.HEARTBEAT, replica.now)
        replica.timers.start(Timer.SUSPECT, replica.now + replica.patience)
        _watch_acknowledgements(replica)


def on_prepare_ok(replica: Replica, source: str, message: PrepareOk) -> None:
    """A backup says how much of the log it holds; what a quorum holds is committed (VRR 4.1)."""
    if replica.status is not Status.NORMAL:
        return
    sample_round_trip(replica, source, message.echo)
    replica.acknowledged[source] = max(replica.acknowledged[source], message.op_number)
    _hear_quorum(replica)
    if message.op_number > replica.commit_number:
        _commit_what_a_quorum_holds(replica)
    if message.op_number < replica.prepared_op_number:
        _watch_acknowledgements(replica)


def sample_round_trip(replica: Replica, source: str, echo: int) -> None:
    """Every PREPARE_OK that this replica gets echoes its own clock, of whichever view.

    Only the first to bring an echo is a sample: a repeated one may have travelled for long.
    """
    if replica.echoed.get(source, 0) < echo <= replica.now:
        replica.echoed[source] = echo
        replica.round_trip.add(replica.now - echo)


def _hear_quorum(replica: Replica) -> None:
    """Puts the primary's own time-out off to count from the quorum's newest answers."""
    if replica.timers.is_running(Timer.VOTE):
        return  # It has stopped, and only a view change makes a primary start.
    heard_at = _held_by_quorum(replica, replica.now, replica.echoed)
    if heard_at > replica.led_since:
        if replica.time_out > 2 * replica.round_trip.time_out:
            # Until the backups know, they would wait far too long for a primary that dies.
            replica.timers.start(Timer.HEARTBEAT, replica.now)
        replica.time_out = replica.round_trip.time_out
    replica.timers.start(Timer.SUSPECT, heard_at + replica.patience)


def _commit_what_a_quorum_holds(replica: Replica) -> None:
    own_op_number = replica.log.op_number
    commit_up_to(replica, _held_by_quorum(replica, own_op_number, replica.acknowledged))


def _held_by_quorum(replica: Replica, own: int, of_peers: dict[str, int]) -> int:
    """The highest number that a quorum of replicas has reached, each of them counted once."""
    reached = sorted([own, *of_peers.values()], reverse=True)
    return reached[replica.membership.quorum - 1]


def on_heartbeat(replica: Replica) -> None:
    """Tells the commit_number, and that the primary lives, after an interval of quiet."""
    if not replica.is_serving_primary:
        return
    replica.send(
        replica.peers,
        Commit(replica.view_number, replica.commit_number, replica.now, replica.time_out),
    )
    _put_heartbeat_off(replica)


def _put_heartbeat_off(replica: Replica) -> None:
    # Several fit into what the backups were told, whatever has been measured since.
    interval = min(replica.round_trip.heartbeat_interval, replica.time_out // HEARTBEATS_MISSED)
    replica.timers.start(Timer.HEARTBEAT, replica.now + interval)


def prepare_new_entries(replica: Replica) -> None:
    """Sends what this turn put into the log, and commits at once where one is a quorum."""
    if not replica.peers:
        _commit_what_a_quorum_holds(replica)
        return
    while replica.prepared_op_number < replica.log.op_number:
        first_op_number = replica.prepared_op_number + 1
        _send_prepare(replica, replica.peers, first_op_number, BATCH_MAX)
        replica.prepared_op_number = min(
            replica.prepared_op_number + BATCH_MAX, replica.log.op_number
        )
        _put_heartbeat_off(replica)
        _watch_acknowledgements(replica)


def _send_prepare(
    replica: Replica, destinations: tuple[str, ...], first_op_number: int, count_max: int
) -> None:
    message = Prepare(
        replica.view_number,
        replica.commit_number,
        first_op_number,
        replica.log.suffix(first_op_number, count_max),
        replica.now,
        replica.time_out,
    )
    replica.send(destinations, message)


def _watch_acknowledgements(replica: Replica) -> None:
    """Starts the time after which entries that a backup left unacknowledged are sent again."""
    if replica.timers.is_running(Timer.RESEND):
        return
    if min(replica.acknowledged.values()) >= replica.prepared_op_number:
        return
    replica.watched = dict(replica.acknowledged)
    replica.watched_op_number = replica.prepared_op_number
    if replica.round_trip.is_measured:
        patience = replica.round_trip.bound + RESEND_SLACK
    else:
        patience = replica.time_out
    replica.timers.start(Timer.RESEND, replica.now + patience)


def on_resend(replica: Replica) -> None:
    """Sends again to each backup that is heard and yet made no progress.

    One that is not heard answers a heartbeat when it comes back, and is watched from then on.
    """
    if not replica.is_serving_primary:
        return
    for peer in replica.peers:
        acknowledged = replica.acknowledged[peer]
        is_heard = replica.echoed[peer] > replica.now - replica.time_out
        is_stuck = acknowledged == replica.watched[peer] < replica.watched_op_number
        if is_heard and is_stuck:
            first_op_number = max(acknowledged + 1, replica.log.first_op_number)
            _send_prepare(replica, (peer,), first_op_number, RESEND_MAX)
    if any(
        replica.acknowledged[peer] < replica.prepared_op_number
        and replica.echoed[peer] > replica.now - replica.time_out
        for peer in replica.peers
    ):
        _watch_acknowledgements(replica)


# The backup's side


def on_prepare(replica: Replica, _source: str, message: Prepare) -> None:
    """Appends what follows the log without a gap, keeps what came early (VRR 4.1, step 4)."""
    if replica.status is not Status.NORMAL:
        return
    hear_primary(replica, message.sent_at, message.time_out)
    known_count = replica.log.op_number + 1 - message.first_op_number
    if known_count >= 0:
        replica.append(message.entries[known_count:])
    else:
        _keep_early_entries(replica, message)
    append_early_entries(replica)
    learn_commit(replica, message.commit_number)


def on_commit(replica: Replica, _source: str, message: Commit) -> None:
    """The primary's heartbeat: it lives, and it has committed that much."""
    if replica.status is not Status.NORMAL:
        return
    hear_primary(replica, message.sent_at, message.time_out)
    learn_commit(replica, message.commit_number)


def hear_primary(replica: Replica, sent_at: int, time_out: int) -> None:
    """The primary is there: the time of its silence starts anew, and it gets an answer."""
    replica.echo = max(replica.echo, sent_at)
    replica.time_out = time_out
    replica.timers.start(Timer.SUSPECT, replica.now + replica.patience)
    replica.timers.stop(Timer.VOTE)
    replica.acknowledgement_is_due = True


def _keep_early_entries(replica: Replica, message: Prepare) -> None:
    op_number_max = replica.log.op_number + REORDER_MAX
    for op_number, entry in enumerate(message.entries, message.first_op_number):
        if op_number <= op_number_max:
            replica.reorder_buffer[op_number] = entry


def append_early_entries(replica: Replica) -> None:
    """Moves what the log has come up to from the reorder buffer to the log."""
    buffer = replica.reorder_buffer
    while buffer and (entry := buffer.pop(replica.log.op_number + 1, None)) is not None:
        replica.append((entry,))
    if buffer:
        for op_number in [early for early in buffer if early <= replica.log.op_number]:
            del buffer[op_number]


def learn_commit(replica: Replica, commit_number: int) -> None:
    """Commits what is known to be committed and in the log; notices what is missing.

    In normal status the log is a prefix of the view's log, so a commit_number of this view
    always speaks of the entries that are here.
    """
    replica.commit_number_told = max(replica.commit_number_told, commit_number)
    op_number = replica.log.op_number
    if replica.membership.quorum == 2:
        commit_up_to(replica, op_number)
    else:
        commit_up_to(replica, min(replica.commit_number_told, op_number))
    if replica.has_gap:
        # The time-out may have become shorter since, as it does when a group has just started.
        replica.timers.start_at_latest(Timer.GAP, replica.now + replica.time_out // 4)
    else:
        replica.timers.stop(Timer.GAP)
        replica.gap_requests = 0


def acknowledge(replica: Replica) -> None:
    """One PREPARE_OK for all that the primary sent in this turn."""
    if replica.acknowledgement_is_due:
        replica.acknowledgement_is_due = False
        message = PrepareOk(replica.view_number, replica.log.op_number, replica.echo)
        replica.send((replica.primary,), message)
