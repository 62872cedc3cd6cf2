"""Checkpoints (VRR section 5.1): what the log led to, in place of the log.

A replica takes a checkpoint of its own accord when it has executed as many entries since the
last one as that had parts, so the cost of an operation stays the same however large the state
becomes. It does so at the beginning of a turn, when all answers of the last one have left. The
log before the checkpoint goes, except for a tail that spares slow replicas the whole state. The
client table is part of the checkpoint: without it, a replica that restores the checkpoint would
execute a repeated request again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .messages import Checkpoint
from .waiting import answer_known

if TYPE_CHECKING:
    from .replica import Replica


def take_if_due(replica: Replica) -> None:
    """Take a checkpoint when enough has been executed since the last one."""
    op_number, _, parts = replica.checkpoint
    if replica.commit_number - op_number < replica.limits.checkpoint_interval:
        return
    if replica.commit_number - op_number < len(parts):
        return
    clients = replica.client_table.snapshot()
    parts = clients + replica.machine.snapshot()
    tail_begin = replica.commit_number - replica.limits.checkpoint_interval + 1
    replica.set_checkpoint(
        Checkpoint(replica.commit_number, len(clients), parts),
        max(tail_begin, replica.log.first_op_number),
    )


def restore(replica: Replica, checkpoint: Checkpoint) -> None:
    """Make the state what it was when ``checkpoint`` was taken."""
    replica.client_table.restore(checkpoint.parts[: checkpoint.client_count])
    replica.machine.restore(checkpoint.parts[checkpoint.client_count :])
    replica.commit_number = checkpoint.op_number


def install(replica: Replica, checkpoint: Checkpoint) -> None:
    """Take over another replica's checkpoint, which is ahead of all that was executed here.

    Own entries above it stay: they may be what a quorum has committed. If they contradict the
    checkpoint, a quorum is in a newer view than they are, and no view begins with them.
    """
    assert checkpoint.op_number > replica.commit_number, "the state never goes back"
    restore(replica, checkpoint)
    replica.set_checkpoint(checkpoint, checkpoint.op_number + 1)
    answer_known(replica)
