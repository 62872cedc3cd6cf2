"""Faults as data: what each is, and the plan of all of them, drawn from the seed before the run.

Every nemesis alternates between an act and its end, on a schedule of its own, so that faults of
several nemeses overlap.

*partition* is Maelstrom's. Each is drawn among:

- *one*: one node is cut off from all others;
- *majority*: the larger half is cut from the smaller one (of an even number of nodes neither half
  is a majority);
- *minority-third*: less than a third, at least one node, is cut off;
- *majorities-ring*: every node hears a majority and no two hear the same. On three nodes that is
  a ring of one-way links; on more, links keep both ways.

*kill* (kill -9, then started again with the same command line) and *pause* (SIGSTOP, then SIGCONT)
hit *one* node, a *minority*, a *majority*, *all*, or the *primary*: the node that the bench judges
to be the leader at that time.

*slow* makes messages between servers take longer: on some one-way *links*, or all from and to one
*node*.
"""

from collections.abc import Callable, Mapping, Sequence
from random import Random
from typing import Any, NamedTuple

PRIMARY = "primary"

NEMESES = ("kill", "partition", "pause")
SLOW = "slow"

ENDS = {
    "start-partition": "stop-partition",
    "kill": "start",
    "pause": "resume",
    "start-slow": "stop-slow",
}
"""What begins a fault, as history and schedule name it, and what ends it."""

Value = dict[str, Any]


class Fault(NamedTuple):
    """A planned act, as the schedule has it: `at` in nanoseconds since operations began.

    The end of a fault has no value. Others have a `kind` and a `text` for people; `cuts` says whom
    each node does not hear; `nodes` who is hit (None: the leader of that time); `links` are pairs
    of source and destination, whose messages take `ms` longer.
    """

    at: int
    f: str
    value: Value | None


def fault_of(line: Mapping[str, Any]) -> Fault:
    """Return the fault that a line of a stored schedule tells of."""
    return Fault(line["at"], line["f"], line["value"])


def without_node(fault: Fault, node: str) -> Fault | None:
    """Return what is left of a fault in a group that lacks `node`; None when that is nothing."""
    if fault.value is None:
        return fault
    value = fault.value
    left: Value
    if "cuts" in value:
        left = {"cuts": _cuts_without(node, value["cuts"])}
    elif "links" in value:
        left = {"links": [link for link in value["links"] if node not in link]}
    elif value["nodes"] is None:
        return fault
    else:
        left = {"nodes": [name for name in value["nodes"] if name != node]}
    if not any(left.values()):
        return None
    return fault._replace(value=value | left | {"text": f"{value['text']} (without {node})"})


def _cuts_without(node: str, cuts: Mapping[str, Sequence[str]]) -> dict[str, list[str]]:
    left = {
        name: [source for source in sources if source != node]
        for name, sources in cuts.items()
        if name != node
    }
    return left if any(left.values()) else {}


# Partitions


def one(nodes: Sequence[str], random: Random) -> Value:
    """Cut one node off."""
    return _split("one", nodes, 1, random)


def majority(nodes: Sequence[str], random: Random) -> Value:
    """Cut the smaller half from the larger."""
    return _split("majority", nodes, len(nodes) // 2, random)


def minority_third(nodes: Sequence[str], random: Random) -> Value:
    """Cut less than a third off, at least one node."""
    return _split("minority-third", nodes, max(1, (len(nodes) - 1) // 3), random)


def majorities_ring(nodes: Sequence[str], random: Random) -> Value:
    """Let each node hear itself and its neighbours on a ring, as many as make a majority."""
    ring = random.sample(nodes, len(nodes))
    count = len(ring)
    reach = (count // 2 + 1) // 2
    steps = (-1, 0) if count == 3 else range(-reach, reach + 1)
    heard = {node: {ring[(i + step) % count] for step in steps} for i, node in enumerate(ring)}
    cuts = {node: sorted(set(nodes) - heard[node]) for node in nodes}
    way = " -> " if count == 3 else " - "
    return {"kind": "majorities-ring", "text": way.join((*ring, ring[0])), "cuts": cuts}


def _split(kind: str, nodes: Sequence[str], size: int, random: Random) -> Value:
    smaller = set(random.sample(nodes, size))
    sides = [n for n in nodes if n in smaller], [n for n in nodes if n not in smaller]
    cuts = {node: sorted(sides[node in smaller]) for node in nodes}
    return {"kind": kind, "text": " | ".join(" ".join(side) for side in sides), "cuts": cuts}


Shape = Callable[[Sequence[str], Random], Value]


def shapes_for(node_count: int) -> tuple[Shape, ...]:
    """Return the shapes that exist among so many nodes; none for a single one."""
    if node_count < 2:
        return ()
    if node_count == 2:
        return (one, majority)
    return (one, majority, minority_third, majorities_ring)


def _draw_partition(nodes: Sequence[str], random: Random) -> Value | None:
    shapes = shapes_for(len(nodes))
    return random.choice(shapes)(nodes, random) if shapes else None


# Kill and pause


def sizes_for(node_count: int) -> dict[str, int]:
    """Return how many nodes each kind of kill and pause hits; each number once, and the primary."""
    kinds = {
        "one": 1,
        "minority": (node_count - 1) // 2,
        "majority": node_count // 2 + 1,
        "all": node_count,
    }
    sizes: dict[str, int] = {}
    for kind, size in kinds.items():
        if size and size not in sizes.values():
            sizes[kind] = size
    return sizes | {PRIMARY: 1}


def _draw_targets(nodes: Sequence[str], random: Random) -> Value:
    kind, size = random.choice(list(sizes_for(len(nodes)).items()))
    if kind == PRIMARY:
        return {"kind": kind, "text": "the leader", "nodes": None}
    hit = set(random.sample(nodes, size))
    names = [node for node in nodes if node in hit]
    return {"kind": kind, "text": " ".join(names), "nodes": names}


# Slow links


def _draw_slow(nodes: Sequence[str], random: Random, ms: float) -> Value | None:
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
    return {"kind": kind, "text": f"{text} by {ms:g} ms", "links": [[*x] for x in slow], "ms": ms}


# The plan


def plan_faults(
    nemeses: Sequence[str],
    nodes: Sequence[str],
    stream: Callable[[str], Random],
    interval: int,
    time_limit: int,
    slow_ms: float | None,
) -> list[Fault]:
    """Return all faults in order of time. `stream` gives each nemesis a random stream of its own.

    `interval` and `time_limit` are in nanoseconds; `slow_ms` is None when nothing is to be slow.
    """
    draws: dict[str, tuple[str, Callable[[Random], Value | None]]] = {
        "partition": ("start-partition", lambda random: _draw_partition(nodes, random)),
        "kill": ("kill", lambda random: _draw_targets(nodes, random)),
        "pause": ("pause", lambda random: _draw_targets(nodes, random)),
    }
    if slow_ms is not None:
        ms = slow_ms
        draws[SLOW] = ("start-slow", lambda random: _draw_slow(nodes, random, ms))
        nemeses = (*nemeses, SLOW)
    plan: list[Fault] = []
    for nemesis in nemeses:
        plan += _alternate(*draws[nemesis], stream(f"nemesis/{nemesis}"), interval, time_limit)
    plan.sort(key=lambda fault: fault.at)
    return plan


def _alternate(
    begin: str,
    draw: Callable[[Random], Value | None],
    random: Random,
    interval: int,
    time_limit: int,
) -> list[Fault]:
    """Alternate between a fault and its end, every `interval` nanoseconds in the mean.

    Intervals are uniform between 0 and twice the mean. The first is at most one mean, so that a
    run as long as the mean has a fault at all.
    """
    faults: list[Fault] = []
    at = int(random.uniform(0, interval))
    while at < time_limit:
        if len(faults) % 2:
            faults.append(Fault(at, ENDS[begin], None))
        else:
            value = draw(random)
            if value is None:
                return []
            faults.append(Fault(at, begin, value))
        at += int(random.uniform(0, 2 * interval))
    return faults
