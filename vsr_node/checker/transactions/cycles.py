"""The search for cycles: of each kind that a graph has, a short one.

Theory of operation. Every cycle lies in one strongly connected component of the graph with all
edges and times. In each component the kinds are looked for from the worst on, first with data
alone, then with processes, then with real time; a kind that is implied by one that was found is
left out. So a cycle that is found at a level needs that level, and one of a kind needs that kind.

Whether there is a cycle of a kind is always decided, without a search of paths:

- G0, G1c: the edges of these kinds alone have a component of two transactions.
- G-single-item: of the edges read -> overwritten, some end reaches its beginning by other edges.
  Sets of such edges, as bits of an integer, are handed on from component to component.
- G-nonadjacent-item: in the graph of (vertex, whether the last edge was such an edge), where no
  such edge follows another, one of them lies within a component.
- G2-item: such an edge lies within a component of all edges.

Then a shortest path closes the cycle. Paths from all beginnings are tried, in order of time, until
the work exceeds a bound; what has been found by then is short, perhaps not the shortest.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from time import monotonic
from typing import NamedTuple

from vsr_node.checker.transactions.anomalies import CYCLES, LEVELS, implied_by
from vsr_node.checker.transactions.graph import (
    AT_LEVEL,
    KIND_BITS,
    KIND_MASK,
    RW_KINDS,
    Graph,
    Kind,
    Level,
    components,
    is_ordered_by_time,
    kinds,
    successors,
    time_groups,
)

STEPS_MAX = 200_000
"""How many edges are followed to find the shortest cycle of a kind in one component."""

BATCH_MIN, BATCH_MAX = 256, 8192
"""How many edges read -> overwritten are handed on at a time, at first and at last."""

INFERRED = (Kind.WW_PROCESS, Kind.WW_REALTIME)
"""Orders of versions that rest on a read. If they were the other way round, that read would close
a cycle with one edge read -> overwritten; so they count as one."""

G0_EDGES = kinds(Kind.WW, Kind.RELAY)
G1C_EDGES = kinds(Kind.WW, Kind.WR, Kind.RELAY)
SINGLE_EDGES = kinds(Kind.WW, Kind.WR, Kind.RELAY, *INFERRED)
RW_EDGES = kinds(*RW_KINDS)
ASSUMED_EDGES = kinds(Kind.ASSUMED, Kind.ASSUMED_PROCESS, Kind.ASSUMED_REALTIME)
"""A cycle with one of these shows that there is some cycle, perhaps only of the mildest kind."""
NEEDED_EDGES = {
    "G0": kinds(Kind.WW),
    "G1c": kinds(Kind.WW, Kind.WR),
    "G-single-item": RW_EDGES | kinds(*INFERRED),
    "G-nonadjacent-item": RW_EDGES,
    "G2-item": RW_EDGES | ASSUMED_EDGES,
}
"""A cycle of a kind has at least one of these edges."""
ALL_KINDS = tuple(Kind)


class Step(NamedTuple):
    """A transaction of a cycle, and why it comes before the next one."""

    vertex: int
    kind: Kind


@dataclass(frozen=True, slots=True)
class Cycle:
    """A cycle that names an anomaly."""

    name: str
    steps: tuple[Step, ...]
    component_size: int
    """How many transactions lie on cycles with these."""


class _Pivot(NamedTuple):
    """An edge that a cycle has to contain."""

    source: int
    target: int
    kind: Kind


def find_cycles(graph: Graph, level: Level, deadline: float) -> list[Cycle]:
    """Return a cycle of each name that the graph has up to a level, in order of the names' rank.

    After ``deadline`` (``time.monotonic``) the first cycle of a kind is taken for the shortest.
    """
    best: dict[str, Cycle] = {}
    after = successors(graph, AT_LEVEL[level], level)
    for members in components(after):
        if len(members) > 1:
            part = sorted(vertex for vertex in members if vertex < len(graph.edges))
            _Component(graph, part, level, deadline).collect(best)
    return [best[f"{n}{suffix}"] for suffix in LEVELS for n in CYCLES if f"{n}{suffix}" in best]


class _Component:
    """A strongly connected component, with vertices numbered anew."""

    def __init__(self, graph: Graph, vertices: list[int], level: Level, deadline: float) -> None:
        self._vertices = vertices
        self._level = level
        self._deadline = deadline
        place_of = {vertex: place for place, vertex in enumerate(vertices)}
        spans = [graph.spans[vertex] for vertex in vertices if not graph.is_relay(vertex)]
        self._graph = Graph(spans)
        allowed = AT_LEVEL[level]
        self._graph.edges = [
            [
                place_of[code >> KIND_BITS] << KIND_BITS | code & KIND_MASK
                for code in graph.edges[vertex]
                if allowed >> (code & KIND_MASK) & 1 and code >> KIND_BITS in place_of
            ]
            for vertex in vertices
        ]
        present = {code & KIND_MASK for codes in self._graph.edges for code in codes}
        self._present = sum(1 << kind for kind in present)
        """The kinds of its edges."""

    def collect(self, best: dict[str, Cycle]) -> None:
        """Note a cycle of each kind in ``best``, unless there is one as short."""
        implied: set[str] = set()
        for level in Level:
            if level > self._level:
                break
            if not self._adds(level) or not any(self._within(AT_LEVEL[level], level)):
                continue
            for kind in CYCLES:
                name = f"{kind}{LEVELS[level]}"
                if name in implied:
                    continue
                known = best.get(name)
                steps = self._smallest(kind, level, len(known.steps) if known else None)
                if steps is None:
                    continue
                names = [name]
                if level is Level.PROCESS and self._level is Level.REALTIME:
                    names.append(f"{kind}{LEVELS[Level.REALTIME]}")  # It is one in real time, too.
                for each in names:
                    if steps and each not in implied:
                        best[each] = Cycle(each, steps, len(self._graph.spans))
                implied |= implied_by(name)

    def _adds(self, level: Level) -> bool:
        """Return whether the level has any order that the one below it lacks."""
        if level is Level.DATA:
            return True
        more = AT_LEVEL[level] & ~AT_LEVEL[Level(level - 1)]
        return bool(more & self._present) or is_ordered_by_time(self._graph.spans, level)

    def _smallest(self, kind: str, level: Level, known: int | None) -> tuple[Step, ...] | None:
        """Return the smallest cycle that is found, None if there is none of this kind.

        An empty one if none is smaller than ``known``.
        """
        if not NEEDED_EDGES[kind] & AT_LEVEL[level] & self._present:
            return None
        search = _Paths(self._graph, level)
        pivots, mask, nonadjacent = self._pivots(kind, level)
        best: list[Step] | None = None
        exists = False
        for pivot in pivots:
            exists = True
            limit = len(best) if best is not None else known
            if limit == 2 or (best is not None and self._is_over(search)):
                break
            if known is not None and self._is_over(search):
                break
            found = search.close(pivot, mask, nonadjacent, limit)
            best = best if found is None else found
        if not exists:
            return None
        return tuple(Step(self._vertices[step.vertex], step.kind) for step in best or ())

    def _is_over(self, search: "_Paths") -> bool:
        return search.steps > STEPS_MAX or monotonic() > self._deadline

    def _pivots(self, kind: str, level: Level) -> tuple[Iterator[_Pivot], int, bool]:
        """Return edges each of which closes a cycle, the other edges for it, and a further rule.

        The rule is whether no edge read -> overwritten may follow another.
        """
        allowed = AT_LEVEL[level]
        match kind:
            case "G0":
                return self._within(G0_EDGES & allowed, level), G0_EDGES & allowed, False
            case "G1c":
                return self._within(G1C_EDGES & allowed, level), G1C_EDGES & allowed, False
            case "G-single-item":
                return self._singles(level), SINGLE_EDGES & allowed, False
            case "G-nonadjacent-item":
                return self._nonadjacent(level), allowed & ~ASSUMED_EDGES, True
        return self._within(allowed, level, RW_EDGES | ASSUMED_EDGES), allowed, False

    def _edges(self, mask: int) -> Iterator[_Pivot]:
        for source, codes in enumerate(self._graph.edges):
            for code in codes:
                if mask >> (code & KIND_MASK) & 1:
                    yield _Pivot(source, code >> KIND_BITS, ALL_KINDS[code & KIND_MASK])

    def _within(self, mask: int, level: Level, pivots: int | None = None) -> Iterator[_Pivot]:
        """Yield the edges within a component of some kinds of edges."""
        home = _homes(components(successors(self._graph, mask, level)))
        data = mask if pivots is None else pivots & mask
        for pivot in self._edges(data & ~kinds(Kind.RELAY)):
            if home[pivot.source] == home[pivot.target]:
                yield pivot

    def _singles(self, level: Level) -> Iterator[_Pivot]:
        """Yield the edges read -> overwritten that other edges lead back from."""
        after = successors(self._graph, SINGLE_EDGES & AT_LEVEL[level], level)
        parts = components(after)
        home = _homes(parts)
        allowed = AT_LEVEL[level]
        pivots = [*self._edges(RW_EDGES & allowed), *self._edges(kinds(*INFERRED) & allowed)]
        done, size = 0, BATCH_MIN
        while done < len(pivots):
            batch = pivots[done : done + size]
            reached = _hand_on(after, parts, home, [pivot.target for pivot in batch])
            hits = [p for bit, p in enumerate(batch) if reached[home[p.source]] >> bit & 1]
            yield from hits
            if hits:
                return
            done, size = done + size, min(size * 8, BATCH_MAX)

    def _nonadjacent(self, level: Level) -> Iterator[_Pivot]:
        """Yield the edges on cycles in which no edge read -> overwritten follows another."""
        count = len(self._graph.edges)
        in_time = successors(self._graph, 0, level)
        shift = count  # The chains' vertices come after both states of all others.

        def state_after(vertex: int) -> int:
            return 2 * vertex if vertex < count else vertex + shift

        after: list[list[int]] = []
        allowed = AT_LEVEL[level] & ~ASSUMED_EDGES
        for vertex, codes in enumerate(self._graph.edges):
            times = [state_after(target) for target in in_time[vertex]]
            free, bound = list(times), list(times)
            for code in codes:
                target, kind = code >> KIND_BITS, code & KIND_MASK
                if not allowed >> kind & 1:
                    continue
                if RW_EDGES >> kind & 1:
                    free.append(2 * target + 1)
                elif kind == Kind.RELAY:
                    free.append(2 * target)
                    bound.append(2 * target + 1)
                else:
                    free.append(2 * target)
                    bound.append(2 * target)
            after += (free, bound)
        after += [[state_after(target) for target in targets] for targets in in_time[count:]]
        home = _homes(components(after))
        for pivot in self._edges(RW_EDGES & allowed):
            if home[2 * pivot.source] == home[2 * pivot.target + 1]:
                yield pivot


def _homes(parts: Sequence[Sequence[int]]) -> list[int]:
    """Return the number of each vertex's component."""
    home = [0] * sum(map(len, parts))
    for number, part in enumerate(parts):
        for vertex in part:
            home[vertex] = number
    return home


def _hand_on(
    after: Sequence[Sequence[int]],
    parts: Sequence[Sequence[int]],
    home: Sequence[int],
    starts: Sequence[int],
) -> list[int]:
    """Return, for each component, the bits of the ``starts`` that lead to it."""
    reached = [0] * len(parts)
    for bit, start in enumerate(starts):
        reached[home[start]] |= 1 << bit
    for number in range(len(parts) - 1, -1, -1):
        bits = reached[number]
        if bits:
            for vertex in parts[number]:
                for target in after[vertex]:
                    reached[home[target]] |= bits
    return reached


class _Paths:
    """Shortest paths in a component, by edges and in time."""

    def __init__(self, graph: Graph, level: Level) -> None:
        self._graph = graph
        self._time_kind = Kind.REALTIME if level is Level.REALTIME else Kind.PROCESS
        self._groups = time_groups(graph.spans, level)
        self._group_of = {vertex: n for n, group in enumerate(self._groups) for vertex in group}
        self.steps = 0
        """How many edges were followed so far."""

    def close(
        self, pivot: _Pivot, mask: int, nonadjacent: bool, limit: int | None
    ) -> list[Step] | None:
        """Return a shortest cycle by the pivot, None if it has no less than ``limit`` steps.

        A state is a vertex and, if ``nonadjacent``, whether an edge read -> overwritten led there.
        All that were invoked after some completion are reached at once, so a group's invocations
        are passed only once, from the latest on.
        """
        start = 2 * pivot.target + (1 if nonadjacent else 0)
        came_from: dict[int, tuple[int, Kind]] = {start: (-1, pivot.kind)}
        if pivot.target == pivot.source:
            return None
        unreached = [len(group) for group in self._groups]
        frontier = [start]
        length = 1
        while frontier and (limit is None or length + 1 < limit):
            length += 1
            following: list[int] = []
            for state in frontier:  # It grows meanwhile by what relays lead to.
                for target, kind in self._next(state, mask, nonadjacent, unreached):
                    self.steps += 1
                    if target in came_from:
                        continue
                    came_from[target] = (state, kind)
                    if target == 2 * pivot.source:
                        return self._steps(target, came_from)
                    (frontier if kind is Kind.RELAY else following).append(target)
            frontier = following
        return None

    def _next(
        self, state: int, mask: int, nonadjacent: bool, unreached: list[int]
    ) -> Iterator[tuple[int, Kind]]:
        vertex, bound = state >> 1, state & 1
        for code in self._graph.edges[vertex]:
            kind = code & KIND_MASK
            if not mask >> kind & 1:
                continue
            target = code >> KIND_BITS << 1
            if kind == Kind.RELAY:
                yield target | bound, Kind.RELAY
            elif not (nonadjacent and RW_EDGES >> kind & 1):
                yield target, ALL_KINDS[kind]
            elif not bound:
                yield target | 1, ALL_KINDS[kind]
        number = self._group_of.get(vertex)
        if number is None:
            return
        completed = self._graph.spans[vertex].completed
        if completed is None:
            return
        group = self._groups[number]
        place = unreached[number]
        while place and self._graph.spans[group[place - 1]].invoked > completed:
            place -= 1
            unreached[number] = place
            yield 2 * group[place], self._time_kind

    def _steps(self, state: int, came_from: dict[int, tuple[int, Kind]]) -> list[Step]:
        """Return the cycle that ends with the pivot's source, beginning there."""
        end = state >> 1
        backward: list[Step] = []
        while state != -1:
            before, kind = came_from[state]
            source = end if before == -1 else before >> 1
            if not self._graph.is_relay(source):
                backward.append(Step(source, kind))
            state = before
        return backward[::-1]
