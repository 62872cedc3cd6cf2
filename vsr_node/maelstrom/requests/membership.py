"""Requests about the group itself, in any workload: its members, and what a node knows of it."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from vsr_node.cluster.changes import change_of
from vsr_node.core.membership import VIEWS_PER_EPOCH
from vsr_node.core.messages import OTHER_EPOCH, Declined, Reconfiguration

from ..errors import ErrorCode, malformed
from .fields import Body, is_offset

if TYPE_CHECKING:
    from vsr_node.cluster.member import Member


def wanted_members(body: Body, processes: Sequence[str]) -> tuple[tuple[str, ...], int | None]:
    """Return the members that a ``reconfigure`` asks for, and the epoch in which, None if in any.

    Raises RequestError.
    """
    members, epoch = body.get("members"), body.get("epoch")
    if type(members) is not list or not members:
        raise malformed("members", "expected a list of one name or more")
    for number, name in enumerate(members):
        if name not in processes:
            raise malformed("members", f"{name} is none of {', '.join(processes)}")
        if name in members[:number]:
            raise malformed("members", f"{name} occurs twice")
    if epoch is not None and not is_offset(epoch):
        raise malformed("epoch", "expected a whole number from 0 on")
    return tuple(members), epoch


def reply_of_change(outcome: Reconfiguration | Declined) -> dict[str, object]:
    """Return the body of the reply to a ``reconfigure``, without ``in_reply_to``."""
    if isinstance(outcome, Reconfiguration):
        members = list(outcome.members)
        return {"type": "reconfigure_ok", "epoch": outcome.epoch, "members": members}
    is_of_other_epoch = outcome.kind == OTHER_EPOCH
    code = ErrorCode.PRECONDITION_FAILED if is_of_other_epoch else ErrorCode.ABORT
    return {"type": "error", "code": int(code), "text": outcome.reason}


def status_of(member: "Member") -> dict[str, object]:
    """Return the body of the reply to a ``status``, without ``in_reply_to``: what is known here."""
    replica = member.replica
    return {
        "type": "status_ok",
        "epoch": replica.membership.epoch,
        "view": replica.view_number % VIEWS_PER_EPOCH,
        "members": list(replica.membership.members),
        "status": replica.status.value,
        "primary": replica.primary,
        "op_number": replica.op_number,
        "commit_number": replica.commit_number,
        "is_released": replica.is_released,
        "change": change_of(replica),
        "routes": member.links.hearing(),
    }
