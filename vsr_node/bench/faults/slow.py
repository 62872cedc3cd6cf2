"""Slow links: messages take longer on some one-way *links*, or on all from and to one *node*."""

from collections.abc import Sequence
from dataclasses import dataclass
from random import Random

from vsr_node.bench.faults.kind import Demand, FaultKind, FaultValue
from vsr_node.bench.nodes.loop import NANOSECONDS_PER_MILLISECOND
from vsr_node.bench.nodes.members import Members


@dataclass(frozen=True, slots=True)
class Slow(FaultValue):
    """Links, as pairs of source and destination, whose messages take ``ms`` longer."""

    links: Sequence[Sequence[str]]
    ms: float

    def begin(self, members: Members) -> list[str]:
        """Slow the links down; return the nodes at their ends."""
        extra_ns = int(self.ms * NANOSECONDS_PER_MILLISECOND)
        pairs = [(source, destination) for source, destination in self.links]
        members.network.links.slow_down(dict.fromkeys(pairs, extra_ns))
        return [name for name in members.names if any(name in link for link in self.links)]

    def without(self, node: str) -> "Slow | None":
        """Return the links between the other nodes."""
        left = [link for link in self.links if node not in link]
        return self._left(node, links=left) if left else None


def _draw(demand: Demand, random: Random) -> Slow | None:
    nodes = demand.nodes
    assert demand.slow_ms is not None
    if len(nodes) < 2:
        return None
    links = [(source, to) for source in nodes for to in nodes if source != to]
    if random.randrange(2):
        node = random.choice(nodes)
        slow = [link for link in links if node in link]
        kind, text = "node", f"all from and to {node}"
    else:
        drawn = set(random.sample(links, random.randint(1, len(links) // 2)))
        slow = [link for link in links if link in drawn]
        kind, text = "links", ", ".join(f"{source} -> {to}" for source, to in slow)
    text = f"{text} by {demand.slow_ms:g} ms"
    return Slow(kind, text, [[*link] for link in slow], demand.slow_ms)


def _speed_up(members: Members) -> str:
    members.network.links.slow_down({})
    return "as fast as before"


SLOW = FaultKind(
    name="slow",
    begins="start-slow",
    ends="stop-slow",
    value=Slow,
    draw=_draw,
    end=_speed_up,
    touched_count=lambda members: members.network.counts.slowed,
    at_leader=None,
    is_nemesis=False,
)
