"""Partitions, which cut links between nodes. They are Maelstrom's, drawn among:

- *one*: one node is cut off from all others;
- *majority*: the larger half is cut off from the smaller one (of an even number of nodes neither
  half is a majority);
- *minority-third*: less than a third of the nodes is cut off, but at least one (of three nodes
  Maelstrom cuts none off);
- *majorities-ring*: every node hears a majority and no two nodes hear the same one. On three nodes
  that is a ring of one-way links; on more, links keep both ways.

A run that is not drawn as Maelstrom does has more. Two aim: *primary* cuts off the node that leads,
and *backup* one that does not. After the others all nodes still reach each other by way of others:

- *link*: two nodes do not hear each other;
- *one-way*: one node does not hear another;
- *one-way-ring*: each node hears only the one before it on a ring;
- *bridge*: all nodes but one hear only that one, which hears all;
- *chain*: each node hears only its neighbours on a chain.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from random import Random

from vsr_node.bench.faults.by_hand import ByHand, CommandError, HandDriven, require_node
from vsr_node.bench.faults.kind import Demand, FaultKind, FaultValue
from vsr_node.bench.faults.targets import BACKUP, PRIMARY, THE_LEADER, aim
from vsr_node.bench.nodes.links import Cuts
from vsr_node.bench.nodes.members import Members


@dataclass(frozen=True, slots=True)
class Partition(FaultValue):
    """Cut links: for each node, the nodes whose messages it does not get.

    One that aims has none until it begins, as they depend on the node that leads then.
    """

    cuts: Mapping[str, Sequence[str]]

    def aimed(self, leader: str | None, nodes: Sequence[str]) -> "Partition":
        """Cut off the node that it aims at."""
        node = aim(self.kind, leader, nodes)
        return self if node is None else cut_off(self.kind, nodes, {node})

    def begin(self, members: Members) -> list[str]:
        """Cut the links; return the nodes that lose their majority."""
        nodes = members.names
        cuts = {node: frozenset(self.cuts.get(node, ())) for node in nodes}
        members.network.links.cut(cuts)
        return [node for node in nodes if loses_majority(node, cuts)]

    def without(self, node: str) -> "Partition | None":
        """Return the cuts between the other nodes. One that aims will aim at one of them."""
        if self.kind in (PRIMARY, BACKUP) and not self.cuts:
            return self
        left = {
            name: [source for source in sources if source != node]
            for name, sources in self.cuts.items()
            if name != node
        }
        return self._left(node, cuts=left) if any(left.values()) else None


def loses_majority(node: str, cuts: Cuts) -> bool:
    """Return whether ``node`` has fewer than a majority, itself included, to talk to both ways.

    ``cuts`` names every node of the group.
    """
    left = [other for other in cuts if other not in cuts[node] and node not in cuts[other]]
    return len(left) < len(cuts) // 2 + 1


def one(nodes: Sequence[str], random: Random) -> Partition:
    """Cut one node off."""
    return _split("one", nodes, 1, random)


def majority(nodes: Sequence[str], random: Random) -> Partition:
    """Cut the smaller half off from the larger one."""
    return _split("majority", nodes, len(nodes) // 2, random)


def minority_third(nodes: Sequence[str], random: Random) -> Partition:
    """Cut off less than a third of the nodes, but at least one."""
    return _split("minority-third", nodes, max(1, (len(nodes) - 1) // 3), random)


def majorities_ring(nodes: Sequence[str], random: Random) -> Partition:
    """Let each node hear itself and its neighbours on a ring, enough of them for a majority."""
    ring = random.sample(nodes, len(nodes))
    count = len(ring)
    reach = (count // 2 + 1) // 2
    steps = (-1, 0) if count == 3 else range(-reach, reach + 1)
    heard = {node: {ring[(i + step) % count] for step in steps} for i, node in enumerate(ring)}
    cuts = {node: sorted(set(nodes) - heard[node]) for node in nodes}
    way = " -> " if count == 3 else " - "
    return Partition("majorities-ring", way.join((*ring, ring[0])), cuts)


def link(nodes: Sequence[str], random: Random) -> Partition:
    """Cut the link between two nodes, both ways."""
    one, other = random.sample(nodes, 2)
    return Partition("link", f"{one} x {other}", {one: [other], other: [one]})


def one_way(nodes: Sequence[str], random: Random) -> Partition:
    """Cut the link between two nodes one way."""
    source, destination = random.sample(nodes, 2)
    return Partition("one-way", f"{destination} does not hear {source}", {destination: [source]})


def one_way_ring(nodes: Sequence[str], random: Random) -> Partition:
    """Let each node hear only the one before it on a ring."""
    ring = random.sample(nodes, len(nodes))
    heard = {node: {ring[at - 1]} for at, node in enumerate(ring)}
    return _all_but("one-way-ring", " -> ".join((*ring, ring[0])), nodes, heard)


def bridge(nodes: Sequence[str], random: Random) -> Partition:
    """Let all nodes but one hear only that one."""
    middle = random.choice(nodes)
    others = [node for node in nodes if node != middle]
    heard = {middle: set(others), **{node: {middle} for node in others}}
    return _all_but("bridge", f"{' '.join(others)} only by way of {middle}", nodes, heard)


def chain(nodes: Sequence[str], random: Random) -> Partition:
    """Let each node hear only its neighbours on a chain."""
    order = random.sample(nodes, len(nodes))
    heard = {
        node: {*order[max(0, at - 1) : at], *order[at + 1 : at + 2]}
        for at, node in enumerate(order)
    }
    return _all_but("chain", " - ".join(order), nodes, heard)


def _all_but(
    kind: str, text: str, nodes: Sequence[str], heard: Mapping[str, set[str]]
) -> Partition:
    cuts = {node: sorted(set(nodes) - heard[node] - {node}) for node in nodes}
    return Partition(kind, text, cuts)


def _split(kind: str, nodes: Sequence[str], size: int, random: Random) -> Partition:
    return cut_off(kind, nodes, set(random.sample(nodes, size)))


def cut_off(kind: str, nodes: Sequence[str], smaller: set[str]) -> Partition:
    """Cut these nodes off from the others."""
    within = [node for node in nodes if node in smaller]
    outside = [node for node in nodes if node not in smaller]
    cuts = {node: sorted(outside if node in smaller else within) for node in nodes}
    return Partition(kind, f"{' '.join(within)} | {' '.join(outside)}", cuts)


def all_apart(nodes: Sequence[str]) -> Partition:
    """Cut each node off from each other one."""
    cuts = {node: [other for other in nodes if other != node] for node in nodes}
    return Partition("all-apart", " | ".join(nodes), cuts)


Shape = Callable[[Sequence[str], Random], Partition]


def shapes_for(node_count: int) -> tuple[Shape, ...]:
    """Return the shapes that exist among so many nodes; a single node has no links to cut."""
    if node_count < 2:
        return ()
    if node_count == 2:
        return (one, majority)
    return (one, majority, minority_third, majorities_ring)


SHAPES: Mapping[str, Shape] = {
    "one": one,
    "majority": majority,
    "minority-third": minority_third,
    "majorities-ring": majorities_ring,
    "link": link,
    "one-way": one_way,
    "one-way-ring": one_way_ring,
    "bridge": bridge,
    "chain": chain,
}
"""By the names that ``--partitions`` takes."""

PARTIAL = (link, one_way, one_way_ring, bridge, chain)
"""What Maelstrom lacks. Two nodes have no way around a cut."""


def _draw(demand: Demand, random: Random) -> Partition | None:
    shapes = shapes_for(len(demand.nodes))
    if len(demand.nodes) > 2:
        if demand.partitions:
            shapes = tuple(SHAPES[name] for name in demand.partitions)
        elif demand.thorough:
            shapes += PARTIAL
    return random.choice(shapes)(demand.nodes, random) if shapes else None


def _heal(members: Members) -> str:
    members.network.links.cut({})
    return "healed"


def _cut_by_hand(group: HandDriven, words: list[str]) -> None:
    text = " ".join(words[1:])
    if ">" in text:
        sources, destinations = (part.split() for part in text.split(">", 1))
        pairs = [(source, name) for source in sources for name in destinations]
    else:
        sides = [side.split() for side in text.split("|")]
        others = [(side, other) for side in sides for other in sides if side is not other]
        pairs = [(a, b) for side, other in others for a in side for b in other]
    if not pairs:
        raise CommandError("cut takes sides, such as: cut n0 | n1 n2, or: cut n0 > n1")
    cuts = dict(group.network.links.cuts)
    for source, destination in pairs:
        unheard = {require_node(group, source)}
        cuts[require_node(group, destination)] = cuts.get(destination, frozenset()) | unheard
    group.network.links.cut(cuts)


def _heal_by_hand(group: HandDriven, words: list[str]) -> None:
    del words
    group.network.links.cut({})


PARTITION = FaultKind(
    name="partition",
    begins="start-partition",
    ends="stop-partition",
    value=Partition,
    draw=_draw,
    end=_heal,
    touched_count=lambda members: members.network.counts.cut,
    at_leader=Partition(PRIMARY, THE_LEADER, {}),
    by_hand=ByHand(
        {"cut": _cut_by_hand, "heal": _heal_by_hand},
        """\
cut n0 | n1 n2              cut the links between the sides, both ways
cut n0 > n1                 cut the way from n0 to n1 alone
heal                        mend all links
""",
    ),
)
