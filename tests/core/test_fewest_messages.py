"""What an operation costs between replicas: messages, and one-way delays."""

import pytest

from .group import SECOND, Group

DELAY = 50_000


def _group_that_asks(size: int, name: str, *, writes: bool, delay: int = 0) -> Group:
    """A group in which all is quiet but for one client, who has just asked a replica."""
    group = Group(size)
    group.delay = delay
    group.run_for(SECOND)  # Until the round trip is known.
    group.settle()
    group.sent.clear()
    if writes:
        group.ask(name, 1)
    else:
        group.read(name, 1)
    return group


@pytest.mark.parametrize(
    ("size", "name", "writes", "count"),
    [
        # PREPARE to each backup and its PREPARE_OK; from a backup also REQUEST.
        (3, "n0", True, 4),
        (3, "n1", True, 5),
        (5, "n0", True, 8),
        (5, "n1", True, 9),
        # READ to as many as a quorum needs, and READ_OK.
        (3, "n0", False, 2),
        (3, "n1", False, 2),
        (5, "n0", False, 4),
        (5, "n1", False, 4),
    ],
)
def test_an_operation_alone_takes_the_fewest_messages(
    size: int, name: str, writes: bool, count: int
) -> None:
    group = _group_that_asks(size, name, writes=writes)
    group.settle()
    assert len(group.sent) == count
    assert len(group.replies()) == 1


@pytest.mark.parametrize(
    ("size", "name", "writes", "delays"),
    [
        (3, "n0", True, 2),
        (3, "n1", True, 2),
        (3, "n0", False, 2),
        (3, "n1", False, 2),
        (5, "n0", True, 2),
        # REQUEST, PREPARE, PREPARE_OK: then the primary answers the client itself.
        (5, "n1", True, 3),
        (5, "n0", False, 2),
        (5, "n1", False, 2),
    ],
)
def test_an_operation_alone_takes_the_fewest_delays(
    size: int, name: str, writes: bool, delays: int
) -> None:
    group = _group_that_asks(size, name, writes=writes, delay=DELAY)
    group.run_for(delays * DELAY - 1)
    assert not group.replies()
    group.run_for(1)
    assert len(group.replies()) == 1
