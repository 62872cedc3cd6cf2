"""Asking for other members (VRR section 7): from a client's request to RECONFIGURATION in the log.

The primary that gets the request prepares the change: it asks the members to be to catch up, with
CATCH_UP, which each of them answers with GET_STATE. Only when all of them hold nearly all that is
committed, and a quorum of the new members is heard, is RECONFIGURATION logged. So a member that
never comes up does not count, and until then a change can be given up without a trace.

A request that is declined is logged, too: its answer is then executed once, the same at each
replica, and repeated like any other. The request travels like any other, and its operation is a
RECONFIGURATION of the epoch to begin. What is logged in its name is that with the members in the
order in which they lead; or one of the present epoch, if they are the members already; or DECLINED.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from .leading import is_heard, is_logged, log_change
from .limits import CATCH_UP_MAX
from .membership import EPOCHS_MAX
from .messages import NOT_POSSIBLE, OTHER_EPOCH, CatchUp, Declined, Entry, Reconfiguration
from .timers import Timer

if TYPE_CHECKING:
    from .replica import Replica

JOIN_PATIENCE_MIN = 2_000_000
"""How long a member to be may make no progress, in microseconds; or two time-outs."""

ROTATION_SIZES = (3, 5, 1, 3)


@dataclass(slots=True, eq=False, repr=False)
class Joiner:
    """How far a member to be is."""

    op_number: int
    progressed_at: int
    """When it last held more than before, or enough (microseconds)."""


@dataclass(slots=True, eq=False, repr=False)
class Change:
    """A change of members that is being prepared."""

    entry: Entry
    """The request for it."""
    members: tuple[str, ...]
    joiners: dict[str, Joiner]
    """The members to be that are not members now."""
    heard_at: dict[str, int]
    """When each of the members to be last answered CATCH_UP (microseconds)."""
    quorum_heard_at: int
    """When a quorum of the members to be was last heard (microseconds)."""


def consider(replica: Replica, entry: Entry) -> None:
    """Answer a request for a change, or begin to prepare it. A repeated one changes nothing."""
    if is_logged(replica, entry):
        return
    change = replica.change
    if change is not None and change.entry[:2] == entry[:2]:
        return
    operation = entry[2]
    assert isinstance(operation, Reconfiguration)
    epoch, present = replica.membership.epoch, replica.membership.members
    declined = _declined(replica, operation)
    if declined is not None:
        _log_outcome(replica, entry, declined)
    elif set(operation.members) == set(present):
        _abandon(replica, "the present members were asked for")
        _log_outcome(replica, entry, Reconfiguration(epoch, present))
    elif change is not None:
        reason = f"another change is being prepared, to {', '.join(change.members)}"
        _log_outcome(replica, entry, Declined(NOT_POSSIBLE, reason))
    else:
        _begin(replica, entry, operation.members)


def _declined(replica: Replica, operation: Reconfiguration) -> Declined | None:
    epoch, members = replica.membership.epoch, operation.members
    if operation.epoch not in (0, epoch + 1):
        present = ", ".join(replica.membership.members)
        return Declined(OTHER_EPOCH, f"the epoch is {epoch}, and its members are {present}")
    strangers = [name for name in members if name not in replica.processes]
    if strangers:
        return Declined(NOT_POSSIBLE, f"the primary knows no {', '.join(strangers)}")
    if not members or len(set(members)) < len(members):
        return Declined(NOT_POSSIBLE, "a group has one member or more, each of them named once")
    if epoch >= EPOCHS_MAX:
        return Declined(NOT_POSSIBLE, "no group has more epochs")
    return None


def _begin(replica: Replica, entry: Entry, members: tuple[str, ...]) -> None:
    now, present = replica.now, replica.membership.members
    joiners = {name: Joiner(0, now) for name in members if name not in present}
    replica.change = Change(entry, members, joiners, {}, quorum_heard_at=now)
    go_on(replica)


def go_on(replica: Replica) -> None:
    """Ask the members to be to catch up, unless the change is ready, or takes too long.

    All of them are asked: a backup whose answer no quorum needs says nothing else to its primary.
    """
    _decide(replica)
    change = replica.change
    if change is not None:
        others = tuple(name for name in change.members if name != replica.name)
        replica.send(others, CatchUp(replica.view_number, replica.commit_number))
        replica.timers.start(Timer.CHANGE, replica.now + replica.time_out // 4)


def _decide(replica: Replica) -> None:
    """Log the change if it is ready, or give it up if it takes too long."""
    change = replica.change
    if change is None or not replica.accepts_requests:
        return
    enough = replica.commit_number - CATCH_UP_MAX
    heard = _heard(replica, change)
    has_quorum = len(heard) > len(change.members) // 2
    if has_quorum:
        change.quorum_heard_at = replica.now
    behind = []
    for name, joiner in change.joiners.items():
        if joiner.op_number >= enough and name in heard:
            joiner.progressed_at = replica.now
        else:
            behind.append(name)
    if has_quorum and not behind:
        _log_change(replica, change, heard)
        return
    patience = max(2 * replica.time_out, JOIN_PATIENCE_MIN)
    moments = (change.quorum_heard_at, *(each.progressed_at for each in change.joiners.values()))
    if min(moments) <= replica.now - patience:
        _abandon(replica, _missing(replica, change, heard, patience))


def _heard(replica: Replica, change: Change) -> list[str]:
    """Return the members to be that were heard within the time-out; this replica always is."""
    deadline = replica.now - replica.time_out
    heard_at = change.heard_at
    return [
        name
        for name in change.members
        if name == replica.name
        or (name in heard_at and heard_at[name] > deadline)
        or (name in replica.peers and is_heard(replica, name, deadline))
    ]


def _log_change(replica: Replica, change: Change, heard: Sequence[str]) -> None:
    """End the epoch. The first of the new members leads first: this replica, if it stays."""
    first = replica.name if replica.name in change.members else heard[0]
    others = (name for name in change.members if name != first)
    operation = Reconfiguration(replica.membership.epoch + 1, (first, *others))
    replica.change = None
    _log_outcome(replica, change.entry, operation)


def _log_outcome(replica: Replica, entry: Entry, operation: Reconfiguration | Declined) -> None:
    client, request_number, _ = entry
    log_change(replica, (client, request_number, operation))


def _abandon(replica: Replica, reason: str) -> None:
    """Give up the change that is being prepared, if there is one. Nothing has changed."""
    change = replica.change
    if change is not None:
        replica.change = None
        replica.timers.stop(Timer.CHANGE)
        _log_outcome(replica, change.entry, Declined(NOT_POSSIBLE, f"given up: {reason}"))


def _missing(replica: Replica, change: Change, heard: Sequence[str], patience: int) -> str:
    deadline = replica.now - patience
    late = [name for name, each in change.joiners.items() if each.progressed_at <= deadline]
    if late:
        return f"no progress of {', '.join(late)}"
    silent = [name for name in change.members if name not in heard]
    return f"no quorum of the new members answers; silent: {', '.join(silent)}"


def note_progress(replica: Replica, source: str, op_number: int | None) -> None:
    """Note that a process asked for state, and how far it is; None if that is not known."""
    change = replica.change
    if change is None or source not in change.members:
        return
    change.heard_at[source] = replica.now
    joiner = change.joiners.get(source)
    if joiner is not None and (op_number is None or op_number > joiner.op_number):
        joiner.progressed_at = replica.now
        joiner.op_number = max(joiner.op_number, op_number or 0)
    _decide(replica)


def rotation(processes: Sequence[str], epoch: int) -> tuple[str, ...]:
    """Return the members of an epoch from 1 on, where a group changes by itself.

    The sizes come in turn, as far as the processes reach. The first member moves on by one more
    than the last size, so members leave, come and stay, and with enough processes all change.
    """
    start = 0
    for earlier in range(1, epoch):
        start += _rotation_size(processes, earlier) + 1
    size = _rotation_size(processes, epoch)
    return tuple(processes[(start + number) % len(processes)] for number in range(size))


def _rotation_size(processes: Sequence[str], epoch: int) -> int:
    return min(ROTATION_SIZES[(epoch - 1) % len(ROTATION_SIZES)], len(processes))
