"""The rules of a storage: what it loads is what all saved records add up to."""

from collections.abc import Callable
from random import Random

from vsr_node.core.messages import (
    Checkpoint,
    DurableState,
    Entry,
    Record,
    ReplaceLog,
    SaveCheckpoint,
    SetCommit,
    SetView,
)
from vsr_node.storage.memory import MemoryStorage
from vsr_node.storage.protocol import Storage

TURNS = 60

REOPENED_1_IN = 5


def check_storage(open_storage: Callable[[], Storage], seed: int = 0) -> None:
    """Save the records of random turns, and open the storage anew now and then.

    ``open_storage`` returns a storage of the same data each time, empty at first; it is closed
    before the next one is opened. Raises AssertionError if anything is lost, invented or changed.
    """
    random = Random(seed)
    expected = MemoryStorage()
    storage = open_storage()
    _compare(storage.load(), expected)
    for _ in range(TURNS):
        records = _turn(random, expected)
        storage.save(records)
        expected.save(records)
        if not random.randrange(REOPENED_1_IN):
            storage.close()
            storage = open_storage()
            _compare(storage.load(), expected)
    storage.close()
    storage = open_storage()
    _compare(storage.load(), expected)
    storage.close()


def _compare(loaded: DurableState, expected: MemoryStorage) -> None:
    known = expected.load()
    for field in ("view_number", "last_normal_view", "checkpoint", "first_op_number"):
        own, other = getattr(loaded, field), getattr(known, field)
        assert own == other, f"{field}: {own} was loaded, but {other} saved"
    assert tuple(loaded.entries) == tuple(known.entries), "the log is what was saved"
    # A commit number alone may wait for the next save.
    assert loaded.commit_number <= known.commit_number, "what is not committed stays so"
    assert loaded.is_recovering == known.is_recovering, "nothing was lost"


def _turn(random: Random, state: MemoryStorage) -> list[Record]:
    """Draw records that a replica may ask for after all that was saved."""
    after = MemoryStorage(state.load())
    records: list[Record] = []

    def add(record: Record) -> None:
        records.append(record)
        after.save((record,))

    if not random.randrange(6) and after.checkpoint.op_number < after.commit_number:
        op_number = after.commit_number
        checkpoint = Checkpoint(op_number, 1, (_client(random), "part", "1"))
        add(SaveCheckpoint(checkpoint, random.randint(after.first_op_number, op_number + 1)))
    if not random.randrange(3):
        lowest = max(after.commit_number, after.first_op_number - 1) + 1
        add(ReplaceLog(random.randint(lowest, after.op_number + 1), _entries(random)))
    if not random.randrange(4):
        view_number = after.view_number + random.randrange(3)
        add(SetView(view_number, random.randint(after.last_normal_view, view_number)))
    if random.randrange(2):
        add(SetCommit(random.randint(after.commit_number, after.op_number)))
    return records


def _entries(random: Random) -> tuple[Entry, ...]:
    return tuple(
        (f"c{random.randrange(3)}", random.randrange(1_000), f'["put","é{random.random()}"]')
        for _ in range(random.randrange(1, 5))
    )


def _client(random: Random) -> object:
    return (f"c{random.randrange(3)}", -1, ((random.randrange(9), '{"ok":null}', 5),))
