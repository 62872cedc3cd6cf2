"""The events that follow from messages of several turns: heartbeats, votes and time-outs."""

from vsr_node.core.messages import Commit, Farewell, GetState, Send, StartViewChange
from vsr_node.core.replica import Replica

from .common import COUNT, NORMAL, Measured
from .messages import NEWS, events_of
from .turns import Turn


class Traffic:
    """When heartbeats were last sent and heard, and which replicas vote for which view."""

    def __init__(self) -> None:
        self._heartbeat_sent_at: int | None = None
        self._heartbeat_heard_at: dict[str, int] = {}
        self._left_view = -1
        self._voted_view = 0
        self._voters: set[str] = set()

    # What comes

    def hear_heartbeat(self, turn: Turn, peer: str, _: Commit) -> Measured:
        """Note a COMMIT."""
        at_us = turn.began_at
        last = self._heartbeat_heard_at.get(peer, at_us)
        self._heartbeat_heard_at[peer] = at_us
        turn.note("timer.heartbeat_received", at_us, (at_us - last,), (peer,))
        return ()

    def hear_vote(self, _: Turn, peer: str, message: StartViewChange) -> Measured:
        """Return how many votes that makes; nothing if it is no vote but news of a view."""
        if events_of(message) is NEWS:
            return ()
        return (self._count_vote(peer, message.view_number),)

    def hear_farewell(self, _: Turn, peer: str, message: Farewell) -> Measured:
        """Note that the primary leaves its view, which is a vote for the next."""
        self._left_view = message.view_number
        self._count_vote(peer, message.view_number + 1)
        return ()

    # What leaves

    def send_heartbeat(self, turn: Turn, _: Replica, send: Send, at_us: int) -> Measured:
        """Note a COMMIT."""
        last = at_us if self._heartbeat_sent_at is None else self._heartbeat_sent_at
        self._heartbeat_sent_at = at_us
        turn.note("timer.heartbeat_sent", at_us, (at_us - last, len(send.destinations)))
        return ()

    def send_vote(self, turn: Turn, replica: Replica, send: Send, at_us: int) -> Measured:
        """Note why this replica votes; return how many votes that makes, as in ``hear_vote``."""
        message = send.message
        if events_of(message) is NEWS:
            return ()
        self._time_out(turn, replica, at_us)
        return (self._count_vote(replica.name, message.view_number),)

    def ask_for_entries(self, turn: Turn, _: Replica, send: Send, at_us: int) -> Measured:
        """Note that a backup lacks entries."""
        message = send.message
        assert isinstance(message, GetState)
        if turn.before.status == NORMAL:
            own = message.op_number + 1, send.destinations[0]
            turn.note("replication.gap", at_us, COUNT, own)
        return ()

    def _count_vote(self, voter: str, view_number: int) -> int:
        """Return how many have voted for a view, as far as this replica knows."""
        if view_number > self._voted_view:
            self._voted_view = view_number
            self._voters = set()
        if view_number == self._voted_view:
            self._voters.add(voter)
        return len(self._voters)

    def _time_out(self, turn: Turn, replica: Replica, at_us: int) -> None:
        """Note that a replica votes as it hears nobody, if its last turn ended without doubt."""
        before = turn.before
        if before.view_number == self._left_view:
            return
        if before.is_following or before.is_serving:
            name = "timer.primary_timeout" if before.is_following else "timer.quorum_timeout"
            primary = replica.membership.primary_of(before.view_number)
            turn.note(name, at_us, (replica.patience,), (primary,))
