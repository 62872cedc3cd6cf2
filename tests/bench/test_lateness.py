"""The histogram beside the numbers that it sums up."""

from random import Random

import pytest

from vsr_node.bench.nodes.lateness import Lateness


@pytest.mark.parametrize("seed", range(20))
def test_a_quantile_is_at_most_an_eighth_too_high(seed: int) -> None:
    random = Random(seed)
    durations = sorted(int(2 ** random.uniform(3, 40)) for _ in range(500))
    lateness = Lateness()
    for duration in durations:
        lateness.add(duration)
    assert lateness.count == 500
    assert lateness.highest == durations[-1]
    for place in (1, 250, 475, 500):
        exact = durations[place - 1]
        assert exact <= lateness.quantile(place / 500) <= exact * 9 / 8


def test_what_was_early_or_in_time_is_not_late() -> None:
    lateness = Lateness()
    for duration in (-5, 0, 0):
        lateness.add(duration)
    assert (lateness.count, lateness.quantile(0.99), lateness.highest) == (3, 0, 0)


def test_nothing_is_not_late() -> None:
    assert Lateness().quantile(0.99) == 0
