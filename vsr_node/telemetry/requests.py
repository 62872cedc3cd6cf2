"""The events of clients' requests, at the replica that took them, from request to answer."""

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, TypeAlias

from vsr_node.core.messages import Reason, Refusal, Reply, Request, Result, Send
from vsr_node.core.replica import Replica
from vsr_node.core.sessions import REGISTRATION
from vsr_node.core.size import size_of

from .common import COUNT, Asked, Measured, Row

if TYPE_CHECKING:
    from .turns import Turn

OUTCOMES = {
    Reason.UNAVAILABLE: "refused",
    Reason.NUMBER_REUSED: "refused",
    Reason.OUTCOME_UNKNOWN: "unknown",
    Reason.SESSION_EXPIRED: "unknown",
}

ANSWERED_HERE = ("ok", "error")
"""The outcomes of requests that this replica answered with a result."""

START = "protocol.client_request.start"
STOP = "protocol.client_request.stop"
READ_ANSWERED = "read.answered"
SENT_AGAIN = "forwarding.sent_again"
REFUSED = "forwarding.refused"
REGISTERED = "session.registered"
EXPIRED = "session.expired"

RequestId: TypeAlias = tuple[str, int]


def started(turn: "Turn") -> Iterator[Row]:
    """Yield the start of each request that was taken."""
    for client, request_number, operation, byte_count, _, at_us in turn.starts:
        size = size_of(operation) if byte_count is None else byte_count
        yield START, at_us, (size,), (client, request_number, turn.kind_of(operation))


def stopped(turn: "Turn") -> Iterator[Row]:
    """Yield the events of each request that ended."""
    at_us = turn.ended_at
    assert at_us is not None or not turn.stops, "requests end with their turn"
    for (client, request_number, operation, _, is_read, asked_at), outcome, result in turn.stops:
        assert at_us is not None
        size = size_of(result) if outcome in ANSWERED_HERE else 0
        duration_us = at_us - asked_at
        if is_read and outcome in ANSWERED_HERE:
            yield READ_ANSWERED, at_us, (duration_us,), ()
        own = client, request_number, turn.kind_of(operation), outcome
        yield STOP, at_us, (duration_us, size), own


class Requests:
    """The requests that a replica took and has not answered yet.

    ``is_error`` returns whether a result is an error.
    """

    def __init__(self, is_error: Callable[[Result], bool]) -> None:
        self._is_error = is_error
        self._taken: dict[RequestId, Asked] = {}
        self._sent: dict[RequestId, None] = {}

    def take(self, turn: "Turn") -> None:
        """Start the requests of a turn, but for those that repeat one that waits: both get one
        answer."""
        taken = self._taken
        for asked in turn.asked:
            key = asked[:2]
            if key not in taken:
                taken[key] = asked
                turn.starts.append(asked)

    def answer(
        self, turn: "Turn", replica: Replica, replies: Sequence[Reply | Refusal], at_us: int
    ) -> None:
        """Stop all requests that were answered in a turn."""
        refused: dict[str, int] = {}
        is_registered = replica.limits.registered
        pop, is_error, stops = self._taken.pop, self._is_error, turn.stops
        for client, request_number, result in replies:
            if type(result) is Reason:
                outcome = OUTCOMES[result]
                refused[outcome] = refused.get(outcome, 0) + 1
                if result is Reason.SESSION_EXPIRED:
                    turn.note(EXPIRED, at_us, COUNT, (client,))
            else:
                outcome = "error" if is_error(result) else "ok"
                if request_number == REGISTRATION and is_registered:
                    turn.note(REGISTERED, at_us, COUNT, (result,))
            asked = pop((client, request_number), None)
            if asked is not None:
                stops.append((asked, outcome, result))
        for outcome, count in refused.items():
            turn.note(REFUSED, at_us, (count,), (outcome,))
        self._forget_sent(turn)

    def leave_to_primary(self, turn: "Turn", replica: Replica) -> None:
        """Stop the requests that were executed here and are answered by the primary.

        In groups with a quorum above two the primary answers what others took.
        """
        if not self._taken or replica.membership.quorum <= 2:
            return
        # What a checkpoint of another replica brought is answered here, as if it were known before.
        first_op_number = max(turn.before.commit_number + 1, replica.log.first_op_number)
        executed = max(0, turn.after.commit_number + 1 - first_op_number)
        for client, request_number, _ in replica.log.suffix(first_op_number, executed):
            asked = self._taken.pop((client, request_number), None)
            if asked is not None:
                turn.stops.append((asked, "primary_answers", None))
        self._forget_sent(turn)

    def send(self, turn: "Turn", replica: Replica, send: Send, at_us: int) -> Measured:
        """Note how many requests are handed to the primary again."""
        message = send.message
        assert isinstance(message, Request)
        again = 0
        for client, request_number, _ in message.entries:
            key = (client, request_number)
            if key in self._taken:
                again += key in self._sent
                self._sent[key] = None
        if again:
            turn.note(SENT_AGAIN, at_us, (again,), send.destinations[:1])
        return ()

    def _forget_sent(self, turn: "Turn") -> None:
        if self._sent:
            for asked, *_ in turn.stops:
                self._sent.pop(asked[:2], None)
