"""The events of clients' requests, at the replica that took them, from request to answer."""

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple, TypeAlias

from vsr_node.core.messages import Operation, Reason, Refusal, Reply, Request, Result
from vsr_node.core.replica import Replica
from vsr_node.core.size import size_of

from .common import State
from .notes import Notes, Row

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

RequestId: TypeAlias = tuple[str, int]

Taken: TypeAlias = tuple[int, str, bool]
"""A request without an answer: when it came, its kind, whether it is a read. A plain tuple, as
there are many."""

Stop: TypeAlias = tuple[str, int, Taken, str, Result]
"""The end of one: client, request_number, how it was taken, outcome, result if there is one."""


class Stops(NamedTuple):
    """Requests that ended at one time."""

    at_us: int
    stops: Sequence[Stop]

    def rows(self) -> Iterator[Row]:
        """Yield the events of each."""
        at_us = self.at_us
        for client, request_number, (taken_at, kind, is_read), outcome, result in self.stops:
            size = size_of(result) if outcome in ANSWERED_HERE else 0
            duration_us = at_us - taken_at
            if is_read and outcome in ANSWERED_HERE:
                yield READ_ANSWERED, at_us, (duration_us,), ()
            yield STOP, at_us, (duration_us, size), (client, request_number, kind, outcome)


class Requests:
    """The requests that a replica took and has not answered yet.

    ``kind_of`` gives the kind of an operation, ``is_error`` whether a result is one.
    """

    def __init__(
        self,
        notes: Notes,
        kind_of: Callable[[Operation], str],
        is_error: Callable[[Result], bool],
    ) -> None:
        self._notes = notes
        self._kind_of = kind_of
        self._is_error = is_error
        self._taken: dict[RequestId, Taken] = {}
        self._sent: dict[RequestId, None] = {}

    def take(
        self,
        client: str,
        request_number: int,
        operation: Operation,
        byte_count: int | None,
        at_us: int,
        is_read: bool,
    ) -> None:
        """Note a request, unless it repeats one that waits: both get one answer."""
        key = (client, request_number)
        if key in self._taken:
            return
        kind = self._kind_of(operation)
        self._taken[key] = (at_us, kind, is_read)
        if START in self._notes.wanted:
            size = size_of(operation) if byte_count is None else byte_count
            self._notes.note(START, at_us, (size,), (client, request_number, kind))

    def answer(self, replies: Sequence[Reply | Refusal], at_us: int) -> None:
        """Note the ends of all that was answered in a turn."""
        stops: list[Stop] = []
        refused: dict[str, int] = {}
        taken_of, is_error = self._taken, self._is_error
        for client, request_number, result in replies:
            if type(result) is Reason:
                outcome = OUTCOMES[result]
                refused[outcome] = refused.get(outcome, 0) + 1
            else:
                outcome = "error" if is_error(result) else "ok"
            taken = taken_of.pop((client, request_number), None)
            if taken is not None:
                stops.append((client, request_number, taken, outcome, result))
        self._stop(stops, at_us)
        for outcome, count in refused.items():
            self._notes.note("forwarding.refused", at_us, (count,), (outcome,))

    def leave_to_primary(self, replica: Replica, before: State, after: State, at_us: int) -> None:
        """Note the ends of requests that were executed here and are answered by the primary.

        In groups with a quorum above two the primary answers what others took.
        """
        if replica.membership.quorum <= 2 or not self._taken:
            return
        # What a checkpoint of another replica brought is answered here, as if it were known before.
        first_op_number = max(before.commit_number + 1, replica.log.first_op_number)
        executed = max(0, after.commit_number + 1 - first_op_number)
        entries = replica.log.suffix(first_op_number, executed)
        self._stop(
            [
                (client, request_number, taken, "primary_answers", None)
                for client, request_number, _ in entries
                if (taken := self._taken.pop((client, request_number), None)) is not None
            ],
            at_us,
        )

    def send(self, message: Request, peer: str, at_us: int) -> None:
        """Note how many requests were handed to the primary again."""
        if SENT_AGAIN not in self._notes.wanted:
            return
        again = 0
        for client, request_number, _ in message.entries:
            key = (client, request_number)
            if key in self._taken:
                again += key in self._sent
                self._sent[key] = None
        if again:
            self._notes.note(SENT_AGAIN, at_us, (again,), (peer,))

    def _stop(self, stops: Sequence[Stop], at_us: int) -> None:
        if not stops:
            return
        if STOP in self._notes.wanted or READ_ANSWERED in self._notes.wanted:
            self._notes.add(Stops(at_us, stops))
        if self._sent:
            for client, request_number, *_ in stops:
                self._sent.pop((client, request_number), None)
