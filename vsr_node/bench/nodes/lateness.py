"""How late the bench was, as a histogram of constant size that costs one addition an event."""

STEPS_PER_DOUBLING_BITS = 3
STEPS = 1 << STEPS_PER_DOUBLING_BITS
BUCKET_COUNT = 64 * STEPS


class Lateness:
    """Durations in nanoseconds, counted in buckets. Every eight buckets they double."""

    __slots__ = ("_buckets", "count", "highest")

    def __init__(self) -> None:
        self._buckets = [0] * BUCKET_COUNT
        self.count = 0
        self.highest = 0

    def add(self, duration_ns: int) -> None:
        """Count a duration; a negative one, of an event before its time, counts as 0."""
        self.count += 1
        if duration_ns < STEPS:
            self._buckets[0] += 1
            return
        shift = duration_ns.bit_length() - STEPS_PER_DOUBLING_BITS - 1
        self._buckets[(shift << STEPS_PER_DOUBLING_BITS) + (duration_ns >> shift)] += 1
        if duration_ns > self.highest:
            self.highest = duration_ns

    def quantile(self, fraction: float) -> int:
        """Return an upper bound, at most an eighth above the quantile, never above ``highest``."""
        rank = fraction * self.count
        seen = 0
        for bucket, count in enumerate(self._buckets):
            seen += count
            if count and seen >= rank:
                return min(_end_of(bucket), self.highest)
        return 0


def _end_of(bucket: int) -> int:
    """Return the first duration above a bucket, in nanoseconds."""
    if bucket < STEPS:
        return 0
    shift = (bucket >> STEPS_PER_DOUBLING_BITS) - 1
    return (bucket - (shift << STEPS_PER_DOUBLING_BITS) + 1) << shift
