"""Requests of clients for other members: to the replica, and what came of them on its way back."""

import json
from collections.abc import Iterator, Sequence

from vsr_node.cluster.asks import OUTCOMES, Caller
from vsr_node.cluster.directory import is_address
from vsr_node.cluster.member import Member
from vsr_node.core.messages import Declined, Reconfiguration, Refusal, Reply
from vsr_node.core.replica import Replica
from vsr_node.wire.calls import Answer, Change, Outcome


class Changes:
    """The requests for other members that a member has not answered, with their callers."""

    def __init__(self, member: Member) -> None:
        self._member = member
        self._waiting: dict[tuple[str, int], Caller] = {}

    def take(self, caller: Caller, change: Change) -> Answer | None:
        """Hand a request to the replica; return its answer if it makes no sense.

        Its addresses are known to the replica's processes before.
        """
        session, number, members, epoch = change
        names = tuple(name for name, _ in members)
        problem = _problem_of(change, names)
        if problem is not None:
            return Answer(session, number, Outcome.REFUSED, problem)
        self._waiting[session, number] = caller
        self._member.reconfigure(session, number, names, epoch)
        return None

    def answers(self, replies: Sequence[Reply | Refusal]) -> Iterator[tuple[Caller, Answer]]:
        """Yield the answers to send, each with its caller."""
        if not self._waiting:
            return
        for reply in replies:
            caller = self._waiting.pop(reply[:2], None)
            if caller is not None:
                yield caller, _answer_of(reply)


def change_of(replica: Replica) -> dict[str, object] | None:
    """Return the change that a replica prepares, and how far each new member is, as JSON."""
    change = replica.change
    if change is None:
        return None
    joiners = {name: joiner.op_number for name, joiner in change.joiners.items()}
    return {"members": list(change.members), "joiners": joiners}


def _problem_of(change: Change, names: Sequence[str]) -> str | None:
    if not names or not all(names) or len(set(names)) < len(names):
        return "a group has one member or more, each of them named once"
    if change.epoch is not None and change.epoch < 0:
        return "epochs are counted from 0"
    wrong = [address for _, address in change.members if not is_address(address)]
    return f"expected HOST:PORT, not {wrong[0]!r}" if wrong else None


def _answer_of(reply: Reply | Refusal) -> Answer:
    client, number, outcome = reply
    if isinstance(reply, Refusal):
        return Answer(client, number, OUTCOMES[reply.reason], reply.reason.value)
    if isinstance(outcome, Reconfiguration):
        text = json.dumps({"epoch": outcome.epoch, "members": outcome.members})
        return Answer(client, number, Outcome.RESULT, text)
    text = outcome.reason if isinstance(outcome, Declined) else "that was no request for members"
    return Answer(client, number, Outcome.REFUSED, text)
