"""How long writes paused while the members changed."""

from collections.abc import Sequence
from statistics import median

from vsr_node.bench.faults.nemesis import Effect
from vsr_node.bench.stored.quantiles import milliseconds

Span = tuple[int, int]
"""When an operation began and ended, in nanoseconds since the run began."""


def pauses_ms(effects: Sequence[Effect], writes: Sequence[Span]) -> list[float | None]:
    """Return the pause of each effect, in milliseconds.

    It is how much longer than the median the slowest of the ``writes`` took that was under way
    between the request for the change and its answer. None if the effect began no epoch, or no
    such write was ok.
    """
    usual_ns = int(median(end - begin for begin, end in writes)) if writes else 0
    return [_pause_ms(effect, writes, usual_ns) for effect in effects]


def _pause_ms(effect: Effect, writes: Sequence[Span], usual_ns: int) -> float | None:
    if effect.epoch is None:
        return None
    assert effect.end is not None, "an epoch has begun, so there is an answer"
    met = [end - begin for begin, end in writes if begin < effect.end and end > effect.begin]
    return milliseconds(max(max(met) - usual_ns, 0)) if met else None
