"""What clients ask of a member: as the replica's requests, and its answers on their way back."""

from collections.abc import Iterator, Sequence
from typing import Protocol

from vsr_node.core.messages import Reason, Refusal, Reply
from vsr_node.core.sessions import QUERY, REGISTRATION
from vsr_node.wire.calls import Answer, Ask, Call, Outcome, Query, Register

from .member import Member

OPERATION_CHARACTERS_MAX = 1 << 20
"""The longest operation that is taken."""

OUTCOMES = {
    Reason.UNAVAILABLE: Outcome.UNAVAILABLE,
    Reason.OUTCOME_UNKNOWN: Outcome.UNKNOWN,
    Reason.SESSION_EXPIRED: Outcome.EXPIRED,
    Reason.NUMBER_REUSED: Outcome.REFUSED,
}


class Caller(Protocol):
    """A client of a member. ``name`` is one that no other caller has, at this member."""

    name: str

    def answer(self, answer: Answer) -> None:
        """Take an answer, which leaves with ``flush``."""

    def flush(self) -> None:
        """Let the answers leave."""


class Asks:
    """What a member was asked and has not answered, with the callers that wait for it."""

    def __init__(self, member: Member) -> None:
        self._member = member
        self._waiting: dict[tuple[str, int], tuple[Caller, str]] = {}

    def take(self, caller: Caller, ask: Ask) -> Answer | None:
        """Hand a request to the replica; return its answer if it is refused at once."""
        match ask:
            case Register(nonce):
                self._ask(caller, nonce, (nonce, REGISTRATION), "", is_read=False)
            case Call(session, number, operation):
                if len(operation) > OPERATION_CHARACTERS_MAX:
                    return _too_long(session, number)
                self._ask(caller, session, (session, number), operation, is_read=False)
            case Query(number, operation):
                if len(operation) > OPERATION_CHARACTERS_MAX:
                    return _too_long("", number)
                # No session or nonce has such a name, and no caller of another member.
                name = f"{QUERY}{self._member.replica.name}/{caller.name}"
                self._ask(caller, "", (name, number), operation, is_read=True)
        return None

    def _ask(
        self,
        caller: Caller,
        answered_as: str,
        request: tuple[str, int],
        operation: str,
        *,
        is_read: bool,
    ) -> None:
        self._waiting[request] = (caller, answered_as)
        self._member.ask(*request, operation, is_read)

    def answers(self, replies: Sequence[Reply | Refusal]) -> Iterator[tuple[Caller, Answer]]:
        """Yield the answers to send, each with its caller."""
        for reply in replies:
            request = (reply.client, reply.request_number)
            waiting = self._waiting.pop(request, None)
            if waiting is None:
                continue
            caller, client = waiting
            if isinstance(reply, Reply):
                outcome, text = Outcome.RESULT, str(reply.result)
            else:
                outcome, text = OUTCOMES[reply.reason], reply.reason.value
            yield caller, Answer(client, reply.request_number, outcome, text)


def _too_long(client: str, number: int) -> Answer:
    text = f"the operation has more than {OPERATION_CHARACTERS_MAX} characters"
    return Answer(client, number, Outcome.REFUSED, text)
