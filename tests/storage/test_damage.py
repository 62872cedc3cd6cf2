"""Journals that lost something: everything told is there, or the replica knows that it is not."""

import shutil
import sqlite3
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path
from random import Random

import pytest

from tests.storage.damage import (
    FILES,
    RECOVERS,
    STAYS_OUT,
    WHOLE,
    Damage,
    Journal,
    cut,
    database_of,
    entry,
    flipped,
    life,
    loaded,
    log_of,
    nothing,
    opened,
    overwritten,
    promise_of,
    removed,
    tried,
)
from vsr_node.core.messages import Entry, Record, Recovered, ReplaceLog, SetView
from vsr_node.storage.memory import MemoryStorage
from vsr_node.storage.promise_file import Flush

# Where the promise file has what (see its module).
PROMISES = (0, 4_096)
MARKS = (8_192, 12_288)
HEADER = 16_384


@pytest.fixture(scope="module")
def killed(tmp_path_factory: pytest.TempPathFactory) -> Journal:
    return Journal.lived(tmp_path_factory.mktemp("killed"), 60, is_killed=True)


@pytest.fixture(scope="module")
def closed(tmp_path_factory: pytest.TempPathFactory) -> Journal:
    return Journal.lived(tmp_path_factory.mktemp("closed"), 60, is_killed=False)


def all_of(*damages: Damage) -> Damage:
    def damage(folder: Path) -> None:
        for each in damages:
            each(folder)

    return damage


def test_without_damage_all_is_there(killed: Journal, closed: Journal) -> None:
    assert killed.outcome(nothing) == WHOLE
    assert closed.outcome(nothing) == WHOLE


def test_random_damages_are_never_taken_for_truth(tmp_path: Path) -> None:
    outcomes = tried(seed=1, count=200, folder=tmp_path)
    assert set(outcomes) == {WHOLE, RECOVERS, STAYS_OUT}


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("log", {RECOVERS}),
        ("promise file", {STAYS_OUT}),
        # The log may hold all of its pages.
        ("database", {RECOVERS, WHOLE}),
    ],
)
def test_a_tail_that_is_cut_off_is_missed(killed: Journal, name: str, expected: set[str]) -> None:
    file = FILES[name]
    size = file(killed.folder).stat().st_size
    for length in sorted({0, size - 1, *Random(1).sample(range(size), 12)}):
        assert killed.outcome(cut(file, length)) in expected, length


@pytest.mark.parametrize(
    ("file", "expected"), [(log_of, RECOVERS), (database_of, RECOVERS), (promise_of, STAYS_OUT)]
)
def test_a_file_that_is_missing_is_missed(
    killed: Journal, file: Callable[[Path], Path], expected: str
) -> None:
    assert killed.outcome(removed(file)) == expected


def test_an_older_file_that_is_put_back_is_noticed(tmp_path: Path) -> None:
    living = tmp_path / "living"
    storage = opened(living)
    model = MemoryStorage(storage.load())
    states = [model.load()]
    older = []
    for turn, records in enumerate(life(120)):
        if turn == 50:
            # What the log holds goes to the database, and a new log begins.
            storage.close()
            storage = opened(living)
            storage.load()
        if turn in (20, 50, 80):
            older.append(tmp_path / str(turn))
            shutil.copytree(living, older[-1])
        storage.save(records)
        model.save(records)
        states.append(model.load())
    journal = Journal(living, states, Flush.NOTHING)
    assert journal.outcome(nothing) == WHOLE
    for folder in older:
        assert journal.outcome(replaced_by(log_of(folder))) == RECOVERS
        # The log may hold all that has changed since.
        assert journal.outcome(replaced_by(database_of(folder))) in (RECOVERS, WHOLE)
    storage.close()


def one_entry_each(text: str) -> list[list[Record]]:
    return [[ReplaceLog(number, (entry(number, text),))] for number in range(1, 41)]


def test_rows_are_not_taken_for_others_that_stood_there(tmp_path: Path) -> None:
    living = tmp_path / "living"
    model = MemoryStorage()
    old, new = one_entry_each("old"), one_entry_each("new")
    new[0].append(SetView(1, 1))
    lives: list[list[list[Record]]] = [old, new, [[ReplaceLog(41, (entry(41),))]]]
    rows = []
    for turns in lives:
        storage = opened(living)
        storage.load()
        for records in turns:
            storage.save(records)
            model.save(records)
        storage.close()
        with closing(sqlite3.connect(database_of(living))) as connection:
            rows.append(connection.execute("SELECT * FROM turns").fetchall())
    journal = Journal(living, [model.load()], Flush.NOTHING)
    assert journal.outcome(nothing) == WHOLE
    old_rows, _, present_rows = rows
    exchanged = [(20, *present_rows[20][1:]), (21, *present_rows[19][1:])]
    for put_back in (old_rows[:1], old_rows[19:20], old_rows, old_rows[39:], exchanged):
        assert journal.outcome(with_rows(put_back)) == RECOVERS
    for op_number in (1, 20, 41):
        assert journal.outcome(without_row(op_number)) == RECOVERS


def test_what_was_not_flushed_is_not_trusted_in_another_run_of_the_machine(tmp_path: Path) -> None:
    for flush, expected in (
        (Flush.EVERYTHING, WHOLE),
        (Flush.PROMISES, RECOVERS),
        # Without a place that names the run, as the default one does, not even the view is sure.
        (Flush.NOTHING, STAYS_OUT),
    ):
        journal = Journal.lived(tmp_path / flush.value, 30, is_killed=True, flush=flush)
        assert journal.outcome(nothing) == WHOLE
        assert journal.outcome(nothing, boot_id="another boot") == expected


def test_a_machine_that_does_not_tell_its_runs_is_never_trusted_with_what_was_not_flushed(
    tmp_path: Path,
) -> None:
    for _ in range(3):
        storage = opened(tmp_path / "journal", Flush.PROMISES, boot_id="")
        state = storage.load()
        storage.save([ReplaceLog(state.commit_number + 1, (entry(1),)), Recovered()])
        storage.close()
    assert state.is_recovering


def test_a_journal_is_as_safe_as_it_was_flushed_last(tmp_path: Path) -> None:
    flushed = Journal.lived(tmp_path / "flushed", 30, is_killed=True, flush=Flush.EVERYTHING)
    loaded(flushed.folder, Flush.PROMISES)
    assert flushed.outcome(nothing, boot_id="another boot") == RECOVERS
    loaded(flushed.folder, Flush.EVERYTHING)
    assert flushed.outcome(nothing, boot_id="another boot") == WHOLE


def test_one_damaged_promise_does_no_harm_while_the_database_is_whole(killed: Journal) -> None:
    both = [flipped(promise_of, place, 1) for place in PROMISES]
    assert killed.outcome(both[0]) == killed.outcome(both[1]) == WHOLE
    assert killed.outcome(all_of(*both)) == WHOLE


def test_a_damaged_promise_keeps_the_replica_out_when_the_database_lost_its_end(
    killed: Journal,
) -> None:
    for place in PROMISES:
        damage = all_of(flipped(promise_of, place, 1), removed(log_of))
        assert killed.outcome(damage) == STAYS_OUT


def test_without_both_marks_nobody_knows_if_the_database_lost_its_end(killed: Journal) -> None:
    for place in MARKS:
        assert killed.outcome(flipped(promise_of, place, 1)) == RECOVERS


def test_promises_and_marks_of_another_journal_are_damage(killed: Journal, tmp_path: Path) -> None:
    other = promise_of(Journal.lived(tmp_path, 60, is_killed=True).folder).read_bytes()
    assert killed.outcome(overwritten(promise_of, 0, other[: MARKS[0]])) == WHOLE
    assert killed.outcome(overwritten(promise_of, MARKS[0], other[MARKS[0] : HEADER])) == RECOVERS
    assert killed.outcome(overwritten(promise_of, 0, other[:HEADER])) == STAYS_OUT


def test_without_a_header_the_replica_stays_out(killed: Journal) -> None:
    assert killed.outcome(flipped(promise_of, HEADER + 20, 1)) == STAYS_OUT


def test_a_damaged_entry_below_the_checkpoint_is_not_missed(closed: Journal) -> None:
    told = closed.states[-1]
    covered = told.entries[: told.checkpoint.op_number - told.first_op_number + 1]
    needed = told.entries[len(covered) :]
    assert covered
    assert needed
    # The entries of one turn stand in one row.
    needed_turns = {turn_of(each) for each in needed}
    assert {turn_of(each) for each in covered} - needed_turns
    for each in told.entries:
        text = text_of(each).encode() + b'"'
        position = database_of(closed.folder).read_bytes().rindex(text)
        expected = RECOVERS if turn_of(each) in needed_turns else WHOLE
        assert closed.outcome(flipped(database_of, position, 1)) == expected


def turn_of(each: Entry) -> str:
    return text_of(each).split()[-1]


def text_of(each: Entry) -> str:
    _, _, operation = each
    assert isinstance(operation, tuple)
    text: str = operation[2]
    return text


def with_rows(rows: Sequence[tuple[object, ...]]) -> Damage:
    def damage(folder: Path) -> None:
        with closing(sqlite3.connect(database_of(folder))) as connection, connection:
            connection.executemany("REPLACE INTO turns VALUES (?, ?, ?)", rows)

    return damage


def without_row(op_number: int) -> Damage:
    def damage(folder: Path) -> None:
        with closing(sqlite3.connect(database_of(folder))) as connection, connection:
            connection.execute("DELETE FROM turns WHERE op_number = ?", (op_number,))

    return damage


def replaced_by(source: Path) -> Damage:
    def damage(folder: Path) -> None:
        shutil.copy(source, folder / source.name)

    return damage
