"""Committing and executing: the only place where the state machine and the client table change.

Changes of the members are executed here, too, and the state machine never sees them. One that
begins an epoch is the last entry that is executed in its own: nothing more is, until the replica
has entered the next (``reconfiguration``). It is effective by its place in the log, whatever the
client table makes of its request, since tables with different bounds must not part the group.
"""

from __future__ import annotations

from collections.abc import Callable
from operator import itemgetter
from typing import TYPE_CHECKING

from .membership import Membership
from .messages import CHANGES, Entries, Entry, Operation, Reconfiguration, Result
from .waiting import answer_executed

if TYPE_CHECKING:
    from .replica import Replica

_OPERATION = itemgetter(2)

NOBODY = ""
"""The client of a change that a primary asks itself for: it gets no answer."""


def commit_up_to(replica: Replica, commit_number: int) -> None:
    """Execute what is committed and not yet executed, in order (VRR 4.1, step 5 and 7).

    The caller knows that the log up to ``commit_number`` is the committed one. A lower number
    than the replica's own is old news and changes nothing. An entry is applied exactly once,
    however often it stands in the log. Execution stops behind the entry that ends the epoch.
    """
    assert commit_number <= replica.log.op_number, "only what is in the log commits (VRR 4.1)"
    first_op_number = replica.commit_number + 1
    if commit_number < first_op_number:
        return
    if replica.next_membership is not None:
        return
    entries = replica.log.suffix(first_op_number, commit_number - replica.commit_number)
    if CHANGES.isdisjoint(map(type, map(_OPERATION, entries))):
        _execute(replica, entries, replica.machine.apply)
    else:
        _execute_with_changes(replica, entries)


def _execute(replica: Replica, entries: Entries, apply: Callable[[Operation], Result]) -> None:
    execute = replica.client_table.execute
    outcomes = [
        execute(client, request_number, apply, operation)
        for client, request_number, operation in entries
    ]
    first_op_number = replica.commit_number + 1
    replica.commit_number += len(entries)
    answer_executed(replica, first_op_number, entries, outcomes)


def _execute_with_changes(replica: Replica, entries: Entries) -> None:
    for entry in entries:
        if type(entry[2]) not in CHANGES:
            _execute(replica, (entry,), replica.machine.apply)
            continue
        _execute_change(replica, entry)
        if replica.next_membership is not None:
            return


def _execute_change(replica: Replica, entry: Entry) -> None:
    """Note the answer to a request for a change, and the members of the epoch that it begins."""
    client, request_number, operation = entry
    if client == NOBODY:
        replica.client_table.execute(client, request_number, _itself, operation)
        replica.commit_number += 1
    else:
        _execute(replica, (entry,), _itself)
    epoch, members = replica.membership.epoch, replica.membership.members
    if isinstance(operation, Reconfiguration) and operation != (epoch, members):
        assert operation.epoch == epoch + 1, "each epoch begins the next (VRR 7.1)"
        replica.next_membership = Membership(operation.epoch, operation.members)


def _itself(operation: Operation) -> Result:
    return operation
