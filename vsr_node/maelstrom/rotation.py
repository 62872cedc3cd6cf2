"""Members that change by themselves, each time that an epoch has become old."""

from vsr_node.core.change import rotation
from vsr_node.core.replica import Replica


class Rotation:
    """When the present epoch ends, ``length`` microseconds after this node has heard of it."""

    def __init__(self, length: int) -> None:
        self._length = length
        self._epoch = -1
        self.due_at = 0
        """When the next turn is due (microseconds)."""

    def go_on(self, replica: Replica) -> None:
        """Ask for other members if the epoch is old enough and this node leads the group."""
        epoch = replica.membership.epoch
        if epoch != self._epoch:
            self._epoch = epoch
        elif replica.now < self.due_at:
            return
        else:
            replica.reconfigure_self(rotation(replica.processes, epoch + 1))
        self.due_at = replica.now + self._length
