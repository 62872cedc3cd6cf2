"""What an operation costs between replicas: messages, and one-way delays."""

import pytest

from tests.core.group import SECOND, Group

DELAY = 50_000


def group_that_asks(size: int, name: str, *, writes: bool, delay: int = 0) -> Group:
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
    ("size", "name", "writes", "messages", "delays"),
    [
        # PREPARE to each backup and as many PREPARE_OKs as a quorum needs; from a backup also
        # REQUEST. A group of three needs no longer for that and no PREPARE_OK, as a backup commits
        # what PREPARE brings.
        (3, "n0", True, 3, 2),
        (3, "n1", True, 3, 2),
        (5, "n0", True, 6, 2),
        (5, "n1", True, 7, 3),
        # READ to as many as a quorum needs, and READ_OK.
        (3, "n0", False, 2, 2),
        (3, "n1", False, 2, 2),
        (5, "n0", False, 4, 2),
        (5, "n1", False, 4, 2),
    ],
)
def test_an_operation_alone_takes_the_fewest_messages_and_delays(
    size: int, name: str, writes: bool, messages: int, delays: int
) -> None:
    group = group_that_asks(size, name, writes=writes)
    group.settle()
    assert len(group.sent) == messages
    assert len(group.replies()) == 1

    group = group_that_asks(size, name, writes=writes, delay=DELAY)
    group.run_for(delays * DELAY - 1)
    assert not group.replies()
    group.run_for(1)
    assert len(group.replies()) == 1
