"""Committing and executing: the only place where the state machine and the client table change."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .waiting import answer_executed

if TYPE_CHECKING:
    from .replica import Replica


def commit_up_to(replica: Replica, commit_number: int) -> None:
    """Execute what is committed and not yet executed, in order (VRR 4.1, step 5 and 7).

    The caller knows that the log up to ``commit_number`` is the committed one. A lower number
    than the replica's own is old news and changes nothing. An entry is applied exactly once,
    however often it stands in the log.
    """
    assert commit_number <= replica.log.op_number, "only what is in the log commits (VRR 4.1)"
    first_op_number = replica.commit_number + 1
    if commit_number < first_op_number:
        return
    execute, apply = replica.client_table.execute, replica.machine.apply
    entries = replica.log.suffix(first_op_number, commit_number - replica.commit_number)
    outcomes = [
        execute(client, request_number, apply, operation)
        for client, request_number, operation in entries
    ]
    replica.commit_number = commit_number
    answer_executed(replica, first_op_number, entries, outcomes)
