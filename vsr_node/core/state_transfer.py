"""State transfer (VRR section 5.2): a replica fetches what it lacks from any that has it.

If the entries asked for are truncated, a checkpoint comes in their place, chunk by chunk. The
replica that lacks them asks for each chunk, so neither a slow network nor a large state fills a
queue. Checkpoints at one op_number are the same everywhere, so the chunks may come from several
replicas.

Committed entries may come from any replica, whatever its status: they are the same everywhere
and forever. Entries above the sender's commit_number are sent only in normal status, and used
only by a replica in normal status in the same view. The paper's rule to cut the log before
asking is not followed: it loses committed entries when the view changes again.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from .admission import Hearing
from .change import note_progress
from .checkpoint import install
from .execution import commit_up_to
from .following import learn_commit, next_to_ask, take_up_log
from .limits import BATCH_MAX, OFFERED_MAX
from .membership import epoch_of
from .messages import (
    CHANGES,
    CatchUp,
    Checkpoint,
    Entries,
    GetCheckpoint,
    GetState,
    Message,
    NewCheckpoint,
    NewState,
)
from .size import fitting, size_of
from .status import Status
from .timers import Timer

if TYPE_CHECKING:
    from .replica import Replica


@dataclass(slots=True, eq=False, repr=False)
class Incoming:
    """A checkpoint that has come in part, at most as large as its sender's state."""

    op_number: int
    parts: list[object]
    heard_at: int


@dataclass(slots=True, eq=False, repr=False)
class Fetching:
    """When this replica last asked for what a later epoch has committed."""

    asked_at: int | None = None
    commit_number: int = 0
    """The own one at that time."""
    turns: int = 0
    """How many processes were asked in turn."""


# Asking


def fetch(replica: Replica, destination: str) -> None:
    """Ask one that is in a later epoch for what is committed.

    At most once a quarter of a time-out, unless the last answer brought something.
    """
    fetching = replica.fetching
    is_due = (
        fetching.asked_at is None
        or replica.now - fetching.asked_at >= replica.time_out // 4
        or replica.commit_number > fetching.commit_number
    )
    if is_due:
        fetching.asked_at, fetching.commit_number = replica.now, replica.commit_number
        _ask_after(replica, destination, replica.commit_number)


def fetch_from_next(replica: Replica) -> None:
    """Ask all processes in turn for what is committed."""
    processes = replica.other_processes
    if processes:
        fetching = replica.fetching
        fetching.turns += 1
        _ask_after(replica, processes[fetching.turns % len(processes)], replica.commit_number)


def ask(replica: Replica, destination: str) -> None:
    """Ask for what comes after the certain part of the log.

    If a checkpoint is coming in, ask for its next chunk, unless nothing has come for a time-out:
    the replicas that have it may be gone.
    """
    if replica.status is Status.NORMAL:
        certain_op_number = replica.log.op_number
    else:
        certain_op_number = replica.commit_number
    _ask_after(replica, destination, certain_op_number)


def _ask_after(replica: Replica, destination: str, op_number: int) -> None:
    incoming = replica.incoming
    if incoming is not None and replica.now - incoming.heard_at < replica.time_out:
        _ask_on(replica, destination, incoming)
        return
    replica.incoming = None
    message = GetState(view_number=replica.view_number, op_number=op_number)
    replica.send((destination,), message)


def _ask_on(replica: Replica, destination: str, incoming: Incoming) -> None:
    message = GetCheckpoint(
        view_number=replica.view_number,
        op_number=incoming.op_number,
        position=len(incoming.parts),
    )
    replica.send((destination,), message)


def on_gap(replica: Replica) -> None:
    """Ask for what is missing for too long."""
    peer = next_to_ask(replica)
    if peer is None:
        return
    ask(replica, peer)
    replica.timers.start(Timer.GAP, replica.now + replica.time_out // 4)


def on_catch_up(replica: Replica, source: str, _message: CatchUp) -> None:
    """Fetch what is committed, as a member to be. The question says how far this replica is."""
    _ask_after(replica, source, replica.commit_number)


# Answering


def on_get_state(replica: Replica, source: str, message: GetState) -> None:
    """Answer with what is certain here: entries, or a checkpoint in their place."""
    note_progress(replica, source, message.op_number)
    first_op_number = message.op_number + 1
    if first_op_number < replica.log.first_op_number:
        _send_chunk(replica, source, 0)
        return
    last = replica.log.op_number if replica.status is Status.NORMAL else replica.commit_number
    count_max = min(last - message.op_number, BATCH_MAX)
    if count_max > 0:
        answer = NewState(
            view_number=replica.view_number,
            commit_number=replica.commit_number,
            first_op_number=first_op_number,
            entries=replica.log.batch(first_op_number, count_max, replica.limits.batch_size),
        )
        replica.send((source,), answer)


def offer(replica: Replica, destinations: tuple[str, ...]) -> None:
    """Send the last of what is committed: who lacks no more than that does not have to ask."""
    first_op_number = max(replica.commit_number + 1 - OFFERED_MAX, replica.log.first_op_number)
    count = replica.commit_number + 1 - first_op_number
    entries = replica.log.batch(first_op_number, count, replica.limits.batch_size)
    if count == len(entries):
        message = NewState(replica.view_number, replica.commit_number, first_op_number, entries)
        replica.send(destinations, message)


def on_get_checkpoint(replica: Replica, source: str, message: GetCheckpoint) -> None:
    """Answer with the chunk asked for, or with the beginning of a newer checkpoint."""
    note_progress(replica, source, None)
    if message.op_number == replica.checkpoint.op_number:
        _send_chunk(replica, source, message.position)
    elif message.op_number < replica.checkpoint.op_number:
        _send_chunk(replica, source, 0)


def _send_chunk(replica: Replica, destination: str, position: int) -> None:
    op_number, client_count, parts, epoch, members = replica.checkpoint
    limits = replica.limits
    chunk = fitting(parts[position : position + limits.chunk_parts], limits.batch_size, size_of)
    if chunk:
        message = NewCheckpoint(
            view_number=replica.view_number,
            op_number=op_number,
            client_count=client_count,
            part_count=len(parts),
            position=position,
            parts=chunk,
            epoch=epoch,
            members=members,
        )
        replica.send((destination,), message)


# Taking


def on_new_checkpoint(replica: Replica, source: str, message: NewCheckpoint) -> None:
    """Collect the chunks of one checkpoint, in order, and install it when it is whole."""
    leads = replica.status is Status.NORMAL and replica.is_primary
    is_later = _is_of_later_epoch(replica, message)
    if (leads and not is_later) or message.op_number <= replica.commit_number:
        return
    incoming = replica.incoming
    if message.position == 0 and (incoming is None or incoming.op_number < message.op_number):
        incoming = replica.incoming = Incoming(message.op_number, [], replica.now)
    if incoming is None or incoming.op_number != message.op_number:
        return
    if message.position != len(incoming.parts):
        return
    incoming.parts.extend(message.parts)
    incoming.heard_at = replica.now
    if len(incoming.parts) < message.part_count:
        _ask_on(replica, source, incoming)
        return
    replica.incoming = None
    checkpoint = Checkpoint(
        message.op_number,
        message.client_count,
        tuple(incoming.parts),
        message.epoch,
        message.members,
    )
    if replica.status is Status.NORMAL and is_later:
        # What stands below it may contradict the own log, and nobody can tell.
        replica.leave_view()
    install(replica, checkpoint)
    _go_on(replica, source, checkpoint.op_number)
    if replica.status is Status.STANDBY:
        # A member to be must come close before the next CATCH_UP, while clients write on.
        _ask_after(replica, source, replica.commit_number)


def _go_on(replica: Replica, source: str, commit_number: int) -> None:
    """Go on with what waited for more of the log, and ask on for what is still missing."""
    if replica.status is not Status.NORMAL:
        replica.go_on_with_committed()
    elif not replica.is_primary and take_up_log(replica, commit_number):
        ask(replica, source)


def on_new_state(replica: Replica, source: str, message: NewState) -> None:
    """Take what is missing here, and ask for more while there is more."""
    if replica.status is not Status.NORMAL or _is_of_later_epoch(replica, message):
        _adopt_committed(replica, source, message)
    elif not replica.is_primary:
        _append_missing(replica, source, message)


def _is_of_later_epoch(replica: Replica, message: NewState | NewCheckpoint) -> bool:
    return epoch_of(message.view_number) > replica.membership.epoch


def _append_missing(replica: Replica, source: str, message: NewState) -> None:
    known_count = replica.log.op_number + 1 - message.first_op_number
    if known_count < 0:
        return
    missing = message.entries[known_count:]
    if missing:
        replica.append(missing)
        _go_on(replica, source, message.commit_number)
    else:
        learn_commit(replica, message.commit_number)


def _adopt_committed(replica: Replica, source: str, message: NewState) -> None:
    """Replace own entries by committed ones, and keep all that these do not contradict.

    When one contradicts, it and all behind it go: they were never committed, since a committed
    log has another entry there. ``last_normal_view`` stays, as the log is not whole yet.

    A later epoch has such state also for a replica in normal status, the primary too. It executes
    what stands in its own log. Where it has something else, or nothing, it leaves its view first.
    """
    known_count = replica.commit_number + 1 - message.first_op_number
    committed_count = message.commit_number + 1 - message.first_op_number
    if known_count < 0 or committed_count <= known_count:
        return
    missing = message.entries[known_count:committed_count]
    while missing:
        entries = _up_to_a_change(missing)
        missing = missing[len(entries) :]
        _adopt(replica, entries)
        if replica.next_membership is not None:
            replica.enter_epoch()
    if replica.commit_number < message.commit_number:
        _ask_after(replica, source, replica.commit_number)
    else:
        _go_on(replica, source, message.commit_number)


def _up_to_a_change(entries: Entries) -> Entries:
    """Return the first entries: behind one that changes members another epoch may begin."""
    for count, entry in enumerate(entries, 1):
        if type(entry[2]) in CHANGES:
            return entries[:count]
    return entries


def _adopt(replica: Replica, entries: Entries) -> None:
    """Execute entries that are committed, which the own log may lack or contradict."""
    own = replica.log.suffix(replica.commit_number + 1, len(entries))
    if own != entries:
        pairs = zip(own, entries, strict=False)
        same = next((count for count, (one, other) in enumerate(pairs) if one != other), len(own))
        commit_up_to(replica, replica.commit_number + same)
        if replica.status is Status.NORMAL:
            replica.leave_view()
        entries = entries[same:]
        replica.replace_log(replica.commit_number + 1, entries)
    commit_up_to(replica, replica.commit_number + len(entries))


def _impossible_new_state(_replica: Replica, _source: str, message: NewState) -> str | None:
    return None if message.entries else "it brings nothing"


def _impossible_new_checkpoint(
    _replica: Replica, _source: str, message: NewCheckpoint
) -> str | None:
    if not message.parts or message.position + len(message.parts) > message.part_count:
        return "its parts are not among those of the checkpoint"
    if message.client_count > message.part_count:
        return "it counts more clients than parts"
    return None


_WORKING = (Status.NORMAL, Status.VIEW_CHANGE, Status.STANDBY)
_ANY = (*_WORKING, Status.RECOVERING)

HEARS: dict[type[Message], Hearing] = {
    GetState: Hearing(on_get_state, _WORKING, is_served_in_any_view=True, is_from_any_process=True),
    GetCheckpoint: Hearing(
        on_get_checkpoint, _WORKING, is_served_in_any_view=True, is_from_any_process=True
    ),
    # A recovering replica takes only what is committed, which is so forever.
    NewState: Hearing(
        on_new_state, _ANY, impossible=_impossible_new_state, is_from_any_process=True
    ),
    NewCheckpoint: Hearing(
        on_new_checkpoint, _ANY, impossible=_impossible_new_checkpoint, is_from_any_process=True
    ),
    CatchUp: Hearing(on_catch_up, _WORKING, is_served_in_any_view=True, is_from_any_process=True),
}
