"""The members of one epoch (VRR sections 2 and 7)."""

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Membership:
    """The replicas of one epoch, in an order on which all of them agree.

    Any number of members from one upwards works, even numbers too. A ``quorum`` is a majority: any
    two share a replica. The group lives through ``failures_max`` failures: the members beyond a
    quorum.
    """

    epoch: int
    members: tuple[str, ...]
    quorum: int = field(init=False)

    def __post_init__(self) -> None:
        if not self.members:
            raise ValueError("a group needs at least one member")
        if len(set(self.members)) != len(self.members):
            raise ValueError(f"a member is named twice: {', '.join(self.members)}")
        object.__setattr__(self, "quorum", len(self.members) // 2 + 1)

    @property
    def failures_max(self) -> int:
        """Return VRR's f: how many members may be away while the others serve."""
        return len(self.members) - self.quorum

    def primary_of(self, view_number: int) -> str:
        """Return the primary: it is not elected, the view number gives it (VRR section 4)."""
        return self.members[view_number % len(self.members)]

    def others(self, name: str) -> tuple[str, ...]:
        """Return all members but ``name``, in the group's order."""
        return tuple(member for member in self.members if member != name)
