"""Checkpoints in rows of bounded bytes, and those of journals from before there were such rows."""

import shutil
import sqlite3
from contextlib import closing
from itertools import islice
from pathlib import Path

import pytest

from tests.storage.damage import RECOVERS, Journal, database_of, entry, life, nothing, opened
from vsr_node.core.messages import (
    Checkpoint,
    DurableState,
    Parts,
    Record,
    ReplaceLog,
    SaveCheckpoint,
    SetCommit,
)
from vsr_node.storage import database
from vsr_node.storage.memory import MemoryStorage
from vsr_node.storage.promise_file import FORMAT, Flush

from .damage import Damage, loaded

SAMPLES = Path(__file__).with_name("samples")

ROW_BYTES = 1_000


@pytest.fixture(autouse=True)
def _small_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database, "CHECKPOINT_ROW_BYTES", ROW_BYTES)


def saved(folder: Path, parts: Parts) -> Journal:
    """Return a journal with an older checkpoint's rows overwritten by those of ``parts``."""
    storage = opened(folder / "living", Flush.EVERYTHING)
    model = MemoryStorage(storage.load())
    for op_number, content in ((1, tuple("older" * number for number in range(200))), (2, parts)):
        records: list[Record] = [
            ReplaceLog(op_number, (entry(op_number),)),
            SetCommit(op_number),
            SaveCheckpoint(Checkpoint(op_number, len(content) // 2, content), op_number),
        ]
        storage.save(records)
        model.save(records)
    storage.close()
    return Journal(folder / "living", [model.load()], Flush.EVERYTHING)


def rows_of(folder: Path) -> list[bytes]:
    with closing(sqlite3.connect(database_of(folder))) as connection:
        rows = connection.execute("SELECT content FROM checkpoint ORDER BY rowid").fetchall()
    return [content for (content,) in rows]


@pytest.mark.parametrize(
    "parts",
    [
        (),
        ("one",),
        tuple((f"key {number}", "x" * (number % 70)) for number in range(1_000)),
        ("x" * 5_000, *("y" * number for number in range(400)), "z" * 5_000),
        tuple("x" * (ROW_BYTES - 5 + number) for number in range(10)),
    ],
)
def test_a_checkpoint_is_parts_in_rows_of_bounded_bytes(tmp_path: Path, parts: Parts) -> None:
    journal = saved(tmp_path, parts)
    assert loaded(journal.folder, Flush.EVERYTHING).checkpoint.parts == parts
    _, *rows = rows_of(journal.folder)
    largest = max((len(str(part)) for part in parts), default=0) + len('[""]')
    assert all(len(row) <= max(ROW_BYTES, largest) for row in rows)
    # And they are not many more than they must be.
    assert len(rows) <= 4 * sum(map(len, rows)) // ROW_BYTES + 2 + len(parts) // 50


def changed_by(statement: str) -> Damage:
    def damage(folder: Path) -> None:
        with closing(sqlite3.connect(database_of(folder))) as connection, connection:
            connection.execute(statement)

    return damage


@pytest.mark.parametrize(
    "statement",
    [
        "DELETE FROM checkpoint WHERE rowid = 0",
        "DELETE FROM checkpoint WHERE rowid = 1",
        "DELETE FROM checkpoint WHERE rowid = (SELECT max(rowid) FROM checkpoint)",
        "UPDATE checkpoint SET content = replace(content, 5, 6) WHERE rowid = 3",
        "UPDATE checkpoint SET content = NULL WHERE rowid = 3",
        "UPDATE checkpoint SET checksum = 1 WHERE rowid = 3",
        "UPDATE checkpoint SET checksum = 1 WHERE rowid = 0",
        "UPDATE checkpoint SET number = 100 - number WHERE rowid > 0",
        "INSERT INTO checkpoint SELECT 99, content, checksum FROM checkpoint WHERE rowid = 1",
    ],
)
def test_a_row_that_is_damaged_missing_or_elsewhere_is_noticed(
    tmp_path: Path, statement: str
) -> None:
    journal = saved(tmp_path, tuple((number, "x" * 100) for number in range(100)))
    # What is believed then is a new replica's checkpoint.
    journal = journal._replace(states=[DurableState(), *journal.states])
    assert len(rows_of(journal.folder)) > 10
    assert journal.outcome(changed_by(statement)) == RECOVERS


@pytest.mark.parametrize("first_row", [0, 1])
def test_an_older_checkpoint_that_is_put_back_is_noticed(tmp_path: Path, first_row: int) -> None:
    """As many rows, each with a right checksum; with the head of its time, too."""
    storage = opened(tmp_path / "living", Flush.EVERYTHING)
    model = MemoryStorage(storage.load())
    states = [model.load()]
    rows = []
    for op_number in (1, 2):
        parts = tuple((key, op_number, "x" * 100) for key in range(100))
        records: list[Record] = [
            ReplaceLog(op_number, (entry(op_number),)),
            SetCommit(op_number),
            SaveCheckpoint(Checkpoint(op_number, 0, parts), 1),
        ]
        storage.save(records)
        model.save(records)
        states.append(model.load())
        storage.close()
        with closing(sqlite3.connect(database_of(tmp_path / "living"))) as connection:
            rows.append(connection.execute("SELECT * FROM checkpoint ORDER BY rowid").fetchall())
        storage = opened(tmp_path / "living", Flush.EVERYTHING)
        storage.load()
    storage.close()
    old_rows, new_rows = rows
    assert len(old_rows) == len(new_rows)

    def put_back(folder: Path) -> None:
        with closing(sqlite3.connect(database_of(folder))) as connection, connection:
            connection.executemany("REPLACE INTO checkpoint VALUES (?, ?, ?)", old_rows[first_row:])

    assert Journal(tmp_path / "living", states, Flush.EVERYTHING).outcome(put_back) == RECOVERS


@pytest.mark.parametrize("name", ["format-1-killed", "format-1-closed"])
def test_a_journal_of_format_1_is_taken_up_and_goes_on_in_this_one(
    tmp_path: Path, name: str
) -> None:
    folder = tmp_path / "journal"
    shutil.copytree(SAMPLES / name, folder)
    folder.chmod(0o700)
    model = MemoryStorage()
    for records in life(30):
        model.save(records)
    assert b'"format":1' in (folder / "promise").read_bytes()
    # Another run of the machine, in which all was flushed.
    storage = opened(folder, Flush.EVERYTHING)
    assert storage.load() == model.load()
    assert b'"format":%d' % FORMAT in (folder / "promise").read_bytes()
    for records in islice(life(60), 30, None):
        storage.save(records)
        model.save(records)
    storage.close()
    assert len(rows_of(folder)) > 2
    journal = Journal(folder, [model.load()], Flush.EVERYTHING)
    assert journal.outcome(nothing) == "whole"
