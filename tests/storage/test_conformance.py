"""What every storage must do, whatever it is made of: random turns, opened again after any."""

from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.storage.turns import added, are_same, turns
from vsr_node.core.messages import DurableState, Record
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
