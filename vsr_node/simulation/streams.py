"""Random streams: a tree of generators that grows from one seed.

Each part of a run (a link, a client, a replica's incarnation) has a generator of its own, named by
its path. So when the shrinker takes one part away, all other draws stay as they were.
"""

from math import log
from random import Random


def stream(seed: int, *path: str | int) -> Random:
    """Return the generator of the part that ``path`` names, the same on any Python."""
    return Random("/".join(map(str, (seed, *path))))


EXPONENTIAL_PER_MILLE = tuple(round(-1000 * log((256 - i - 0.5) / 256)) for i in range(256))
"""1,000 times the exponential distribution of mean 1, as 256 integers: sampling by table keeps
floating point, and with it the rounding of one machine's logarithm, out of virtual time."""


def exponential(random: Random, mean: int) -> int:
    """Draw from the exponential distribution of a mean, cut off at about 6 times the mean."""
    return mean * EXPONENTIAL_PER_MILLE[random.getrandbits(8)] // 1000
