"""Members compare digests of what they executed, beside the protocol; who differs is stopped."""

from collections.abc import Mapping

from vsr_node.machines.errors import DivergenceError

KEPT_MAX = 64
"""Digests that are kept of each member."""


class Digests:
    """The digests of all members, by the number of operations that they are of.

    ``members`` is the size of the group. A member that differs from a quorum is wrong; as long as
    no quorum agrees, nobody can tell.
    """

    def __init__(self, members: int) -> None:
        self._quorum = members // 2 + 1
        self._known: dict[int, dict[str, int]] = {}

    def note(self, member: str, digests: Mapping[int, int]) -> None:
        """Note digests of a member, which may be known already."""
        for number, digest in digests.items():
            self._known.setdefault(number, {})[member] = digest
        while len(self._known) > KEPT_MAX:
            del self._known[min(self._known)]

    def assert_agreed(self, member: str) -> None:
        """Raise DivergenceError if a quorum of others agrees on another digest than a member's."""
        for number, digests in self._known.items():
            own = digests.get(member)
            others = [digest for digest in digests.values() if digest != own]
            for digest in others if own is not None else ():
                if others.count(digest) >= self._quorum:
                    raise DivergenceError(
                        f"{member} differs from a quorum after {number} operations: its machine is "
                        "not a function of its operations"
                    )
