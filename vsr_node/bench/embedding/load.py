"""The figures of one load, from the moments at which its operations ended."""

from itertools import pairwise

from vsr_node.bench.embedding.cells import Load
from vsr_node.bench.stored.quantiles import milliseconds, quantile_ms

NANOSECONDS = 1_000_000_000


class Ends:
    """When operations ended, and how long they took, in nanoseconds."""

    def __init__(self) -> None:
        self._moments: list[int] = []
        self._latencies: list[int] = []

    def add(self, began_ns: int, ended_ns: int) -> None:
        """Add an operation that succeeded."""
        self._moments.append(ended_ns)
        self._latencies.append(ended_ns - began_ns)

    def figures(self, began_ns: int, ended_ns: int) -> Load:
        """Return what the load came to."""
        latencies = sorted(self._latencies)
        moments = [began_ns, *sorted(self._moments), ended_ns]
        silence_ns = max(later - earlier for earlier, later in pairwise(moments))
        return Load(
            len(self._moments),
            (ended_ns - began_ns) / NANOSECONDS,
            quantile_ms(latencies, 0.5),
            quantile_ms(latencies, 0.99),
            milliseconds(silence_ns),
        )
