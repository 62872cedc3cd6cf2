"""Quantiles of measured durations."""

from collections.abc import Sequence

from vsr_node.bench.nodes.loop import NANOSECONDS_PER_MILLISECOND


def milliseconds(duration_ns: int) -> float:
    """Return a duration in milliseconds."""
    return round(duration_ns / NANOSECONDS_PER_MILLISECOND, 3)


def quantile_ms(ordered_ns: Sequence[int], fraction: float) -> float:
    """Return a quantile of durations in ascending order, in milliseconds; 0 if there are none."""
    if not ordered_ns:
        return 0.0
    return milliseconds(ordered_ns[min(int(fraction * len(ordered_ns)), len(ordered_ns) - 1)])
