"""Reads ask as few as a quorum needs: those after the asker, so that all share the work."""

import pytest

from tests.core.group import Group
from vsr_node.core.messages import Read


@pytest.mark.parametrize(
    ("size", "asker", "asked"),
    [
        (5, "n0", ["n1", "n2"]),
        (5, "n1", ["n2", "n3"]),
        (5, "n3", ["n4", "n1"]),
        (3, "n0", ["n1"]),
        (3, "n2", ["n0"]),
    ],
)
def test_a_read_asks_the_primary_last_unless_a_backup_commits_by_itself(
    size: int, asker: str, asked: list[str]
) -> None:
    group = Group(size)
    group.read(asker, 1)
    assert [one.destination for one in group.sent if isinstance(one.message, Read)] == asked
