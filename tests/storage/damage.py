"""Damages a journal in every way that it is told to, and holds what is loaded against what was.

    python -m tests.storage.damage --seed 1 --count 20000

tries that many damages and tells how they ended.
"""

import argparse
import shutil
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from random import Random
from typing import NamedTuple

from vsr_node.core.messages import (
    Checkpoint,
    DurableState,
    Entry,
    Record,
    Recovered,
    ReplaceLog,
    SaveCheckpoint,
    SetCommit,
    SetView,
)
from vsr_node.storage.memory import MemoryStorage
from vsr_node.storage.promise_file import Flush
from vsr_node.storage.protocol import StorageError
from vsr_node.storage.sqlite import SqliteStorage

NODE, MEMBERS = "n0", ("n0", "n1", "n2")
BOOT = "a boot"

WHOLE, RECOVERS, STAYS_OUT = "whole", "recovers", "stays out"

Damage = Callable[[Path], None]
"""Does something to the folder of a journal that no process has open."""


def opened(
    folder: Path,
    flush: Flush = Flush.NOTHING,
    boot_id: str = BOOT,
    log: Callable[[str], None] = lambda _: None,
) -> SqliteStorage:
    """Open the storage of the journal in a folder."""
    return SqliteStorage(folder, NODE, MEMBERS, flush=flush, boot_id=boot_id, log=log)


def loaded(folder: Path, flush: Flush = Flush.NOTHING) -> DurableState:
    """What another incarnation finds."""
    storage = opened(folder, flush)
    state = storage.load()
    storage.close()
    return state


def entry(number: int, text: str = "") -> Entry:
    return f"c{number % 7}", number, ("write", "0", f"{number} {text}")


def life(turn_count: int) -> Iterator[list[Record]]:
    """Turns with all kinds of records: a log that grows, is cut, truncated; views; checkpoints."""
    op_number = commit_number = view_number = checkpointed = 0
    for turn in range(1, turn_count + 1):
        records: list[Record] = []
        if turn % 20 == 0:
            checkpointed = commit_number
            parts = tuple((f"key {key}", f"value {turn}" * 20) for key in range(40))
            tail = max(1, checkpointed - 8)
            records.append(SaveCheckpoint(Checkpoint(checkpointed, 10, parts), tail))
        first = op_number + 1
        if turn % 7 == 0:
            # A view change: what was not committed is replaced.
            view_number += 1
            first = commit_number + 1
            records.append(SetView(view_number, view_number))
        op_number = first + turn % 3
        entries = tuple(entry(number, f"turn {turn}") for number in range(first, op_number + 1))
        records.append(ReplaceLog(first, entries))
        commit_number = max(commit_number, op_number - 2)
        records.append(SetCommit(commit_number))
        yield records


class Journal(NamedTuple):
    """A folder as a process left it, and all states that it was in, the last one last."""

    folder: Path
    states: Sequence[DurableState]
    flush: Flush

    @classmethod
    def lived(
        cls, folder: Path, turn_count: int, *, is_killed: bool, flush: Flush = Flush.NOTHING
    ) -> "Journal":
        """A journal after a life in two incarnations, the second of which is closed or killed."""
        storage = opened(folder / "living", flush)
        storage.load()
        model = MemoryStorage()
        states = [model.load()]
        for turn, records in enumerate(life(turn_count)):
            if turn == turn_count // 2:
                storage.close()
                storage = opened(folder / "living", flush)
                storage.load()
            storage.save(records)
            model.save(records)
            states.append(model.load())
        if not is_killed:
            storage.close()
        # A copy of what a process wrote is what a process that is killed leaves.
        shutil.copytree(folder / "living", folder / "left")
        storage.close()
        return cls(folder / "left", states, flush)

    def outcome(self, damage: Damage, *, boot_id: str = BOOT) -> str:
        """How a copy of the journal is taken up after a damage. Asserts that nothing untrue is."""
        with tempfile.TemporaryDirectory() as folder:
            copy = Path(folder) / "journal"
            shutil.copytree(self.folder, copy)
            damage(copy)
            try:
                storage = opened(copy, self.flush, boot_id)
                state = storage.load()
            except StorageError:
                return STAYS_OUT
            self._assert_truth(state)
            storage.close()
            self._assert_stability(copy, state, boot_id)
            return RECOVERS if state.is_recovering else WHOLE

    def _assert_truth(self, state: DurableState) -> None:
        """All that was told, or no more than what was executed once, and the newest view."""
        told = self.states[-1]
        if state.is_recovering:
            assert state.view_number >= told.view_number
            assert state.checkpoint in [each.checkpoint for each in self.states]
            op_number = state.checkpoint.op_number
            assert (state.commit_number, state.first_op_number) == (op_number, op_number + 1)
            assert not state.entries
        else:
            assert told.first_op_number <= state.first_op_number <= told.checkpoint.op_number + 1
            kept = told.entries[state.first_op_number - told.first_op_number :]
            assert state == told._replace(first_op_number=state.first_op_number, entries=kept)

    def _assert_stability(self, folder: Path, state: DurableState, boot_id: str) -> None:
        """Loaded again it is the same; and with what recovery brings it is whole."""
        storage = opened(folder, self.flush, boot_id)
        assert storage.load() == state
        first, view_number = state.commit_number + 1, state.view_number + 1
        entries = (entry(first), entry(first + 1))
        records: list[Record] = [ReplaceLog(first, entries), SetView(view_number, view_number)]
        storage.save([*records, Recovered()])
        storage.close()
        model = MemoryStorage(state)
        model.save([*records, Recovered()])
        storage = opened(folder, self.flush, boot_id)
        assert storage.load() == model.load()
        storage.close()


# Damages


def nothing(_: Path) -> None:
    """No damage."""


def database_of(folder: Path) -> Path:
    """The one database in a folder."""
    (path,) = folder.glob("*.sqlite")
    return path


def log_of(folder: Path) -> Path:
    """Its write-ahead log."""
    path = database_of(folder)
    return path.with_name(path.name + "-wal")


def promise_of(folder: Path) -> Path:
    """The promise file."""
    return folder / "promise"


FILES = {"database": database_of, "log": log_of, "promise file": promise_of}


def flipped(file: Callable[[Path], Path], position: int, bits: int) -> Damage:
    """Some bits of one byte are others."""

    def damage(folder: Path) -> None:
        data = bytearray(file(folder).read_bytes())
        data[position] ^= bits
        file(folder).write_bytes(data)

    return damage


def overwritten(file: Callable[[Path], Path], position: int, content: bytes) -> Damage:
    """Something else stands there."""

    def damage(folder: Path) -> None:
        with file(folder).open("r+b") as opened_file:
            opened_file.seek(position)
            opened_file.write(content)

    return damage


def cut(file: Callable[[Path], Path], size: int) -> Damage:
    """The rest of the file is gone."""

    def damage(folder: Path) -> None:
        with file(folder).open("r+b") as opened_file:
            opened_file.truncate(size)

    return damage


def removed(file: Callable[[Path], Path]) -> Damage:
    """The file is gone."""

    def damage(folder: Path) -> None:
        file(folder).unlink()

    return damage


def drawn(random: Random, journal: Journal) -> tuple[str, Damage]:
    """A damage of a random kind at a random place, and what it is, for people."""
    name = random.choice([name for name, file in FILES.items() if file(journal.folder).exists()])
    file = FILES[name]
    size = file(journal.folder).stat().st_size
    position = random.randrange(size)
    match random.choice(["flip", "flip", "flip", "cut", "garbage", "zeros"]):
        case "flip":
            bits = random.randrange(1, 256)
            return f"{name}: byte {position} ^ {bits}", flipped(file, position, bits)
        case "cut":
            return f"{name}: cut to {position} bytes", cut(file, position)
        case "garbage":
            length = random.choice([2, 16, 512, 4096])
            content = random.randbytes(min(length, size - position))
            return f"{name}: {len(content)} bytes at {position}", overwritten(
                file, position, content
            )
        case _:
            page = position - position % 4096
            length = min(4096, size - page)
            return f"{name}: zeros at {page}", overwritten(file, page, bytes(length))


def tried(seed: int, count: int, folder: Path) -> Counter[str]:
    """How often ``count`` damages ended how. A damage that is taken for truth raises."""
    random = Random(seed)
    journals = [
        Journal.lived(folder / str(is_killed), 150, is_killed=is_killed)
        for is_killed in (False, True)
    ]
    outcomes: Counter[str] = Counter()
    for _ in range(count):
        journal = random.choice(journals)
        text, damage = drawn(random, journal)
        try:
            outcomes[journal.outcome(damage)] += 1
        except Exception as error:
            raise AssertionError(f"seed {seed}, {journal.folder.parent.name}: {text}") from error
    return outcomes


def main() -> int:
    """Tries, and tells how often what became of it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--count", type=int, default=20_000)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        outcomes = tried(arguments.seed, arguments.count, Path(folder))
    print(", ".join(f"{outcome}: {count}" for outcome, count in sorted(outcomes.items())))
    return 0


if __name__ == "__main__":
    sys.exit(main())
