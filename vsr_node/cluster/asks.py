"""What clients ask of a member: as the replica's requests, and its answers on their way back."""

from collections.abc import Callable, Iterable, Sequence
from typing import Protocol

from vsr_node.cluster.changes import outcome_of, problem_of
from vsr_node.core.messages import Reason, Refusal, Reply, Result
from vsr_node.core.sessions import QUERY, REGISTRATION
from vsr_node.wire.calls import Answer, Ask, Call, Change, Outcome, Query

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

    def answer(self, answers: Sequence[Answer]) -> None:
        """Send answers."""


class Asks:
    """What a member was asked, with the callers that wait for it, and the answers to send.

    ``meet`` takes the addresses of members that are asked for.
    """

    def __init__(self, member: Member, meet: Callable[[Sequence[tuple[str, str]]], None]) -> None:
        self._member = member
        self._meet = meet
        # No session or nonce has such a name, and no caller of another member.
        self._query_prefix = f"{QUERY}{member.replica.name}/"
        self._waiting: dict[tuple[str, int], tuple[Caller, str]] = {}
        self._answers: dict[Caller, list[Answer]] = {}

    def take(self, caller: Caller, asks: Iterable[Ask]) -> None:
        """Hand requests to the replica, but for those that are refused at once."""
        for ask in asks:
            if isinstance(ask, Call):
                client, number, operation = ask
                asking = client
            elif isinstance(ask, Query):
                client, (number, operation) = "", ask
                asking = self._query_prefix + caller.name
            elif isinstance(ask, Change):
                self._take_change(caller, ask)
                continue
            else:
                client, number, operation = ask.nonce, REGISTRATION, ""
                asking = client
            if len(operation) > OPERATION_CHARACTERS_MAX:
                text = f"the operation has more than {OPERATION_CHARACTERS_MAX} characters"
                self._answer(caller, Answer(client, number, Outcome.REFUSED, text))
                continue
            self._waiting[asking, number] = (caller, client)
            self._member.ask(asking, number, operation, isinstance(ask, Query))

    def _take_change(self, caller: Caller, change: Change) -> None:
        """Hand a request for other members over, when their addresses are known."""
        session, number, members, epoch = change
        problem = problem_of(change)
        if problem is not None:
            self._answer(caller, Answer(session, number, Outcome.REFUSED, problem))
            return
        self._meet(members)
        self._waiting[session, number] = (caller, session)
        names = tuple(name for name, _ in members)
        self._member.reconfigure(session, number, names, epoch)

    def answer(self, replies: Iterable[Reply | Refusal]) -> None:
        """Take the replica's answers."""
        for reply in replies:
            asking, number, _ = reply
            waiting = self._waiting.pop((asking, number), None)
            if waiting is None:
                continue
            caller, client = waiting
            if isinstance(reply, Reply):
                answer = _answer_of(client, number, reply.result)
            else:
                answer = Answer(client, number, OUTCOMES[reply.reason], reply.reason.value)
            self._answer(caller, answer)

    def _answer(self, caller: Caller, answer: Answer) -> None:
        if caller in self._answers:
            self._answers[caller].append(answer)
        else:
            self._answers[caller] = [answer]

    def flush(self) -> None:
        """Let the answers leave, those of a caller together."""
        for caller, answers in self._answers.items():
            caller.answer(answers)
        self._answers.clear()


def _answer_of(client: str, number: int, result: Result) -> Answer:
    """Return the answer to what was executed: a machine's result is a text."""
    if type(result) is str:
        return Answer(client, number, Outcome.RESULT, result)
    return Answer(client, number, *outcome_of(result))
