"""Members compare digests of what they executed, beside the protocol; who differs is stopped."""

from collections import OrderedDict
from collections.abc import Mapping

from vsr_node.machines.errors import DivergenceError

KEPT_MAX = 64
"""Digests that are kept of each member."""


class Digests:
    """The digests of all members, by the number of operations that they are of.

    ``name`` is the member that compares, in a group of ``member_count``. One that differs from a
    quorum is wrong; as long as no quorum agrees, nobody can tell. A digest that gets lost does no
    harm: the next one has it in it.
    """

    def __init__(self, name: str, member_count: int) -> None:
        self._name = name
        self.quorum = member_count // 2 + 1
        self._newest = 0
        self._is_compared = True
        self._known: dict[int, dict[str, int]] = {}

    def take_new(self, own: OrderedDict[int, int]) -> dict[int, int]:
        """Note this member's own digests, the newest last; return those that were not there yet."""
        if not own or next(reversed(own)) <= self._newest:
            return {}
        new = {number: digest for number, digest in own.items() if number > self._newest}
        self._newest = max(new)
        self.note(self._name, new)
        return new

    def note(self, member: str, digests: Mapping[int, int]) -> None:
        """Note digests of a member."""
        self._is_compared = False
        for number, digest in digests.items():
            self._known.setdefault(number, {})[member] = digest
        while len(self._known) > KEPT_MAX:
            del self._known[min(self._known)]

    def assert_agreed(self) -> None:
        """Raise DivergenceError if a quorum of others agrees on another digest than this member."""
        if self._is_compared:
            return
        self._is_compared = True
        for number, digests in self._known.items():
            own = digests.get(self._name)
            if own is None:
                continue
            others = [digest for digest in digests.values() if digest != own]
            if any(others.count(digest) >= self.quorum for digest in others):
                raise DivergenceError(
                    f"{self._name} differs from a quorum after {number} operations: its machine is"
                    " not a function of its operations"
                )
