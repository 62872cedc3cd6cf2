"""The events of what a replica hears and sends: messages, heartbeats, votes and time-outs."""

from vsr_node.core.messages import (
    Commit,
    Farewell,
    GetState,
    Message,
    PrepareOk,
    Send,
)
from vsr_node.core.replica import Replica

from .common import COUNT, NORMAL, State
from .messages import Heard, Measured, Sent, events_of
from .notes import Notes


class Traffic:
    """When heartbeats were last sent and heard, and who votes for which view."""

    def __init__(self, notes: Notes) -> None:
        self._notes = notes
        self._heartbeat_sent_at: int | None = None
        self._heartbeat_heard_at: dict[str, int] = {}
        self._left_view = -1
        self._voted_view = 0
        self._voters: set[str] = set()

    def hear(
        self, replica: Replica, peer: str, message: Message, byte_count: int | None, at_us: int
    ) -> None:
        """Note the events of a message that came."""
        events = events_of(message)
        measured: Measured = ()
        if isinstance(message, PrepareOk):
            lag = max(0, replica.op_number - message.op_number)
            measured = lag, max(0, replica.now - message.echo) * bool(message.echo)
        elif events.received == "view_change.vote_received":
            measured = (self._count_vote(peer, message.view_number),)
        elif isinstance(message, Farewell):
            self._left_view = message.view_number
            self._count_vote(peer, message.view_number + 1)
        if events.received in self._notes.wanted:
            heard = Heard(at_us, events, peer, message, byte_count, measured)
            self._notes.add(heard)
        if isinstance(message, Commit):
            last = self._heartbeat_heard_at.get(peer, at_us)
            self._heartbeat_heard_at[peer] = at_us
            self._notes.note("timer.heartbeat_received", at_us, (at_us - last,), (peer,))

    def send(
        self, replica: Replica, send: Send, before: State, byte_count: int | None, at_us: int
    ) -> None:
        """Note the events of a message that left."""
        peers, message = send
        events = events_of(message)
        measured: Measured = ()
        if events.sent == "view_change.vote_sent":
            measured = (self._count_vote(replica.name, message.view_number),)
            self._time_out(replica, before, at_us)
        if events.sent in self._notes.wanted:
            self._notes.add(Sent(at_us, events, send, byte_count, measured))
        if isinstance(message, Commit):
            last = at_us if self._heartbeat_sent_at is None else self._heartbeat_sent_at
            self._heartbeat_sent_at = at_us
            self._notes.note("timer.heartbeat_sent", at_us, (at_us - last, len(peers)))
        elif isinstance(message, GetState) and before.status == NORMAL:
            own = message.op_number + 1, peers[0]
            self._notes.note("replication.gap", at_us, COUNT, own)

    def _count_vote(self, voter: str, view_number: int) -> int:
        """Return how many have voted for a view, as far as this replica knows."""
        if view_number > self._voted_view:
            self._voted_view = view_number
            self._voters = set()
        if view_number == self._voted_view:
            self._voters.add(voter)
        return len(self._voters)

    def _time_out(self, replica: Replica, before: State, at_us: int) -> None:
        """Note that a replica votes as it hears nobody, if its last turn ended without doubt."""
        if before.view_number == self._left_view:
            return
        if before.is_following or before.is_serving:
            name = "timer.primary_timeout" if before.is_following else "timer.quorum_timeout"
            primary = replica.membership.primary_of(before.view_number)
            self._notes.note(name, at_us, (replica.patience,), (primary,))
