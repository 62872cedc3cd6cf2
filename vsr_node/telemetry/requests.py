"""The events of clients' requests, at the replica that took them, from request to answer."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from vsr_node.core.messages import Operation, Reason, Refusal, Reply, Request, Result
from vsr_node.core.replica import Replica
from vsr_node.core.size import size_of

from .common import NOTHING, Note, State

OUTCOMES = {
    Reason.UNAVAILABLE: "refused",
    Reason.NUMBER_REUSED: "refused",
    Reason.OUTCOME_UNKNOWN: "unknown",
    Reason.SESSION_EXPIRED: "unknown",
}


@dataclass(slots=True)
class Taken:
    """A request that has no answer yet."""

    at_us: int
    kind: str
    is_read: bool
    was_sent: bool = False


class Requests:
    """The requests that a replica took and has not answered yet.

    ``kind_of`` gives the kind of an operation, ``is_error`` whether a result is one.
    """

    def __init__(
        self,
        note: Note,
        kind_of: Callable[[Operation], str],
        is_error: Callable[[Result], bool],
    ) -> None:
        self._note = note
        self._kind_of = kind_of
        self._is_error = is_error
        self._taken: dict[tuple[str, int], Taken] = {}

    def take(
        self,
        client: str,
        request_number: int,
        operation: Operation,
        byte_count: int,
        at_us: int,
        *,
        is_read: bool,
    ) -> None:
        """Note a request, unless it repeats one that waits: both get one answer."""
        key = (client, request_number)
        if key in self._taken:
            return
        kind = self._kind_of(operation)
        self._taken[key] = Taken(at_us, kind, is_read)
        self._note(
            "protocol.client_request.start",
            at_us,
            {"bytes": byte_count},
            {"client": client, "request_number": request_number, "kind": kind},
        )

    def answer(self, replies: Sequence[Reply | Refusal], at_us: int) -> None:
        """Note the ends of all that was answered in a turn."""
        refused: Counter[str] = Counter()
        for reply in replies:
            if isinstance(reply, Refusal):
                outcome, byte_count = OUTCOMES[reply.reason], 0
                refused[outcome] += 1
            else:
                outcome = "error" if self._is_error(reply.result) else "ok"
                byte_count = size_of(reply.result)
            taken = self._taken.pop((reply.client, reply.request_number), None)
            if taken is None:
                continue
            if taken.is_read and outcome in ("ok", "error"):
                self._note("read.answered", at_us, {"duration_us": at_us - taken.at_us}, NOTHING)
            self._stop(reply.client, reply.request_number, taken, outcome, byte_count, at_us)
        for outcome, count in refused.items():
            self._note("forwarding.refused", at_us, {"calls": count}, {"reason": outcome})

    def leave_to_primary(self, replica: Replica, before: State, after: State, at_us: int) -> None:
        """Note the ends of requests that were executed here and are answered by the primary.

        In groups with a quorum above two the primary answers what others took.
        """
        if replica.membership.quorum <= 2 or not self._taken:
            return
        # What a checkpoint of another replica brought is answered here, as if it were known before.
        first_op_number = max(before.commit_number + 1, replica.log.first_op_number)
        executed = max(0, after.commit_number + 1 - first_op_number)
        for client, request_number, _ in replica.log.suffix(first_op_number, executed):
            taken = self._taken.pop((client, request_number), None)
            if taken is not None:
                self._stop(client, request_number, taken, "primary_answers", 0, at_us)

    def send(self, message: Request, peer: str, at_us: int) -> None:
        """Note how many requests were handed to the primary again."""
        again = 0
        for client, request_number, _ in message.entries:
            taken = self._taken.get((client, request_number))
            if taken is not None:
                again += taken.was_sent
                taken.was_sent = True
        if again:
            self._note("forwarding.sent_again", at_us, {"calls": again}, {"peer": peer})

    def _stop(
        self,
        client: str,
        request_number: int,
        taken: Taken,
        outcome: str,
        byte_count: int,
        at_us: int,
    ) -> None:
        self._note(
            "protocol.client_request.stop",
            at_us,
            {"duration_us": at_us - taken.at_us, "bytes": byte_count},
            {
                "client": client,
                "request_number": request_number,
                "kind": taken.kind,
                "outcome": outcome,
            },
        )
