"""A few of the seeds of ``random_changes``; those that once found a fault stay."""

import pytest

from tests.core.random_changes import run


@pytest.mark.parametrize("seed", [*range(12), 5012, 5028])
def test_a_group_that_changes_its_members_at_random_keeps_its_promises(seed: int) -> None:
    assert len(run(seed).epochs) > 0
