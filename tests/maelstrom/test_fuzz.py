"""A short run of the fuzzer, and the fuzzer itself."""

from random import Random, SystemRandom

import pytest

from tests.maelstrom.fuzz import FUZZED, FuzzedLines, Group, check_that_all_serve, fuzz

LINE_COUNT = 5_000


@pytest.mark.parametrize("seed", [1, SystemRandom().randrange(1 << 32)], ids=["fixed", "fresh"])
def test_the_group_serves_after_fuzzed_lines(seed: int) -> None:
    print(fuzz(LINE_COUNT, seed))


def test_a_seed_makes_the_same_lines() -> None:
    one, other = (FuzzedLines(Random(7)) for _ in range(2))
    drawn = [one.draw() for _ in range(2_000)]
    assert drawn == [other.draw() for _ in range(2_000)]
    assert not any(b"\n" in line for line in drawn)
    assert min(one.counts.values()) > 100


def test_a_node_that_ends_is_noticed() -> None:
    with Group() as group:
        check_that_all_serve(group)
        group.feed("n1", b'{"src":"c5","dest":"n1","body":{"type":"init"}}\n')
        group.end(FUZZED)
        with pytest.raises(AssertionError, match="n0 has ended"):
            check_that_all_serve(group)


def test_a_line_that_is_no_message_is_noticed() -> None:
    with Group() as group:
        group.on_output("n2", b'{"src":"n2","dest":"c1","body":{"type":"read_ok","value":tru')
        assert group.mistakes == []
        group.on_output("n2", b"}}\n")
        assert len(group.mistakes) == 1
