"""Large checkpoints are written some rows a turn, and count when they are whole."""

import shutil
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.storage.damage import entry, loaded, opened
from vsr_node.core.messages import (
    Checkpoint,
    DurableState,
    Record,
    ReplaceLog,
    SaveCheckpoint,
    SetCommit,
    SetView,
)
from vsr_node.storage import database
from vsr_node.storage.database import Database
from vsr_node.storage.memory import MemoryStorage
from vsr_node.storage.promise_file import Flush

ROW_BYTES = 1_000
STEP_BYTES = 3_000
LARGE = tuple((f"key {number}", "x" * 400) for number in range(100))
"""Parts of a checkpoint that takes many turns."""


@pytest.fixture(autouse=True)
def _small_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database, "CHECKPOINT_ROW_BYTES", ROW_BYTES)
    monkeypatch.setattr(database, "STEP_BYTES", STEP_BYTES)
    monkeypatch.setattr(database, "_ENTRY_STEP_BYTES", 0)


class Life:
    """A journal, what its records add up to, and the same without the checkpoints."""

    def __init__(self, folder: Path, flush: Flush = Flush.NOTHING) -> None:
        self.folder = folder / "living"
        self._copy = folder / "left"
        self._flush = flush
        self.storage = opened(self.folder, flush)
        self.storage.load()
        self.all = MemoryStorage()
        self.without_checkpoints = MemoryStorage()
        self.op_number = 0

    def save(self, *records: Record) -> None:
        self.storage.save(records)
        self.all.save(records)
        others = [record for record in records if type(record) is not SaveCheckpoint]
        self.without_checkpoints.save(others)

    def turn(self, *records: Record, text: str = "") -> None:
        """Log an entry and commit it, after ``records``."""
        self.op_number += 1
        log = ReplaceLog(self.op_number, (entry(self.op_number, text),))
        self.save(*records, log, SetCommit(self.op_number))

    def own_checkpoint(self) -> SaveCheckpoint:
        return SaveCheckpoint(Checkpoint(self.op_number, 0, (self.op_number, *LARGE)), 2)

    def left(self) -> DurableState:
        """What another incarnation finds if this one is killed now."""
        shutil.copytree(self.folder, self._copy)
        found = loaded(self._copy, self._flush)
        shutil.rmtree(self._copy)
        return found


@pytest.mark.parametrize("flush", Flush)
def test_until_it_is_whole_the_older_one_and_the_log_are_there(
    tmp_path: Path, flush: Flush
) -> None:
    life = Life(tmp_path, flush)
    for _ in range(3):
        life.turn()
    life.save(life.own_checkpoint())
    found = [life.left()]
    while found[-1] == life.without_checkpoints.load():
        life.turn(SetView(life.op_number, life.op_number))
        found.append(life.left())
    assert found[-1] == life.all.load()
    assert len(found) > 5
    life.storage.close()
    assert loaded(life.folder, flush) == life.all.load()


def bytes_of_each_turn(
    life: Life, texts: Sequence[str], monkeypatch: pytest.MonkeyPatch
) -> list[int]:
    """How much of a checkpoint is written in turns with these texts."""
    written = [0]
    put = Database._put

    def counted(self: Database, table: str, number: int, text: bytes, checksum: int) -> None:
        written[-1] += len(text) * (table == "next_checkpoint")
        put(self, table, number, text, checksum)

    monkeypatch.setattr(Database, "_put", counted)
    life.turn()
    checkpoint: list[Record] = [life.own_checkpoint()]
    for text in texts:
        life.turn(*checkpoint, text=text)
        checkpoint = []
        written.append(0)
    return written


def test_a_turn_writes_no_more_than_its_share(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written = bytes_of_each_turn(Life(tmp_path), [""] * 40, monkeypatch)
    assert 100 * 400 < sum(written) < 100 * 500
    assert max(written) < STEP_BYTES + ROW_BYTES
    assert written[-1] == 0


def test_the_more_is_logged_the_sooner_it_is_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written = bytes_of_each_turn(Life(tmp_path), ["x" * 20_000] * 4, monkeypatch)
    assert len([each for each in written if each]) == 2


def test_one_that_the_log_does_not_lead_to_is_there_at_once(tmp_path: Path) -> None:
    life = Life(tmp_path)
    life.turn()
    records: list[Record] = [SaveCheckpoint(Checkpoint(7, 0, LARGE), 8), SetCommit(7)]
    life.storage.save(records)
    life.all.save(records)
    assert life.left() == life.all.load()


def test_the_next_one_is_there_at_once_if_the_last_is_not_whole(tmp_path: Path) -> None:
    life = Life(tmp_path)
    life.turn()
    life.save(life.own_checkpoint())
    life.turn()
    assert life.left() == life.without_checkpoints.load()
    life.save(life.own_checkpoint())
    assert life.left() == life.all.load()


def test_what_an_earlier_start_left_is_begun_anew(tmp_path: Path) -> None:
    life = Life(tmp_path)
    life.turn()
    life.save(life.own_checkpoint())
    life.storage.close()
    life.storage = opened(life.folder)
    assert life.storage.load() == life.without_checkpoints.load()
    life.all = MemoryStorage(life.without_checkpoints.load())
    life.turn(life.own_checkpoint())
    while life.left() != life.all.load():
        life.turn()
        assert life.op_number < 100
