"""Orders that follow for registers if there is any order at all.

If a transaction read what another one, the writer, left in a key, then no third one that wrote the
key stands between the two. So a third one that comes before the reader comes before the writer, and
one that comes after the writer comes after the reader. What follows is added to the graph, until
nothing more follows or there is a cycle.
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from vsr_node.checker.transactions.graph import AT_LEVEL, Graph, Kind, Level, components, successors

TRANSACTIONS_MAX = 4000
"""In longer histories nothing is inferred here: the work grows with the square of their length."""

ROUNDS_MAX = 20
"""How often what was inferred is looked at for what follows from it."""

ASSUMED = {
    Level.DATA: Kind.ASSUMED,
    Level.PROCESS: Kind.ASSUMED_PROCESS,
    Level.REALTIME: Kind.ASSUMED_REALTIME,
}


class Found(NamedTuple):
    """A transaction that read what another wrote to a key, and all that wrote it, as bits."""

    reader: int
    writer: int
    writers: int


class Triple(NamedTuple):
    """A transaction that read what another wrote to a key, and a third one that wrote it, too."""

    reader: int
    writer: int
    other: int


def saturate(graph: Graph, reads: Sequence[Found], level: Level) -> dict[tuple[int, int], Triple]:
    """Add the edges that follow at a level to the graph; return what each follows from."""
    reasons: dict[tuple[int, int], Triple] = {}
    for _ in range(ROUNDS_MAX):
        closure = _closure(graph, level)
        if closure is None:
            break
        new: dict[tuple[int, int], Triple] = {}
        for edge, triple in _edges(reads, *closure):
            new.setdefault(edge, triple)
        if not new:
            break
        for source, target in new:
            graph.link(source, target, ASSUMED[level])
        reasons |= new
    return reasons


def _edges(
    reads: Sequence[Found], before: Sequence[int], after: Sequence[int]
) -> Iterator[tuple[tuple[int, int], Triple]]:
    """Yield the edges that follow and are not known yet, and why."""
    for reader, writer, writers in reads:
        others = writers & ~(1 << reader | 1 << writer)
        for other in _members(others & before[reader] & ~before[writer]):
            yield (other, writer), Triple(reader, writer, other)
        for other in _members(others & after[writer] & ~after[reader]):
            yield (reader, other), Triple(reader, writer, other)


def _members(bits: int) -> Iterator[int]:
    while bits:
        lowest = bits & -bits
        yield lowest.bit_length() - 1
        bits ^= lowest


def _closure(graph: Graph, level: Level) -> tuple[list[int], list[int]] | None:
    """Return, as bits, all vertices before and after each one; None if there is a cycle."""
    targets = successors(graph, AT_LEVEL[level], level)
    parts = components(targets)
    if len(parts) < len(targets):
        return None
    count = len(graph.spans)
    before, after = [0] * len(targets), [0] * len(targets)
    for (vertex,) in parts:
        for target in targets[vertex]:
            after[vertex] |= after[target] | (1 << target if target < count else 0)
    for (vertex,) in reversed(parts):
        bits = before[vertex] | (1 << vertex if vertex < count else 0)
        for target in targets[vertex]:
            before[target] |= bits
    return before, after
