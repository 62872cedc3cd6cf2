"""What clients ask of a member: as the replica's requests, and its answers on their way back."""

from collections.abc import Iterator, Sequence
from typing import Protocol

from vsr_node.core.messages import Reason, Refusal, Reply
from vsr_node.core.sessions import QUERY, REGISTRATION
from vsr_node.wire.calls import Answer, Call, Outcome, Query, Register

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
        # No session or nonce has such a name, and no caller of another member.
        self._query_prefix = f"{QUERY}{member.replica.name}/"
        self._waiting: dict[tuple[str, int], tuple[Caller, str]] = {}

    def take(self, caller: Caller, ask: Register | Call | Query) -> Answer | None:
        """Hand a request to the replica; return its answer if it is refused at once."""
        is_read = isinstance(ask, Query)
        if isinstance(ask, Call):
            client, number, operation = ask
            asking = client
        elif isinstance(ask, Query):
            client, (number, operation) = "", ask
            asking = self._query_prefix + caller.name
        else:
            client, number, operation = ask.nonce, REGISTRATION, ""
            asking = client
        if len(operation) > OPERATION_CHARACTERS_MAX:
            text = f"the operation has more than {OPERATION_CHARACTERS_MAX} characters"
            return Answer(client, number, Outcome.REFUSED, text)
        self._waiting[asking, number] = (caller, client)
        self._member.ask(asking, number, operation, is_read)
        return None

    def answers(self, replies: Sequence[Reply | Refusal]) -> Iterator[tuple[Caller, Answer]]:
        """Yield the answers to send, each with its caller."""
        for reply in replies:
            asking, number, _ = reply
            waiting = self._waiting.pop((asking, number), None)
            if waiting is None:
                continue
            caller, client = waiting
            if isinstance(reply, Reply):
                yield caller, Answer(client, number, Outcome.RESULT, str(reply.result))
            else:
                reason = reply.reason
                yield caller, Answer(client, number, OUTCOMES[reason], reason.value)
