"""Requests of clients for other members: whether they make sense, and what came of them."""

import json
from typing import TYPE_CHECKING

from vsr_node.cluster.directory import is_address
from vsr_node.core.messages import Declined, Reconfiguration, Result
from vsr_node.wire.calls import Change, Outcome

if TYPE_CHECKING:
    from vsr_node.core.replica import Replica


def problem_of(change: Change) -> str | None:
    """Return why a request makes no sense; None if it does."""
    names = [name for name, _ in change.members]
    if not names or not all(names) or len(set(names)) < len(names):
        return "a group has one member or more, each of them named once"
    if change.epoch is not None and change.epoch < 0:
        return "epochs are counted from 0"
    wrong = [address for _, address in change.members if not is_address(address)]
    return f"expected HOST:PORT, not {wrong[0]!r}" if wrong else None


def outcome_of(result: Result) -> tuple[Outcome, str]:
    """Return what a client is answered when its request was executed."""
    if isinstance(result, Reconfiguration):
        members = {"epoch": result.epoch, "members": result.members}
        return Outcome.RESULT, json.dumps(members)
    assert isinstance(result, Declined), "machines' results are texts"
    return Outcome.REFUSED, result.reason


def change_of(replica: "Replica") -> dict[str, object] | None:
    """Return the change that a replica prepares, and how far each new member is, as JSON."""
    change = replica.change
    if change is None:
        return None
    joiners = {name: joiner.op_number for name, joiner in change.joiners.items()}
    return {"members": list(change.members), "joiners": joiners}
