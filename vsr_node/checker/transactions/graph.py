"""Graphs of transactions, and the parts of them that hold cycles.

A vertex is a transaction, numbered in order of invocation, or a *relay* (numbered after them): a
vertex without a transaction that stands between many sources and many targets, so that their edges
need not be written out one by one. An edge is a number, ``target << KIND_BITS | kind``.

Order in time is not written out at all: a transaction that completed comes before all that were
invoked later, in its process or anywhere. Where paths need it, a chain of further vertices is
built, one for each completion: transaction -> its completion -> the next completion, and the last
completion before an invocation -> the transaction that was invoked.
"""

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from enum import IntEnum
from typing import NamedTuple


class Kind(IntEnum):
    """Why one transaction comes before another."""

    WW = 0
    """The second wrote the next version, or a later one."""
    WR = 1
    """The second read what the first wrote."""
    RW = 2
    """The second overwrote what the first read."""
    RELAY = 3
    """From a relay on, at no cost: the edge into the relay says why."""
    WW_PROCESS = 4
    """As WW, with an order of versions that was inferred from what a process saw in turn."""
    RW_PROCESS = 5
    WW_REALTIME = 6
    """As WW, with an order of versions that was inferred from real time."""
    RW_REALTIME = 7
    ASSUMED = 10
    """It follows if there is any order of all transactions."""
    ASSUMED_PROCESS = 11
    ASSUMED_REALTIME = 12
    PROCESS = 8
    """The second was invoked after the first completed, by the same process."""
    REALTIME = 9
    """The second was invoked after the first completed."""


KIND_BITS = 4
KIND_MASK = (1 << KIND_BITS) - 1


class Level(IntEnum):
    """Which order counts beside the data."""

    DATA = 0
    PROCESS = 1
    REALTIME = 2


def kinds(*members: Kind) -> int:
    """Return a mask of kinds."""
    return sum(1 << member for member in members)


RW_KINDS = (Kind.RW, Kind.RW_PROCESS, Kind.RW_REALTIME)

_DATA = kinds(Kind.WW, Kind.WR, Kind.RW, Kind.RELAY, Kind.ASSUMED)
_PROCESS = _DATA | kinds(Kind.WW_PROCESS, Kind.RW_PROCESS, Kind.ASSUMED_PROCESS)
_REALTIME = _PROCESS | kinds(Kind.WW_REALTIME, Kind.RW_REALTIME, Kind.ASSUMED_REALTIME)

AT_LEVEL = {Level.DATA: _DATA, Level.PROCESS: _PROCESS, Level.REALTIME: _REALTIME}
"""The edges that count at each level."""


class Span(NamedTuple):
    """When a transaction ran, by the indices of its events, and in which process."""

    invoked: int
    completed: int | None
    """None if it may still take effect at any later time."""
    process: int | str


class Graph:
    """Edges between transactions, which are known by their spans, and relays."""

    def __init__(self, spans: Sequence[Span]) -> None:
        self.spans = spans
        self.edges: list[list[int]] = [[] for _ in spans]

    def link(self, source: int, target: int, kind: Kind) -> None:
        """Add an edge, unless it leads to where it came from."""
        if source != target:
            self.edges[source].append(target << KIND_BITS | kind)

    def link_all(self, sources: Sequence[int], targets: Sequence[int], kind: Kind) -> None:
        """Add an edge from every source to every target but itself, at a cost of their sum."""
        if len(sources) == 1 or len(targets) == 1:
            for source in sources:
                for target in targets:
                    self.link(source, target, kind)
            return
        if not sources or not targets:
            return
        place_of = {target: place for place, target in enumerate(targets)}
        onward = self._relays(targets)
        backward: list[int] = []
        for source in sources:
            place = place_of.get(source, -1)
            if place + 1 < len(onward):
                self.link(source, onward[place + 1], kind)
            if place > 0:
                backward = backward or self._relays(targets[::-1])
                self.link(source, backward[len(targets) - place], kind)

    def _relays(self, targets: Sequence[int]) -> list[int]:
        """Return a relay for each place in ``targets``, which leads there and to all after it."""
        first = len(self.edges)
        for place, target in enumerate(targets):
            onward = [target << KIND_BITS | Kind.RELAY]
            if place + 1 < len(targets):
                onward.append((first + place + 1) << KIND_BITS | Kind.RELAY)
            self.edges.append(onward)
        return list(range(first, len(self.edges)))

    def is_relay(self, vertex: int) -> bool:
        """Return whether there is no transaction behind a vertex."""
        return vertex >= len(self.spans)

    @property
    def has_edges(self) -> bool:
        """Whether data puts any transaction before another."""
        return any(self.edges)

    def without(self, vertices: Iterable[int], level: Level) -> "Graph":
        """Return the graph without some transactions and without orders inferred above a level."""
        left_out = set(vertices)
        allowed = AT_LEVEL[level]
        graph = Graph(self.spans)
        graph.edges = [
            []
            if source in left_out
            else [
                code
                for code in codes
                if allowed >> (code & KIND_MASK) & 1 and code >> KIND_BITS not in left_out
            ]
            for source, codes in enumerate(self.edges)
        ]
        return graph


def time_groups(spans: Sequence[Span], level: Level) -> list[list[int]]:
    """Return the vertices that time orders among each other, in order of invocation."""
    if level is Level.DATA:
        return []
    if level is Level.REALTIME:
        return [list(range(len(spans)))]
    groups: dict[int | str, list[int]] = {}
    for vertex, span in enumerate(spans):
        groups.setdefault(span.process, []).append(vertex)
    return [group for group in groups.values() if len(group) > 1]


def successors(graph: Graph, mask: int, level: Level) -> list[list[int]]:
    """Return the targets of each vertex's edges of the kinds in ``mask``, and of its order in time.

    The vertices of the chains of completions come after all others.
    """
    every = AT_LEVEL[Level.REALTIME]
    if mask & every == every:
        after = [[code >> KIND_BITS for code in codes] for codes in graph.edges]
    else:
        after = [
            [code >> KIND_BITS for code in codes if mask >> (code & KIND_MASK) & 1]
            for codes in graph.edges
        ]
    for group in time_groups(graph.spans, level):
        _chain(graph.spans, group, after)
    return after


def _chain(spans: Sequence[Span], group: list[int], after: list[list[int]]) -> None:
    """Add the chain of the completions in a group."""
    ends = sorted(
        (completed, vertex)
        for vertex in group
        if (completed := spans[vertex].completed) is not None
    )
    first = len(after)
    times = [completed for completed, _ in ends]
    for place, (_, vertex) in enumerate(ends):
        after[vertex].append(first + place)
        after.append([first + place + 1] if place + 1 < len(ends) else [])
    for vertex in group:
        before = bisect_left(times, spans[vertex].invoked)
        if before:
            after[first + before - 1].append(vertex)


def components(after: Sequence[Sequence[int]]) -> list[list[int]]:
    """Return the strongly connected components, each after all that it leads to (Tarjan, 1972)."""
    order = [0] * len(after)
    low = [0] * len(after)
    found: list[list[int]] = []
    path: list[int] = []
    counter = 0
    done = len(after) + 1
    for root in range(len(after)):
        if order[root]:
            continue
        counter += 1
        order[root] = low[root] = counter
        path.append(root)
        work = [(root, iter(after[root]))]
        while work:
            vertex, targets = work[-1]
            lowest = low[vertex]
            for target in targets:
                if not order[target]:
                    counter += 1
                    order[target] = low[target] = counter
                    path.append(target)
                    work.append((target, iter(after[target])))
                    break
                if low[target] < lowest:
                    lowest = low[target]
            else:
                work.pop()
                low[vertex] = lowest
                if lowest == order[vertex]:
                    place = len(path) - 1
                    while path[place] != vertex:
                        place -= 1
                    found.append(path[place:])
                    for member in path[place:]:
                        low[member] = done
                    del path[place:]
                if work and lowest < low[work[-1][0]]:
                    low[work[-1][0]] = lowest
                continue
            low[vertex] = lowest
    return found


def is_ordered_by_time(spans: Sequence[Span], level: Level) -> bool:
    """Return whether time puts any transaction before another."""
    first_end: dict[int | str, int] = {}
    for span in spans:
        if span.completed is not None:
            group = span.process if level is Level.PROCESS else ""
            first_end[group] = min(span.completed, first_end.get(group, span.completed))
    return level is not Level.DATA and any(
        span.invoked > first_end.get(span.process if level is Level.PROCESS else "", span.invoked)
        for span in spans
    )
