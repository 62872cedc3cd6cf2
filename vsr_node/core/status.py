"""The states of a replica and the legal ways between them (VRR section 4).

normal --(a quorum votes, or news of a newer view)--> view_change
view_change --(the same again)--> view_change
view_change --(START_VIEW, sent or received)--> normal
recovering --(enough RECOVERY_RESPONSEs)--> normal

Where an epoch begins, whatever the replica was before (VRR section 7):

normal, view_change, standby, recovering --(it is a member)--> view_change
normal, view_change, standby, recovering --(it is none)--> standby

A replica begins as recovering only when it can't trust its log (VRR section 4.3).
"""

from typing import ClassVar, final


@final
class Status:
    """What a replica takes part in: one of four.

    Not an Enum: each turn asks for the status a dozen times, and Python 3.11 takes ten times as
    long to find a member of one.
    """

    __slots__ = ("value",)

    NORMAL: ClassVar["Status"]
    VIEW_CHANGE: ClassVar["Status"]
    RECOVERING: ClassVar["Status"]
    STANDBY: ClassVar["Status"]

    def __init__(self, value: str) -> None:
        self.value = value

    def __repr__(self) -> str:
        return self.value


Status.NORMAL = Status("normal")
Status.VIEW_CHANGE = Status("view_change")
Status.RECOVERING = Status("recovering")
Status.STANDBY = Status("standby")


TRANSITIONS = frozenset(
    {
        (Status.NORMAL, Status.VIEW_CHANGE),
        (Status.VIEW_CHANGE, Status.VIEW_CHANGE),
        (Status.VIEW_CHANGE, Status.NORMAL),
        (Status.RECOVERING, Status.NORMAL),
        (Status.RECOVERING, Status.VIEW_CHANGE),
        (Status.STANDBY, Status.VIEW_CHANGE),
        (Status.NORMAL, Status.STANDBY),
        (Status.VIEW_CHANGE, Status.STANDBY),
        (Status.RECOVERING, Status.STANDBY),
        (Status.STANDBY, Status.STANDBY),
    }
)
