"""What a replica may believe of what its storage finds when it starts (VRR section 4.3).

A journal that is whole is trusted. One that lost something, or may have, is not: its entries were
written once, but others may have replaced them before the loss, and nobody knows what the replica
acknowledged last. Of such a journal only the checkpoint is taken, since what was executed once is
executed for ever, and the replica recovers. Its view is known in any case, or it stays out.
"""

from collections.abc import Sequence, Set
from typing import NamedTuple

from vsr_node.core.messages import Checkpoint, DurableState, Entry


class Found(NamedTuple):
    """What was read. ``view_number`` is the highest that was promised.

    ``damaged`` holds the op_numbers of entries whose checksum is wrong, whatever was read in their
    place. ``is_whole`` means that nothing written after this was lost, ``was_recovering`` that the
    last incarnation had not recovered yet.
    """

    view_number: int
    last_normal_view: int
    commit_number: int
    checkpoint: Checkpoint
    checkpoint_is_damaged: bool
    first_op_number: int
    entries: Sequence[Entry]
    damaged: Set[int]
    is_whole: bool
    was_recovering: bool


def believable(found: Found) -> DurableState:
    """Return the state to start from.

    A damaged entry that the checkpoint covers is not needed: the log begins after it.
    """
    if found.checkpoint_is_damaged:
        return _distrusted(found, Checkpoint())
    checkpoint = found.checkpoint
    covered = [op_number for op_number in found.damaged if op_number <= checkpoint.op_number]
    first_op_number = max([found.first_op_number, *(op_number + 1 for op_number in covered)])
    op_number = found.first_op_number + len(found.entries) - 1
    is_trusted = (
        found.is_whole
        and not found.was_recovering
        and len(covered) == len(found.damaged)
        and first_op_number <= checkpoint.op_number + 1
        and checkpoint.op_number <= found.commit_number <= op_number
    )
    if not is_trusted:
        return _distrusted(found, checkpoint)
    return DurableState(
        found.view_number,
        found.last_normal_view,
        found.commit_number,
        checkpoint,
        first_op_number,
        found.entries[first_op_number - found.first_op_number :],
    )


def _distrusted(found: Found, checkpoint: Checkpoint) -> DurableState:
    op_number = checkpoint.op_number
    return DurableState(
        found.view_number,
        min(found.last_normal_view, found.view_number),
        op_number,
        checkpoint,
        op_number + 1,
        (),
        is_recovering=True,
    )
