"""The nodes that kills and pauses hit: *one*, a *minority*, a *majority*, *all*, or the *primary*.

The primary is the node that the bench judges to be the leader when the fault begins. A *backup* is
a node that does not lead then.
"""

from abc import ABC
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from random import Random
from typing import Self, TypeVar

from vsr_node.bench.faults.kind import Demand, FaultValue, PlannedValue

PRIMARY = "primary"
THE_LEADER = "the leader"
BACKUP = "backup"


def aim(kind: str, leader: str | None, nodes: Sequence[str]) -> str | None:
    """Return the node that a fault of this kind aims at; None if it does not aim.

    If no leader is known, ``leader`` is None, and the first node counts as the leader.
    """
    place = 0 if leader is None else nodes.index(leader)
    places = {PRIMARY: place, BACKUP: (place + 1) % len(nodes)}
    return nodes[places[kind]] if kind in places else None


Aimed = TypeVar("Aimed", bound=PlannedValue)


def at_backup(at_leader: Aimed) -> Aimed:
    """Return the fault of a node that does not lead; ``at_leader`` is that of the leader."""
    return replace(at_leader, kind=BACKUP, text="a node that does not lead")


@dataclass(frozen=True, slots=True)
class Targets(FaultValue, ABC):
    """A fault of nodes; ``nodes`` is None for one that aims when it begins."""

    nodes: Sequence[str] | None

    def aimed(self, leader: str | None, nodes: Sequence[str]) -> "Targets":
        """Name the node that it aims at."""
        node = aim(self.kind, leader, nodes)
        if node is None:
            return self
        unseen = ", as no leader was seen" if leader is None else ""
        return replace(self, nodes=[node], text=f"{node}{unseen}")

    def without(self, node: str) -> Self | None:
        """Return the fault of the other nodes; whoever leads is hit all the same."""
        if self.nodes is None:
            return self
        left = [name for name in self.nodes if name != node]
        return self._left(node, nodes=left) if left else None


def sizes_for(node_count: int) -> dict[str, int]:
    """Return how many nodes each variant hits: each number once, and the primary."""
    variants = {
        "one": 1,
        "minority": (node_count - 1) // 2,
        "majority": node_count // 2 + 1,
        "all": node_count,
    }
    sizes: dict[str, int] = {}
    for variant, size in variants.items():
        if size and size not in sizes.values():
            sizes[variant] = size
    return sizes | {PRIMARY: 1}


def drawing(
    value: Callable[[str, str, Sequence[str] | None], Targets],
) -> Callable[[Demand, Random], Targets]:
    """Return a function that draws targets; ``value`` makes its values."""

    def draw(demand: Demand, random: Random) -> Targets:
        variant, size = random.choice(list(sizes_for(len(demand.nodes)).items()))
        if variant == PRIMARY:
            return value(variant, THE_LEADER, None)
        hit = set(random.sample(demand.nodes, size))
        names = [node for node in demand.nodes if node in hit]
        return value(variant, " ".join(names), names)

    return draw
