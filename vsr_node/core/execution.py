"""Committing and executing: the only place where the state machine and the client table change."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .client_table import Forgotten, Recorded
from .messages import Entry, Reason, Refusal, Reply
from .status import Status

if TYPE_CHECKING:
    from .replica import Replica


def commit_up_to(replica: Replica, commit_number: int) -> None:
    """Executes what is committed and not yet executed, in order (VRR 4.1, step 5 and 7).

    The caller knows that the log up to ``commit_number`` is the committed one. A lower number
    than the replica's own is old news and changes nothing.
    """
    assert commit_number <= replica.log.op_number, "only what is in the log commits (VRR 4.1)"
    while replica.commit_number < commit_number:
        replica.commit_number += 1
        _execute(replica, replica.log[replica.commit_number])


def _execute(replica: Replica, entry: Entry) -> None:
    """Applies an entry exactly once, whatever number of times it stands in the log."""
    client, request_number, operation = entry
    known = replica.client_table.look_up(client, request_number)
    if known is None:
        result = replica.machine.apply(operation)
        known = replica.client_table.record(client, request_number, result)
    _answer_if_due(replica, client, request_number, known)


def _answer_if_due(
    replica: Replica, client: str, request_number: int, known: Recorded | Forgotten
) -> None:
    """Answers the client if that is this replica's task.

    Where a backup commits by itself (quorum of two), the replica that took the request answers
    it. In larger groups the primary answers what was logged in its view, as the others learn of
    the commit only later; what the view inherited is answered by whoever took it.
    """
    key = (client, request_number)
    was_sent = replica.sent.pop(key, None) is not None
    was_waiting = replica.held.pop(key, None) is not None or was_sent
    replica.in_log.discard(key)
    primary_answers = (
        replica.membership.quorum > 2
        and replica.status is Status.NORMAL
        and replica.commit_number > replica.inherited_op_number
    )
    if replica.is_primary if primary_answers else was_waiting:
        answer(replica, client, request_number, known)


def answer(replica: Replica, client: str, request_number: int, known: Recorded | Forgotten) -> None:
    """Tells a client what the client table knows of its request."""
    replica.replies.append(
        Refusal(client, request_number, Reason.OUTCOME_UNKNOWN)
        if isinstance(known, Forgotten)
        else Reply(client, request_number, known[1])
    )
