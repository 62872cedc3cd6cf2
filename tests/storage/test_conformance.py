"""What every storage must do, whatever it is made of: random turns, opened again after any."""

from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.storage.turns import added, are_same, turns
from vsr_node.core.messages import (
    Checkpoint,
    DurableState,
    Record,
    Recovered,
    ReplaceLog,
    SaveCheckpoint,
    SetCommit,
    SetView,
)
from vsr_node.simulation.disk import Disk
from vsr_node.storage.memory import MemoryStorage
from vsr_node.storage.promise_file import Flush
from vsr_node.storage.protocol import Storage
from vsr_node.storage.sqlite import SqliteStorage

Reopen = Callable[[Storage | None], Storage]
"""Another incarnation of a storage; of None, the first one."""


def reopened_memory(_: Path) -> Reopen:
    def reopen(storage: Storage | None) -> Storage:
        return MemoryStorage(storage.load() if storage else None)

    return reopen


def reopened_disk(_: Path) -> Reopen:
    disk = Disk()

    def reopen(storage: Storage | None) -> Storage:
        if storage:
            storage.close()
        return disk

    return reopen


def reopened_sqlite(flush: Flush) -> Callable[[Path], Reopen]:
    def with_folder(folder: Path) -> Reopen:
        def reopen(storage: Storage | None) -> Storage:
            if storage:
                storage.close()
            return SqliteStorage(folder, "n0", ("n0", "n1"), flush=flush, boot_id="boot")

        return reopen

    return with_folder


STORAGES = {
    "memory": reopened_memory,
    "the simulator's disk": reopened_disk,
    **{f"sqlite, {flush.value} flushed": reopened_sqlite(flush) for flush in Flush},
}


@pytest.mark.parametrize("name", STORAGES)
@settings(deadline=None, max_examples=30)
@given(all_turns=turns(), reopened_after=st.sets(st.integers(0, 12)))
def test_what_is_loaded_is_what_all_records_add_up_to(
    name: str,
    all_turns: Sequence[Sequence[Record]],
    reopened_after: set[int],
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    reopen = STORAGES[name](tmp_path_factory.mktemp("journal") / "n0")
    storage = reopen(None)
    expected = DurableState()
    assert are_same(storage.load(), expected)
    for number, records in enumerate(all_turns):
        storage.save(records)
        expected = added(expected, records)
        if number in reopened_after:
            storage = reopen(storage)
            assert are_same(storage.load(), expected)
    storage = reopen(storage)
    assert are_same(storage.load(), expected)
    storage.close()


def log_of(first_op_number: int, count: int) -> ReplaceLog:
    numbers = range(first_op_number, first_op_number + count)
    return ReplaceLog(first_op_number, tuple(("c", number, None) for number in numbers))


# After these the log has the entries 3 to 6, of which 5 are committed and 4 executed.
LEGAL: list[list[Record]] = [
    [log_of(1, 6), SetView(3, 2), SetCommit(5)],
    [SaveCheckpoint(Checkpoint(4, 0, ()), 3)],
]


@pytest.mark.parametrize(
    ("illegal", "why"),
    [
        (SetView(2, 2), "a view never goes back"),
        (SetView(3, 1), "nor does the last normal one"),
        (SetView(3, 4), "no log is of a view to come"),
        (log_of(8, 1), "a log has no gap"),
        (log_of(5, 1), "what is committed never changes"),
        (SaveCheckpoint(Checkpoint(4, 0, ()), 5), "checkpoints go forward"),
        (SaveCheckpoint(Checkpoint(5, 0, ()), 2), "what is truncated stays so"),
        (SaveCheckpoint(Checkpoint(5, 0, ()), 7), "nothing is left out"),
        (SaveCheckpoint(Checkpoint(6, 0, ()), 7), "checkpoints are of what is committed"),
        (SetCommit(7), "what is committed is in the log"),
    ],
)
@pytest.mark.parametrize("name", STORAGES)
def test_what_is_illegal_is_not_saved(name: str, illegal: Record, why: str, tmp_path: Path) -> None:
    storage = STORAGES[name](tmp_path / "n0")(None)
    storage.load()
    for records in LEGAL:
        storage.save(records)
    with pytest.raises(AssertionError, match=why):
        storage.save([SetView(3, 3), illegal, Recovered()])


def test_a_turn_that_only_logs_commits_no_more_than_is_in_the_log(tmp_path: Path) -> None:
    storage = reopened_sqlite(Flush.NOTHING)(tmp_path / "n0")(None)
    storage.load()
    storage.save([log_of(1, 2), SetCommit(2)])
    with pytest.raises(AssertionError):
        storage.save([log_of(3, 1), SetCommit(4)])
    with pytest.raises(AssertionError):
        storage.save([SetCommit(3)])
