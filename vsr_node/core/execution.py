"""Committing and executing: the only place where the state machine and the client table change."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .client_table import Forgotten, Recorded
from .messages import Reason, Refusal, Reply
from .status import Status

if TYPE_CHECKING:
    from .replica import Replica


def commit_up_to(replica: Replica, commit_number: int) -> None:
    """Executes what is committed and not yet executed, in order (VRR 4.1, step 5 and 7).

    The caller knows that the log up to ``commit_number`` is the committed one. A lower number
    than the replica's own is old news and changes nothing. An entry is applied exactly once,
    whatever number of times it stands in the log, and its client is answered if that is this
    replica's task.
    """
    assert commit_number <= replica.log.op_number, "only what is in the log commits (VRR 4.1)"
    first_op_number = replica.commit_number + 1
    if commit_number < first_op_number:
        return
    execute, apply = replica.client_table.execute, replica.machine.apply
    sent, held, in_log = replica.sent, replica.held, replica.in_log
    answered_by_primary_from = _answered_by_primary_from(replica)
    entries = replica.log.suffix(first_op_number, commit_number - replica.commit_number)
    for op_number, (client, request_number, operation) in enumerate(entries, first_op_number):
        replica.commit_number = op_number
        known = execute(client, request_number, apply, operation)
        key = (client, request_number)
        if in_log:
            in_log.discard(key)
        is_due = sent.pop(key, None) is not None
        if held and held.pop(key, None) is not None:
            is_due = True
        if op_number >= answered_by_primary_from:
            is_due = replica.is_primary
        if is_due:
            answer(replica, client, request_number, known)


def _answered_by_primary_from(replica: Replica) -> int:
    """The first op_number that the primary answers, whoever took the request; maybe none so far.

    Where a backup commits by itself (quorum of two), the replica that took the request answers
    it. In larger groups the primary answers what was logged in its view, as the others learn of
    the commit only later; what the view inherited is answered by whoever took it.
    """
    if replica.membership.quorum > 2 and replica.status is Status.NORMAL:
        return replica.inherited_op_number + 1
    return replica.log.op_number + 1


def answer(replica: Replica, client: str, request_number: int, known: Recorded | Forgotten) -> None:
    """Tells a client what the client table knows of its request."""
    replica.replies.append(
        Refusal(client, request_number, Reason.OUTCOME_UNKNOWN)
        if isinstance(known, Forgotten)
        else Reply(client, request_number, known[1])
    )
