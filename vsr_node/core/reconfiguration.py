"""Reconfiguration (VRR section 7): the end of an epoch, and the beginning of the next.

RECONFIGURATION is the last entry of its epoch. The epoch's own quorum commits it, and a replica
that executes it *enters* the next epoch, in one durable step: it drops what its log has above,
which can only be a stale view's, and begins a view change into the epoch's first view. So the
DO_VIEW_CHANGEs of a new quorum prove that it has the state, and there is no second way to become
normal. Its last_normal_view is lower than all views of the new epoch, so a log that was whole in
the epoch wins over all that were not. A replica that is no member becomes a standby.

Whoever entered sends START_EPOCH to the new members until it knows that a quorum has begun. Until
then a replica that left must stay, as it may hold what nobody else does; then it is *released*.

How it differs from the paper, and why:

- No replica is deaf to its old epoch. One that knows of a new epoch and lacks its beginning goes
  on in the old one: it votes and acknowledges, which is harmless, since the RECONFIGURATION is in
  every quorum of the old epoch. Without that the group would stand still with one failure too few.
- What is of another epoch never reaches a handler that counts anything (``OF_OTHER_EPOCHS``).
- New members catch up before the RECONFIGURATION is logged (``change``).
- An op_number in START_EPOCH commits nothing: the entry may stand there in the own log behind
  another history.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from . import following, leading, standby, state_transfer, view_change
from .admission import Handler, Hearing, send_epoch
from .forwarding import on_forwarded, submit_again
from .membership import epoch_of, first_view_of
from .messages import (
    Answers,
    CatchUp,
    EpochStarted,
    GetCheckpoint,
    GetState,
    Message,
    NewCheckpoint,
    NewState,
    PrepareOk,
    ReadOk,
    Recovery,
    RecoveryResponse,
    Request,
    StartEpoch,
)
from .status import Status
from .timers import Timer

if TYPE_CHECKING:
    from .replica import Replica


class Newest(NamedTuple):
    """The newest view that was heard of, and its epoch's members: a hint whom to ask, no more."""

    view_number: int
    members: tuple[str, ...]


@dataclass(slots=True, eq=False, repr=False)
class Beginning:
    """What a replica knows of how its epoch began elsewhere."""

    since: int
    """When this replica entered the epoch (microseconds)."""
    started: set[str] = field(default_factory=set)
    """The members that have begun it, too."""
    is_released: bool = False
    """This replica left, and nobody needs its state any more."""
    interval: int = 0
    """The time until START_EPOCH is sent again (microseconds)."""


def started(replica: Replica) -> frozenset[str]:
    """Return the members of the present epoch that are known to have begun it."""
    return frozenset(replica.beginning.started)


def is_released(replica: Replica) -> bool:
    """Return whether this is a standby whose state nobody needs."""
    return replica.beginning.is_released


# Entering


def enter_epoch(replica: Replica) -> None:
    """Enter the epoch that the last executed entry begins.

    The turn that executed it has the durable step, so nothing is sent in the epoch before.
    """
    membership = replica.next_membership
    assert membership is not None
    _say_last_word(replica)
    replica.cut_uncommitted()
    former, was_normal = replica.membership.members, replica.status is Status.NORMAL
    replica.set_membership(membership)
    promised_view = replica.view_number
    if replica.status is Status.RECOVERING:
        if epoch_of(promised_view) > membership.epoch:
            return
        if epoch_of(promised_view) == membership.epoch and replica.is_member:
            return
        # It never took part in this epoch, and all that it may have acknowledged is executed.
        replica.set_recovered()
    if promised_view < first_view_of(membership.epoch):
        replica.set_view(first_view_of(membership.epoch))
    replica.beginning = _beginning(replica)
    standby.forget_members(replica)
    if replica.is_member:
        view_change.restart_view_change(replica)
    else:
        standby.begin(replica)
        submit_again(replica)
    if replica.is_primary:
        # They may have handed in what waits there before this replica knew of the epoch.
        left = (name for name in former if name not in membership.members)
        replica.send(tuple(left), EpochStarted(replica.view_number))
    if was_normal:
        joined = (name for name in membership.members if name not in former)
        state_transfer.offer(replica, tuple(joined))
    say_epoch_started(replica)


def begin_again(replica: Replica) -> None:
    """Take up the epoch of the last incarnation, which may not have told everybody of it."""
    replica.beginning = _beginning(replica)
    if replica.membership.epoch > 0:
        replica.timers.start(Timer.EPOCH, replica.now)


def _beginning(replica: Replica) -> Beginning:
    return Beginning(replica.now, {replica.name} if replica.is_member else set())


def _say_last_word(replica: Replica) -> None:
    """Let the others of the old epoch commit its last entry, too."""
    if replica.is_serving_primary:
        leading.on_heartbeat(replica)
    elif replica.is_following:
        following.acknowledge(replica)


# Telling others


def say_epoch_started(replica: Replica) -> None:
    """Send START_EPOCH, and again later, to those who may not know of the epoch yet."""
    beginning = replica.beginning
    is_known = replica.status is Status.NORMAL or beginning.is_released
    if is_known or replica.membership.epoch == 0 or replica.status is Status.RECOVERING:
        return
    for name in _uninformed(replica):
        send_epoch(replica, name)
    time_out = replica.time_out
    beginning.interval = min(max(2 * beginning.interval, time_out // 4), time_out)
    replica.timers.start(Timer.EPOCH, replica.now + beginning.interval)


def _uninformed(replica: Replica) -> tuple[str, ...]:
    """Return whom to send START_EPOCH.

    A replica that left asks all members, as those it knew may have left, too, and in the end all
    processes, as all of them may have.
    """
    beginning = replica.beginning
    if replica.is_member:
        return tuple(peer for peer in replica.peers if peer not in beginning.started)
    if replica.now - beginning.since < 2 * replica.time_out:
        return replica.peers
    return replica.other_processes


def note_started(replica: Replica, source: str) -> None:
    """Note that a member has begun the present epoch: it says something of it."""
    beginning = replica.beginning
    if source not in replica.membership.members:
        return
    beginning.started.add(source)
    if replica.status is Status.STANDBY and replica.membership.epoch > 0:
        # Once released, always so: what was known of a quorum stays true.
        beginning.is_released |= len(beginning.started) >= replica.membership.quorum


def on_start_epoch(replica: Replica, source: str, message: StartEpoch) -> None:
    """Answer that this replica has begun the epoch; it is durable when the answer leaves."""
    _note_newest(replica, message)
    if replica.status is not Status.RECOVERING:
        replica.send((source,), EpochStarted(replica.view_number))


def on_epoch_started(replica: Replica, source: str, message: EpochStarted) -> None:
    """Hand in again at the epoch's first primary: what came before it had begun was left there.

    ``note_started`` has noted the sender, as it does for all that is said.
    """
    primary = replica.membership.primary_of(message.view_number)
    if replica.status is Status.STANDBY and source == primary:
        standby.hear_of_primary(replica, is_news=True)
        submit_again(replica)


def _note_newest(replica: Replica, message: StartEpoch) -> None:
    known_view = -1 if replica.newest is None else replica.newest.view_number
    if known_view > message.view_number:
        return
    is_news = known_view < message.view_number
    replica.newest = Newest(message.view_number, message.members)
    if replica.status is Status.STANDBY and standby.hear_of_primary(replica, is_news=is_news):
        submit_again(replica)


# Messages of other epochs


def on_message_of_other_epoch(replica: Replica, source: str, message: Message) -> None:
    """Do what the table has for a message of an older or a later epoch."""
    way = OF_OTHER_EPOCHS.get(type(message), _OF_MEMBERS)
    if epoch_of(message.view_number) < replica.membership.epoch:
        way.older(replica, source, message)
        return
    if replica.status is Status.STANDBY and replica.membership.epoch > 0:
        # The present epoch had a quorum, as it has ended.
        replica.beginning.is_released = True
    way.later(replica, source, message)


def _drop(_replica: Replica, _source: str, _message: Message) -> None:
    """Leave it: it says nothing that counts here."""


def _fetch(replica: Replica, source: str, _message: Message) -> None:
    """Fetch what its sender has: a replica that is behind has nothing else to say."""
    state_transfer.fetch(replica, source)


def _note_and_fetch(replica: Replica, source: str, message: StartEpoch) -> None:
    _note_newest(replica, message)
    state_transfer.fetch(replica, source)


def _answer(replica: Replica, source: str, _message: Message) -> None:
    """Answer one that is behind with the beginning of the present epoch."""
    if replica.status is not Status.RECOVERING:
        send_epoch(replica, source)


def _take_and_answer(replica: Replica, source: str, message: Request) -> None:
    if standby.may_hand_in(replica):
        on_forwarded(replica, source, message)
    send_epoch(replica, source)


def _impossible_start_epoch(_replica: Replica, _source: str, message: StartEpoch) -> str | None:
    members = message.members
    if not members or len(set(members)) < len(members):
        return "an epoch has members, each of them named once"
    return None


class OfOtherEpoch(NamedTuple):
    """What is done with a message of another epoch, before anything else looks at it."""

    later: Handler
    older: Handler


_OF_MEMBERS = OfOtherEpoch(_fetch, _answer)
"""All that only members say to each other: votes, logs, heartbeats, reads."""

_ANSWER_OF_MEMBERS = OfOtherEpoch(_fetch, _drop)
"""The same where it is itself an answer: nothing is said to that."""

OF_OTHER_EPOCHS: Mapping[type[Message], OfOtherEpoch] = {
    NewState: OfOtherEpoch(state_transfer.on_new_state, _drop),
    NewCheckpoint: OfOtherEpoch(state_transfer.on_new_checkpoint, _drop),
    GetState: OfOtherEpoch(state_transfer.on_get_state, state_transfer.on_get_state),
    GetCheckpoint: OfOtherEpoch(state_transfer.on_get_checkpoint, state_transfer.on_get_checkpoint),
    StartEpoch: OfOtherEpoch(_note_and_fetch, _answer),
    EpochStarted: OfOtherEpoch(_fetch, _drop),
    Request: OfOtherEpoch(_fetch, _take_and_answer),
    CatchUp: OfOtherEpoch(state_transfer.on_catch_up, _drop),
    Answers: OfOtherEpoch(standby.on_answers, _drop),
    Recovery: OfOtherEpoch(_drop, _answer),
    PrepareOk: _ANSWER_OF_MEMBERS,
    ReadOk: _ANSWER_OF_MEMBERS,
    RecoveryResponse: _ANSWER_OF_MEMBERS,
}
"""What a replica does with a message of another epoch than its own; all others: ``_OF_MEMBERS``.

This is all the isolation between epochs that there is, and all that is needed: no vote, no
acknowledgement and no answer to a READ of another epoch is ever counted.
"""

_ALL = (Status.NORMAL, Status.VIEW_CHANGE, Status.STANDBY)

HEARS: dict[type[Message], Hearing] = {
    StartEpoch: Hearing(
        on_start_epoch,
        (*_ALL, Status.RECOVERING),
        impossible=_impossible_start_epoch,
        is_served_in_any_view=True,
        is_from_any_process=True,
    ),
    EpochStarted: Hearing(
        on_epoch_started, _ALL, is_served_in_any_view=True, is_from_any_process=True
    ),
}
