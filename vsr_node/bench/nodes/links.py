"""The links between servers: their latency, and what faults do to the messages on them."""

from collections.abc import Mapping
from random import Random
from typing import NamedTuple

from vsr_node.bench.nodes.loop import NANOSECONDS_PER_MILLISECOND

Cuts = Mapping[str, frozenset[str]]
"""For each node that drops messages, the sources whose messages it drops."""


class LatencyDistribution(NamedTuple):
    """One-way latency between servers: a distribution that Maelstrom has, and its mean."""

    name: str
    mean_ms: float

    def draw(self, random: Random) -> int:
        """Return a latency in nanoseconds: whole milliseconds, rounded down, as in Maelstrom."""
        if self.mean_ms == 0:
            return 0
        if self.name == "constant":
            milliseconds = int(self.mean_ms)
        elif self.name == "uniform":
            milliseconds = int(random.uniform(0, 2 * self.mean_ms))
        else:
            milliseconds = int(random.expovariate(1 / self.mean_ms))
        return milliseconds * NANOSECONDS_PER_MILLISECOND


class Links:
    """Decides the fate of each message, and counts those that a fault touched."""

    def __init__(
        self,
        random: Random,
        latency: LatencyDistribution,
        loss: float = 0.0,
        duplication: float = 0.0,
    ) -> None:
        self.cuts: Cuts = {}
        self.counted = {"cut": 0, "lost": 0, "repeated": 0, "slowed": 0}
        self._random = random
        self._latency = latency
        self._loss = loss
        self._duplication = duplication
        self._extra_ns: Mapping[tuple[str, str], int] = {}

    def cut(self, cuts: Cuts) -> None:
        """Drop messages by ``cuts`` from now on; they replace the ones before, and {} heals."""
        self.cuts = cuts

    def slow_down(self, extra_ns: Mapping[tuple[str, str], int]) -> None:
        """Add to the latency of links (source, destination) from now on.

        This replaces the links before; {} ends it.
        """
        self._extra_ns = extra_ns

    def drops(self, source: str, destination: str) -> bool:
        """Return whether the link is cut, which drops the message at hand."""
        if source not in self.cuts.get(destination, ()):
            return False
        self.counted["cut"] += 1
        return True

    def loses(self) -> bool:
        """Draw whether the message at hand is lost."""
        if not self._loss or self._random.random() >= self._loss:
            return False
        self.counted["lost"] += 1
        return True

    def repeats(self) -> bool:
        """Draw whether the message at hand arrives twice."""
        if not self._duplication or self._random.random() >= self._duplication:
            return False
        self.counted["repeated"] += 1
        return True

    def own_latency_ns(self) -> int:
        """Draw how long a message to the node itself takes."""
        return self._latency.draw(self._random)

    def latency_ns(self, source: str, destination: str) -> int:
        """Draw how long the message at hand takes."""
        latency_ns = self._latency.draw(self._random)
        if not self._extra_ns or (extra := self._extra_ns.get((source, destination))) is None:
            return latency_ns
        self.counted["slowed"] += 1
        return latency_ns + extra
