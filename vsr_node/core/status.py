"""The states of a replica and the legal ways between them (VRR section 4).

normal --(a quorum votes, or news of a newer view)--> view_change
view_change --(the same again)--> view_change
view_change --(START_VIEW, sent or received)--> normal
recovering --(enough RECOVERY_RESPONSEs)--> normal

A replica begins as recovering only when it can't trust its log (VRR section 4.3).
"""

from enum import Enum


class Status(Enum):
    """What a replica takes part in."""

    NORMAL = "normal"
    VIEW_CHANGE = "view_change"
    RECOVERING = "recovering"


TRANSITIONS = frozenset(
    {
        (Status.NORMAL, Status.VIEW_CHANGE),
        (Status.VIEW_CHANGE, Status.VIEW_CHANGE),
        (Status.VIEW_CHANGE, Status.NORMAL),
        (Status.RECOVERING, Status.NORMAL),
    }
)
