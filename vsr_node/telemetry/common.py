"""What the modules of events have in common."""

from typing import NamedTuple

from vsr_node.core.replica import Replica
from vsr_node.core.status import Status

COUNT = (1,)
"""The measurements of an event that has nothing better."""

NANOSECONDS_PER_MICROSECOND = 1_000


class State(NamedTuple):
    """What the ends of a turn are compared by."""

    status: str
    view_number: int
    is_primary: bool
    is_serving: bool
    is_following: bool
    op_number: int
    commit_number: int

    @property
    def role(self) -> str:
        """The role in the view."""
        return "primary" if self.is_primary else "backup"


BEFORE_THE_START = State("starting", 0, False, False, False, 0, 0)
"""What the first state of a replica is compared with."""

NORMAL, VIEW_CHANGE, RECOVERING = (
    Status.NORMAL.value,
    Status.VIEW_CHANGE.value,
    Status.RECOVERING.value,
)


def state_of(replica: Replica) -> State:
    """Return a replica's state."""
    return State(
        replica.status.value,
        replica.view_number,
        replica.is_primary,
        replica.is_serving_primary,
        replica.is_following,
        replica.log.op_number,
        replica.commit_number,
    )
