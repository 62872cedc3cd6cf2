"""Cuts after which everybody can still reach everybody, by way of others."""

from collections.abc import Callable, Iterable, Sequence
from itertools import pairwise
from random import Random

from vsr_node.simulation.choices import Shape

Direction = tuple[int, int]
"""One direction of a link: the index of the replica that sends, and of the one that receives."""

MEMBERS_MIN = 3
"""Among fewer nothing can be cut without cutting somebody off."""


def draw_partial_cut(random: Random, members: Sequence[int]) -> tuple[Shape, tuple[Direction, ...]]:
    """Draw what is cut between at least ``MEMBERS_MIN`` replicas."""
    shape = random.choice(tuple(Shape))
    order = random.sample(members, len(members))
    return shape, tuple(_DIRECTIONS[shape](random, order))


def _between(members: Sequence[int]) -> list[Direction]:
    return [(a, b) for a in members for b in members if a != b]


def _all_but(members: Sequence[int], kept: Iterable[Direction]) -> list[Direction]:
    whole = frozenset(kept)
    return [direction for direction in _between(members) if direction not in whole]


def _link(_: Random, order: list[int]) -> list[Direction]:
    a, b, *_others = order
    return [(a, b), (b, a)]


def _one_way(_: Random, order: list[int]) -> list[Direction]:
    return [(order[0], order[1])]


def _ring(order: list[int], length: int) -> list[Direction]:
    """Return what reaches the next ``length`` members on a ring."""
    count = len(order)
    steps = range(1, length + 1)
    return [(order[at], order[(at + step) % count]) for at in range(count) for step in steps]


def _chain(_: Random, order: list[int]) -> list[Direction]:
    links = list(pairwise(order))
    return _all_but(order, [*links, *((b, a) for a, b in links)])


def _sparse(random: Random, order: list[int]) -> list[Direction]:
    """Cut some of what is not needed for a ring."""
    needless = _all_but(order, _ring(order, 1))
    return random.sample(needless, random.randint(1, len(needless)))


_DIRECTIONS: dict[Shape, Callable[[Random, list[int]], list[Direction]]] = {
    Shape.LINK: _link,
    Shape.ONE_WAY: _one_way,
    Shape.MAJORITIES_RING: lambda _, order: _all_but(order, _ring(order, len(order) // 2)),
    Shape.ONE_WAY_RING: lambda _, order: _all_but(order, _ring(order, 1)),
    Shape.BRIDGE: lambda _, order: _all_but(
        order, (pair for pair in _between(order) if order[0] in pair)
    ),
    Shape.CHAIN: _chain,
    Shape.SPARSE: _sparse,
}
