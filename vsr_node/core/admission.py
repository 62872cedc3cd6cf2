"""What a replica hears: in which status, of which view, and what no correct replica says.

Each phase declares a ``Hearing`` for each type of message that it handles (``HEARS``).

A message that passes may still be a lie, which the protocol does not guard against: it lives
through crashes and a bad network, not through members that forge (VRR section 1).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

from .limits import VIEWS_AHEAD_MAX
from .membership import epoch_of
from .messages import (
    Commit,
    Message,
    Prepare,
    RecoveryResponse,
    StartEpoch,
    StartView,
    StartViewChange,
    last_op_number,
)
from .status import Status
from .timers import TIME_OUT_MAX, TIME_OUT_MIN

if TYPE_CHECKING:
    from .replica import Replica

Handler: TypeAlias = Callable[["Replica", str, Any], None]
"""Takes (replica, source, message)."""


@dataclass(frozen=True, slots=True)
class Hearing:
    """How a replica takes one type of message."""

    handler: Handler
    statuses: tuple[Status, ...]
    """In any other it is dropped; a recovering replica takes it from whatever view."""
    impossible: Callable[[Replica, str, Any], str | None] | None = None
    """Returns why no correct replica can have sent it; None if one can."""
    of_older_view: Handler | None = None
    """What is done with one of an older view; None drops it."""
    is_served_in_any_view: bool = False
    """The sender may know only an older view; what it asks for does not depend on it."""
    is_from_any_process: bool = False
    """The sender may be no member. Of other epochs see ``reconfiguration.OF_OTHER_EPOCHS``."""


class ImpossibleMessageError(Exception):
    """A message that no correct member of the group can have sent; nothing has changed."""

    def __init__(self, source: str, message: object, why: str) -> None:
        super().__init__(f"{type(message).__name__} of {source}: {why}")


def refuse_impossible(replica: Replica, source: str, message: Message, hearing: Hearing) -> None:
    """Raise ImpossibleMessageError if ``source`` cannot have sent ``message`` to this replica.

    ``Replica.on_message`` does by itself what is left of this for most messages.
    """
    view_number = message.view_number
    why = None
    if source not in replica.peers:
        why = _impossible_sender(replica, source, message, hearing)
    if why is None and view_number > replica.view_number + VIEWS_AHEAD_MAX:
        why = "no group gets so many views ahead of one of its members"
    # What only members say is of their epoch, and means nothing in another.
    if (
        why is None
        and hearing.impossible is not None
        and (hearing.is_from_any_process or epoch_of(view_number) == replica.membership.epoch)
    ):
        why = hearing.impossible(replica, source, message)
    if why is not None:
        raise ImpossibleMessageError(source, message, why)


def _impossible_sender(
    replica: Replica, source: str, message: Message, hearing: Hearing
) -> str | None:
    """Check what does not come from another member of the present epoch."""
    if source not in replica.other_processes:
        return "its sender is no other member of the group"
    if hearing.is_from_any_process or epoch_of(message.view_number) != replica.membership.epoch:
        return None
    return "its sender is no member of the epoch"


def impossible_of_primary(
    replica: Replica, source: str, message: Prepare | Commit | StartView
) -> str | None:
    """Check what only a primary sends."""
    view_number = message.view_number
    is_present = view_number == replica.view_number
    if source != (replica.primary if is_present else replica.membership.primary_of(view_number)):
        return "its sender is not the primary of its view"
    if not TIME_OUT_MIN <= message.time_out <= TIME_OUT_MAX:
        return "no primary asks for such patience"
    return None


def impossible_log(message: StartView | RecoveryResponse) -> str | None:
    """Check the end of a primary's log."""
    if not message.first_op_number - 1 <= message.commit_number <= last_op_number(message):
        return "its log must begin at or below commit_number + 1 and hold what is committed"
    return None


def send_epoch(replica: Replica, source: str) -> None:
    """Answer a replica that may not know of the present epoch with its beginning."""
    message = StartEpoch(
        view_number=replica.view_number,
        op_number=replica.epoch_op_number,
        members=replica.membership.members,
    )
    replica.send((source,), message)


def send_view(replica: Replica, source: str, _message: Message) -> None:
    """Answer a replica of an older view with news of this one."""
    view_number = replica.view_number
    replica.send(
        (source,), StartViewChange(view_number=view_number, current_view_number=view_number)
    )
