"""A backup's side of normal operation (VRR section 4.1): PREPARE and COMMIT in, PREPARE_OK out.

Backups append in order, keep early entries in a bounded buffer and acknowledge the highest
op_number that they hold without a gap, once in each turn in which the primary wants an answer.
REQUEST and READ acknowledge, too. They leave before the turn's records are durable, so they count
only what was durable before the turn, as the log of this view.

With a quorum of two a backup needs no word from the primary to commit: the primary made the
entry durable before it sent it, so primary and backup are the quorum. In larger groups backups
learn of commits from the primary's commit_number, which travels on every PREPARE and COMMIT.

A backup that does not hear its primary suspects it (``voting``).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from .admission import Hearing, impossible_of_primary, send_view
from .execution import commit_up_to
from .limits import REORDER_MAX
from .messages import Commit, Entry, Message, Prepare, PrepareOk, StartView
from .size import size_of_entry
from .status import Status
from .timers import Timer

if TYPE_CHECKING:
    from .replica import Replica


@dataclass(slots=True, eq=False, repr=False)
class Following:
    """What a backup knows of the primary of one view, and of that view's log."""

    reorder_buffer: dict[int, Entry] = field(default_factory=dict)
    """Entries that came before those below them, by op_number."""
    reorder_size: int = 0
    """Size of what is in ``reorder_buffer``."""
    commit_number_told: int = 0
    """The highest commit_number heard, whether the log reaches it or not."""
    op_number_told: int = 0
    """How far this view's log goes elsewhere, as READ_OK says."""
    echo: int = 0
    """The newest ``sent_at`` heard."""
    echo_due: int | None = None
    """What PREPARE_OK is to echo at the end of this turn; None if none is due."""
    gap_requests: int = 0
    """How often the present gap was asked for."""


def begin(replica: Replica) -> None:
    """Begin to follow the primary of the present view, in normal status."""
    assert not replica.is_primary
    replica.begin_phase(Status.NORMAL, Following())
    replica.timers.start(Timer.SUSPECT, replica.now + replica.patience)


def on_prepare(replica: Replica, _source: str, message: Prepare) -> None:
    """Append what follows the log without a gap, keep what came early (VRR 4.1, step 4)."""
    following = replica.following
    assert following is not None
    _hear_primary(replica, following, message)
    known_count = replica.log.op_number + 1 - message.first_op_number
    if known_count >= 0:
        replica.append(message.entries[known_count:])
    else:
        _keep_early_entries(replica, following, message)
    _append_early_entries(replica, following)
    learn_commit(replica, message.commit_number)


def on_commit(replica: Replica, _source: str, message: Commit) -> None:
    """Take the primary's heartbeat: it lives, and it has committed that much."""
    following = replica.following
    assert following is not None
    _hear_primary(replica, following, message)
    learn_commit(replica, message.commit_number)


def _hear_primary(replica: Replica, following: Following, message: Prepare | Commit) -> None:
    """Restart the time-out, as the primary is there, and note whether it wants an answer."""
    _take_time_out(replica, following, message)
    if message.wants_answer:
        following.echo_due = following.echo


def answer_start_view(replica: Replica, message: StartView) -> None:
    """Hear the primary for the first time in its view, and answer."""
    following = replica.following
    assert following is not None
    _take_time_out(replica, following, message)
    following.echo_due = following.echo


def _take_time_out(
    replica: Replica, following: Following, message: Prepare | Commit | StartView
) -> None:
    # A message that was overtaken is of a time at which the primary knew less of the network.
    if message.sent_at >= following.echo:
        following.echo = message.sent_at
        replica.time_out = message.time_out
    hear_primary(replica)


def hear_primary(replica: Replica) -> None:
    """Restart the time-out, as the primary is there."""
    replica.timers.start(Timer.SUSPECT, replica.now + replica.patience)
    replica.timers.stop(Timer.VOTE)


def _keep_early_entries(replica: Replica, following: Following, message: Prepare) -> None:
    op_number_max = replica.log.op_number + REORDER_MAX
    for op_number, entry in enumerate(message.entries, message.first_op_number):
        if op_number > op_number_max or op_number in following.reorder_buffer:
            continue
        size = following.reorder_size + size_of_entry(entry)
        if size > replica.limits.uncommitted_size:
            break
        following.reorder_buffer[op_number] = entry
        following.reorder_size = size


def _append_early_entries(replica: Replica, following: Following) -> None:
    """Move what the log has come up to from the reorder buffer to the log."""
    buffer = following.reorder_buffer
    while buffer and (entry := buffer.pop(replica.log.op_number + 1, None)) is not None:
        replica.append((entry,))
        following.reorder_size -= size_of_entry(entry)
    if buffer:
        for op_number in [early for early in buffer if early <= replica.log.op_number]:
            following.reorder_size -= size_of_entry(buffer.pop(op_number))


def learn_commit(replica: Replica, commit_number: int) -> None:
    """Commit what is known to be committed and in the log; notice what is missing.

    In normal status the log is a prefix of the view's log, so a commit_number of this view
    always speaks of the entries that are here.
    """
    following = replica.following
    assert following is not None
    following.commit_number_told = max(following.commit_number_told, commit_number)
    op_number = replica.log.op_number
    if replica.membership.quorum == 2:
        commit_up_to(replica, op_number)
    else:
        commit_up_to(replica, min(following.commit_number_told, op_number))
    _watch_gap(replica, following)


def learn_op_number(replica: Replica, op_number: int) -> None:
    """Note, as a backup, that this view's log goes so far: what does not come here is missing."""
    following = replica.following
    if following is not None and op_number > max(following.op_number_told, replica.log.op_number):
        following.op_number_told = op_number
        _watch_gap(replica, following)


def _watch_gap(replica: Replica, following: Following) -> None:
    """Start the time after which what is missing is asked for, or stop it if nothing is."""
    if _has_gap(replica, following):
        # The time-out may have become shorter since, as it does when a group has just started.
        patience = replica.time_out // 4
        if not following.gap_requests:
            patience = min(patience, replica.answer_patience)
        replica.timers.start_at_latest(Timer.GAP, replica.now + patience)
    else:
        replica.timers.stop(Timer.GAP)
        following.gap_requests = 0


def _has_gap(replica: Replica, following: Following) -> bool:
    """Return whether entries are known to exist that the log does not reach."""
    told = max(following.commit_number_told, following.op_number_told)
    return bool(following.reorder_buffer) or told > replica.log.op_number


def take_up_log(replica: Replica, commit_number: int) -> bool:
    """Go on with a log that state transfer has extended: what came early may fit to it now.

    Return whether a gap is left.
    """
    following = replica.following
    assert following is not None
    _append_early_entries(replica, following)
    learn_commit(replica, commit_number)
    if following.echo_due is None:
        following.echo_due = 0
    return _has_gap(replica, following)


def seen_requests(replica: Replica) -> set[tuple[str, int]]:
    """Return which requests PREPARE has brought that are not executed here."""
    following = replica.following
    assert following is not None
    uncommitted = replica.log.suffix(replica.commit_number + 1)
    return {entry[:2] for entry in (*uncommitted, *following.reorder_buffer.values())}


def next_to_ask(replica: Replica) -> str | None:
    """Return whom to ask for what is missing: the primary, then the others in turn.

    None if nothing is missing.
    """
    following = replica.following
    if following is None or not _has_gap(replica, following):
        return None
    start = replica.peers.index(replica.primary) + following.gap_requests
    following.gap_requests += 1
    return replica.peers[start % len(replica.peers)]


def acknowledged_before(replica: Replica) -> tuple[int, int]:
    """Return what REQUEST and READ acknowledge: ``op_number`` and ``echo``."""
    following, op_number = replica.following, replica.durable_op_number
    if following is None or op_number is None:
        return 0, 0
    return op_number, following.echo


def acknowledge(replica: Replica) -> None:
    """Send one PREPARE_OK for all that the primary wants answered in this turn."""
    following = replica.following
    assert following is not None
    if following.echo_due is not None:
        message = PrepareOk(replica.view_number, replica.log.op_number, following.echo_due)
        following.echo_due = None
        replica.send((replica.primary,), message)


HEARS: dict[type[Message], Hearing] = {
    Prepare: Hearing(
        on_prepare, (Status.NORMAL,), impossible=impossible_of_primary, of_older_view=send_view
    ),
    Commit: Hearing(
        on_commit, (Status.NORMAL,), impossible=impossible_of_primary, of_older_view=send_view
    ),
}
