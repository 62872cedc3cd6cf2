"""What no correct replica says. Checked before a message changes anything.

A message that passes may still be a lie, which the protocol does not guard against: it lives
through crashes and a bad network, not through members that forge (VRR section 1).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from .limits import VIEWS_AHEAD_MAX
from .messages import (
    Commit,
    DoViewChange,
    Message,
    NewCheckpoint,
    NewState,
    Prepare,
    PrepareOk,
    RecoveryResponse,
    StartView,
    StartViewChange,
)
from .timers import TIME_OUT_MAX, TIME_OUT_MIN

if TYPE_CHECKING:
    from .replica import Replica


class ImpossibleMessageError(Exception):
    """A message that no correct member of the group can have sent; nothing has changed."""

    def __init__(self, source: str, message: Message, why: str) -> None:
        super().__init__(f"{type(message).__name__} of {source}: {why}")


def impossibility(replica: Replica, source: str, message: Message) -> str | None:
    """Why ``source`` cannot have sent ``message`` to this replica; None if it can."""
    if source not in replica.peers:
        return "its sender is no other member of the group"
    if message.view_number > replica.view_number + VIEWS_AHEAD_MAX:
        return "no group gets so many views ahead of one of its members"
    check = _CHECKS.get(type(message))
    return None if check is None else check(replica, source, message)


def _impossible_of_primary(
    replica: Replica, source: str, message: Prepare | Commit | StartView
) -> str | None:
    if replica.membership.primary_of(message.view_number) != source:
        return "its sender is not the primary of its view"
    if not TIME_OUT_MIN <= message.time_out <= TIME_OUT_MAX:
        return "no primary asks for such patience"
    return None


def _impossible_start_view(replica: Replica, source: str, message: StartView) -> str | None:
    return _impossible_of_primary(replica, source, message) or _impossible_log(message)


def _impossible_vote(_: Replica, _source: str, message: StartViewChange) -> str | None:
    current_view_number = message.current_view_number
    if message.view_number not in (current_view_number, current_view_number + 1):
        return "votes are for the next view"
    return None


def _impossible_log(message: StartView | RecoveryResponse) -> str | None:
    if not message.first_op_number - 1 <= message.commit_number <= message.op_number:
        return "its log must begin at or below commit_number + 1 and hold what is committed"
    return None


def _impossible_prepare_ok(replica: Replica, _: str, message: PrepareOk) -> str | None:
    if replica.membership.primary_of(message.view_number) != replica.name:
        return "this replica is not the primary of its view"
    if message.view_number > replica.view_number:
        return "this replica has not led that view yet"
    if message.view_number == replica.view_number and message.op_number > replica.op_number:
        return "it acknowledges more than this view's log has"
    return None


def _impossible_do_view_change(replica: Replica, _: str, message: DoViewChange) -> str | None:
    if replica.membership.primary_of(message.view_number) != replica.name:
        return "this replica is not the primary of its view"
    if message.last_normal_view >= message.view_number:
        return "its log cannot be whole in a view that has not begun"
    if message.first_op_number != message.commit_number + 1:
        return "its log must begin at commit_number + 1"
    return None


def _impossible_new_state(_: Replica, _source: str, message: NewState) -> str | None:
    return None if message.entries else "it tells nothing"


def _impossible_new_checkpoint(_: Replica, _source: str, message: NewCheckpoint) -> str | None:
    if not message.parts or message.position + len(message.parts) > message.part_count:
        return "its parts are not among those of the checkpoint"
    if message.client_count > message.part_count:
        return "it counts more clients than parts"
    return None


def _impossible_recovery_response(
    replica: Replica, source: str, message: RecoveryResponse
) -> str | None:
    if message.entries and replica.membership.primary_of(message.view_number) != source:
        return "only the primary of a view tells its log"
    return _impossible_log(message)


_CHECKS: dict[type[Message], Callable[[Replica, str, Any], str | None]] = {
    Prepare: _impossible_of_primary,
    Commit: _impossible_of_primary,
    StartView: _impossible_start_view,
    PrepareOk: _impossible_prepare_ok,
    StartViewChange: _impossible_vote,
    DoViewChange: _impossible_do_view_change,
    NewState: _impossible_new_state,
    NewCheckpoint: _impossible_new_checkpoint,
    RecoveryResponse: _impossible_recovery_response,
}
