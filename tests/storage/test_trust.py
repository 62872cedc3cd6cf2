"""What may be believed of what was found: each condition by itself, whatever else is in order."""

import pytest

from vsr_node.core.messages import Checkpoint, DurableState
from vsr_node.storage.trust import Found, believable

CHECKPOINT = Checkpoint(4, 0, ("state at 4",))
ENTRIES = tuple(("c", number, None) for number in range(3, 9))
FOUND = Found(
    view_number=5,
    last_normal_view=3,
    commit_number=6,
    checkpoint=CHECKPOINT,
    checkpoint_is_damaged=False,
    first_op_number=3,
    entries=ENTRIES,
    damaged=frozenset(),
    is_whole=True,
    was_recovering=False,
)


def test_what_is_whole_is_believed() -> None:
    assert believable(FOUND) == DurableState(5, 3, 6, CHECKPOINT, 3, ENTRIES)


@pytest.mark.parametrize(
    "found",
    [
        pytest.param(FOUND._replace(is_whole=False), id="its end may be lost"),
        pytest.param(FOUND._replace(was_recovering=True), id="it was not trusted before"),
        pytest.param(FOUND._replace(damaged=frozenset({5})), id="an entry is damaged"),
        pytest.param(FOUND._replace(damaged=frozenset({3, 8})), id="one that is covered, and one"),
        pytest.param(FOUND._replace(first_op_number=6), id="a hole behind the checkpoint"),
        pytest.param(FOUND._replace(commit_number=3), id="executed beyond what is committed"),
        pytest.param(FOUND._replace(commit_number=9), id="committed beyond the log"),
        pytest.param(FOUND._replace(entries=(), is_whole=False), id="nothing of the log is left"),
    ],
)
def test_of_all_else_the_checkpoint_and_the_view_are_believed(found: Found) -> None:
    assert believable(found) == DurableState(5, 3, 4, CHECKPOINT, 5, (), is_recovering=True)


def test_without_its_checkpoint_nothing_but_the_view_is_believed() -> None:
    found = FOUND._replace(checkpoint_is_damaged=True)
    assert believable(found) == DurableState(5, 3, is_recovering=True)


def test_the_log_begins_behind_a_damaged_entry_that_the_checkpoint_covers() -> None:
    found = FOUND._replace(damaged=frozenset({3, 4}))
    assert believable(found) == DurableState(5, 3, 6, CHECKPOINT, 5, ENTRIES[2:])
