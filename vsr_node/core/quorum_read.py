"""Quorum reads: any replica answers operations that change nothing, without the log.

The replica that was asked sends READ to others. Those in normal status in the same view answer
with their op_numbers. With answers from a quorum, itself counted, the highest op_number is
the read's index; the read is answered from the local state once commit_number has reached it.
One round trip, no clocks, no leases, and the primary is not asked if there are enough others.
(Charapko, Ailijiani, Demirbas, "Linearizable Quorum Reads in Paxos", HotStorage 2019.)

The answers are acknowledgements too: what all of a quorum hold in one view, up to the lowest of
their op_numbers, is committed. So an asker need not wait for the primary's commit_number.

Why it is linearizable. Let a write, the entry at k, be answered before a read is asked, and let
the read's quorum be in view v. The write was committed in some view w.

- w = v: a quorum held entry k in view v, and shares a replica with the read's quorum. It answered
  READ after it held k, since READ was sent after the read was asked; logs do not shrink within a
  view; so the index is at least k.
- w < v: every log that is whole in view v holds k, so the index is at least k.
- w > v, in one epoch: a quorum was in view w before the read was asked. One of it answered the
  read in normal status in view v afterwards; but views only go up.
- w is of a later epoch: its end of epoch, the entry at r, was committed in the read's epoch before
  the read was asked. By the three cases above the index is at least r, so the read can't be
  answered before the asker has executed r and entered the next epoch, and there it begins anew.

The answer comes from a state that has executed k. And two reads one after the other: the first
was answered at a state that executed up to its index i or beyond, all of it committed; so the
second has an index of at least that, for the same three reasons.

The proof relies on these: a READ is sent after the reads that it serves were asked, and no
earlier READ has its nonce; all answers are of one view; a recovering replica does not answer; an
index from a view that ends may never commit, so the read begins anew in the next one.

A read has no effect, so it may be refused at any time.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from .admission import Hearing, send_view
from .execution import commit_up_to
from .following import acknowledged_before, hear_primary, learn_op_number
from .leading import (
    impossible_acknowledgement,
    note_spoken,
    take_acknowledgement,
    want_answers,
)
from .limits import DOUBLINGS_MAX, WAITING_MAX
from .messages import Entry, Message, Operation, Read, ReadOk, Reason, Reply
from .size import size_of_entry
from .status import Status
from .timers import Timer

if TYPE_CHECKING:
    from .replica import Replica

NONCE_BITS = 48
"""The first nonce of an incarnation is drawn at random; the others count on from there."""


class WaitingRead(NamedTuple):
    """A read that was asked at ``since`` (microseconds)."""

    client: str
    request_number: int
    operation: Operation
    since: int


@dataclass(slots=True, eq=False, repr=False)
class Round:
    """Reads that share one READ, and the answers to it, with the asker's own."""

    reads: list[WaitingRead]
    op_numbers: dict[str, int]
    sent_at: int
    asks_all: bool


@dataclass(slots=True, eq=False, repr=False)
class Reads:
    """All reads that wait at a replica, in the order in which they were asked."""

    next_nonce: int
    peers: tuple[str, ...] = ()
    """The peers to ask first: as many as a quorum needs."""
    failures: int = 0
    """Rounds since the last one that got its answers in time."""
    unsent: list[WaitingRead] = field(default_factory=list)
    rounds: dict[int, Round] = field(default_factory=dict)
    indexed: list[tuple[int, list[WaitingRead]]] = field(default_factory=list)
    """Reads whose index is known and not yet committed here."""
    count: int = 0
    size: int = 0
    """Size of all of them, and of those that had their answer since it was last counted."""


def peers_to_ask(replica: Replica) -> tuple[str, ...]:
    """Return the peers to ask first, as many as a quorum needs.

    Those after this replica in the group, so that all share the work, and the primary last: it has
    entries that nobody else has yet, so its answer is the one that has to be waited for. But with
    a quorum of two a backup asks the primary: it commits whatever PREPARE brings, which was sent
    before the answer and often travels with it.
    """
    members = replica.membership.members
    if not replica.is_member:
        return ()
    start = members.index(replica.name) + 1
    peers = [name for name in members[start:] + members[: start - 1] if name != replica.primary]
    if not replica.is_primary:
        peers.insert(0 if replica.membership.quorum == 2 else len(peers), replica.primary)
    return tuple(peers[: replica.membership.quorum - 1])


def take_read(replica: Replica, entry: Entry, size: int) -> None:
    """Take a read from a client."""
    client, request_number, operation = entry
    reads = replica.reads
    if reads.count >= WAITING_MAX or not _has_room(replica, size):
        replica.refuse(client, request_number, Reason.UNAVAILABLE)
        return
    reads.count += 1
    reads.size += size
    reads.unsent.append(WaitingRead(client, request_number, operation, replica.now))


def _has_room(replica: Replica, size: int) -> bool:
    """Return whether a read of this size may wait beside the others."""
    reads, size_max = replica.reads, replica.limits.waiting_size - size
    if reads.size > size_max:
        # Counted only now: to subtract each answered read would cost more.
        reads.size = sum(size_of_entry(read[:3]) for read in _all_reads(reads))
    return reads.size <= size_max


def _all_reads(reads: Reads) -> list[WaitingRead]:
    """Return all reads that wait, in the order in which they were asked."""
    asked = [read for _, one in reads.indexed for read in one]
    asked += [read for round_ in reads.rounds.values() for read in round_.reads]
    return asked + reads.unsent


def is_asked(replica: Replica) -> bool:
    """Return whether a READ is to be sent at the end of this turn."""
    return bool(replica.reads.unsent)


def go_on(replica: Replica) -> None:
    """End a turn: send one READ for all that was asked in it, and the answers that are due."""
    reads = replica.reads
    if not reads.count or replica.next_membership is not None:
        return
    if reads.unsent and replica.status is Status.NORMAL:
        _begin_round(replica)
    if reads.indexed and replica.next_membership is None:
        _answer_indexed(replica)
    if reads.count:
        replica.timers.start_if_stopped(Timer.READ, replica.now + _patience(replica))
    else:
        replica.timers.stop(Timer.READ)


def _begin_round(replica: Replica) -> None:
    reads = replica.reads
    nonce = reads.next_nonce
    reads.next_nonce += 1
    own = {replica.name: replica.op_number}
    asks_all = reads.failures > 0
    reads.rounds[nonce] = Round(reads.unsent, own, replica.now, asks_all)
    reads.unsent = []
    message = Read(replica.view_number, nonce, *acknowledged_before(replica))
    replica.ask(replica.peers if asks_all else reads.peers, message)
    _end_round_if_due(replica, nonce)


def _end_round_if_due(replica: Replica, nonce: int) -> None:
    """Take the highest op_number of a quorum as the index, once a quorum has answered."""
    reads = replica.reads
    round_ = reads.rounds[nonce]
    if len(round_.op_numbers) < replica.membership.quorum:
        return
    del reads.rounds[nonce]
    index = max(round_.op_numbers.values())
    # That the own log has grown since READ was sent is no reason to wait for more, but it counts.
    round_.op_numbers[replica.name] = replica.op_number
    commit_up_to(replica, min(round_.op_numbers.values()))
    reads.indexed.append((index, round_.reads))
    learn_op_number(replica, index)
    reads.failures = 0
    if round_.asks_all:
        # The peers to ask first did not answer, or not in time; these did.
        reads.peers = tuple(round_.op_numbers)[1:]


def _answer_indexed(replica: Replica) -> None:
    reads = replica.reads
    waiting = []
    for index, asked in reads.indexed:
        if index > replica.commit_number:
            waiting.append((index, asked))
            continue
        reads.count -= len(asked)
        for client, request_number, operation, _ in asked:
            result = replica.machine.read(operation)
            replica.replies.append(Reply(client, request_number, result))
    reads.indexed = waiting
    if waiting:
        want_answers(replica)


def on_read(replica: Replica, source: str, message: Read) -> None:
    """Answer how far the log of this view goes here, committed or not.

    A primary that has stopped keeps silent, as its READ_OK is a sign of life.
    """
    take_acknowledgement(replica, source, message)
    if replica.is_primary and not replica.is_serving_primary:
        return
    answer = ReadOk(replica.view_number, message.nonce, replica.op_number)
    replica.send((source,), answer)
    note_spoken(replica, source)


def on_read_ok(replica: Replica, source: str, message: ReadOk) -> None:
    """Count each replica once; a round that has ended, or never began, is not there."""
    if source == replica.primary:
        hear_primary(replica)
    round_ = replica.reads.rounds.get(message.nonce)
    if round_ is None:
        return
    round_.op_numbers[source] = message.op_number
    replica.round_trip.add(replica.now - round_.sent_at)
    _end_round_if_due(replica, message.nonce)


def _patience(replica: Replica) -> int:
    """Return how long answers may take before all are asked; each failure doubles it."""
    doublings = min(replica.reads.failures, DOUBLINGS_MAX)
    return min(replica.answer_patience << doublings, replica.time_out)


def look_after(replica: Replica) -> None:
    """Refuse what has waited for a time-out, and ask all others on behalf of the rest.

    What waits in several rounds goes on in one: its READ is sent after all of it was asked.
    """
    reads = replica.reads
    reads.unsent = _refuse_overdue(replica, reads.unsent)
    reads.indexed = [
        (index, left) for index, asked in reads.indexed if (left := _refuse_overdue(replica, asked))
    ]
    failed_before = replica.now - _patience(replica)
    failed = [nonce for nonce, one in reads.rounds.items() if one.sent_at <= failed_before]
    for one in reads.rounds.values():
        one.reads = _refuse_overdue(replica, one.reads)
    for nonce in failed:
        reads.unsent += reads.rounds.pop(nonce).reads
    reads.failures += bool(failed)


def _refuse_overdue(replica: Replica, asked: list[WaitingRead]) -> list[WaitingRead]:
    deadline = replica.now - replica.time_out
    if asked and asked[0].since > deadline:
        return asked
    left = [read for read in asked if read.since > deadline]
    _refuse(replica, [read for read in asked if read.since <= deadline])
    return left


def _refuse(replica: Replica, asked: list[WaitingRead]) -> None:
    replica.reads.count -= len(asked)
    for client, request_number, _, _ in asked:
        replica.refuse(client, request_number, Reason.UNAVAILABLE)


def begin_anew(replica: Replica) -> None:
    """Begin all reads anew: the op_numbers of a view say nothing about the next one."""
    reads = replica.reads
    reads.unsent = _all_reads(reads)
    reads.indexed = []
    reads.rounds = {}
    reads.peers = peers_to_ask(replica)


def take_all(replica: Replica) -> list[Entry]:
    """Take all reads away, in the order in which they were asked: they go another way."""
    reads = replica.reads
    entries = [read[:3] for read in _all_reads(reads)]
    reads.unsent, reads.indexed, reads.rounds, reads.count = [], [], {}, 0
    return entries


def give_up(replica: Replica) -> None:
    """Refuse all reads, as nobody will answer later."""
    begin_anew(replica)
    _refuse(replica, replica.reads.unsent)
    replica.reads.unsent = []


HEARS: dict[type[Message], Hearing] = {
    Read: Hearing(
        on_read,
        (Status.NORMAL,),
        impossible=impossible_acknowledgement,
        of_older_view=send_view,
    ),
    ReadOk: Hearing(on_read_ok, (Status.NORMAL,)),
}
