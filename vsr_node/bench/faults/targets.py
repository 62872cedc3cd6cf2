"""The nodes that kills and pauses hit: *one*, a *minority*, a *majority*, *all*, or the *primary*.

The primary is the node that the bench judges to be the leader when the fault begins.
"""

from abc import ABC
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from random import Random
from typing import Self

from vsr_node.bench.faults.kind import Demand, FaultValue

PRIMARY = "primary"
THE_LEADER = "the leader"


@dataclass(frozen=True, slots=True)
class Targets(FaultValue, ABC):
    """A fault of nodes; ``nodes`` is None for the node that leads when it begins."""

    nodes: Sequence[str] | None

    def aimed(self, leader: str | None, nodes: Sequence[str]) -> "Targets":
        """Name the leader, or the first node if no leader is known."""
        if self.kind != PRIMARY:
            return self
        if leader is None:
            return replace(self, nodes=[nodes[0]], text=f"{nodes[0]}, as no leader was seen")
        return replace(self, nodes=[leader], text=leader)

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
