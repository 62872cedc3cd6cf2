"""Which errors are damage, and which are the system's: these end a start and change no file."""

import errno
import os
import sqlite3
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.storage.damage import RECOVERS, Journal, database_of, flipped, loaded, opened
from vsr_node.storage import sqlite
from vsr_node.storage.database import Database, DatabaseContents, is_damage
from vsr_node.storage.promise_file import Flush
from vsr_node.storage.protocol import StorageError

DAMAGE, SYSTEM = True, False

PRIMARY_CODES = {
    "SQLITE_ERROR": DAMAGE,
    "SQLITE_INTERNAL": SYSTEM,
    "SQLITE_PERM": SYSTEM,
    "SQLITE_ABORT": SYSTEM,
    "SQLITE_BUSY": SYSTEM,
    "SQLITE_LOCKED": SYSTEM,
    "SQLITE_NOMEM": SYSTEM,
    "SQLITE_READONLY": SYSTEM,
    "SQLITE_INTERRUPT": SYSTEM,
    "SQLITE_IOERR": SYSTEM,
    "SQLITE_CORRUPT": DAMAGE,
    "SQLITE_NOTFOUND": SYSTEM,
    "SQLITE_FULL": SYSTEM,
    "SQLITE_CANTOPEN": SYSTEM,
    "SQLITE_PROTOCOL": SYSTEM,
    "SQLITE_EMPTY": SYSTEM,
    "SQLITE_SCHEMA": SYSTEM,
    "SQLITE_TOOBIG": DAMAGE,
    "SQLITE_CONSTRAINT": SYSTEM,
    "SQLITE_MISMATCH": SYSTEM,
    "SQLITE_MISUSE": SYSTEM,
    "SQLITE_NOLFS": SYSTEM,
    "SQLITE_AUTH": SYSTEM,
    "SQLITE_FORMAT": DAMAGE,
    "SQLITE_RANGE": SYSTEM,
    "SQLITE_NOTADB": DAMAGE,
    "SQLITE_NOTICE": SYSTEM,
    "SQLITE_WARNING": SYSTEM,
}

EXTENDED_CODES = {
    name: getattr(sqlite3, name)
    for name in dir(sqlite3)
    for primary in PRIMARY_CODES
    if name.startswith(f"{primary}_")
}


def sqlite_error(code: int) -> sqlite3.Error:
    error = sqlite3.OperationalError("an error")
    error.sqlite_errorcode = code
    return error


@pytest.mark.parametrize("name", PRIMARY_CODES)
def test_each_primary_code_is_damage_or_not(name: str) -> None:
    assert is_damage(sqlite_error(getattr(sqlite3, name))) is PRIMARY_CODES[name]


def test_an_extended_code_is_what_its_primary_code_is() -> None:
    assert {"SQLITE_CANTOPEN_ISDIR", "SQLITE_IOERR_READ", "SQLITE_CORRUPT_INDEX"} < set(
        EXTENDED_CODES
    )
    of_number = {getattr(sqlite3, name): expected for name, expected in PRIMARY_CODES.items()}
    for name, code in EXTENDED_CODES.items():
        assert is_damage(sqlite_error(code)) is of_number[code & 0xFF], name


def test_a_code_of_the_future_and_errors_without_one_are_no_damage() -> None:
    assert not is_damage(sqlite_error(99))
    assert not is_damage(sqlite3.ProgrammingError("no code"))
    assert not is_damage(MemoryError())
    assert is_damage(UnicodeDecodeError("utf-8", b"\xff", 0, 1, "no text"))


@pytest.fixture(scope="module")
def journal(tmp_path_factory: pytest.TempPathFactory) -> Journal:
    """One that was closed, so that it does not even change by being opened and closed."""
    return Journal.lived(
        tmp_path_factory.mktemp("closed"), 30, is_killed=False, flush=Flush.EVERYTHING
    )


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}


@pytest.mark.parametrize(
    "code",
    [getattr(sqlite3, name) for name, expected in PRIMARY_CODES.items() if expected is SYSTEM]
    + [code for code in EXTENDED_CODES.values() if not is_damage(sqlite_error(code))],
)
@pytest.mark.parametrize("method", ["_set_up", "read"])
def test_an_error_of_sqlites_that_is_no_damage_leaves_the_journal(
    journal: Journal, monkeypatch: pytest.MonkeyPatch, method: str, code: int
) -> None:
    def failing(*_: object, **__: object) -> Any:
        raise sqlite_error(code)

    before = contents(journal.folder)
    with monkeypatch.context() as patch:
        patch.setattr(Database, method, failing)
        storage = opened(journal.folder, Flush.EVERYTHING)
        with pytest.raises(StorageError):
            storage.load()
    assert contents(journal.folder) == before


@pytest.mark.parametrize("number", sorted(set(errno.errorcode) - {errno.ENOENT}))
def test_an_errno_is_no_damage(
    journal: Journal, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    really_open = os.open

    def failing(path: Any, *arguments: Any, **named: Any) -> int:
        if str(path).endswith(".sqlite") and sys._getframe(1).f_code.co_name == "_open_database":
            raise OSError(number, os.strerror(number), str(path))
        return really_open(path, *arguments, **named)

    before = contents(journal.folder)
    storage = opened(journal.folder, Flush.EVERYTHING)
    with monkeypatch.context() as patch:
        patch.setattr(os, "open", failing)
        with pytest.raises(StorageError):
            storage.load()
    assert contents(journal.folder) == before


def test_a_verdict_of_damage_that_does_not_last_is_none(
    journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    """SQLite says so of a page that the system did not read, for a moment."""
    really_read = Database.read
    verdicts = iter([DatabaseContents()])
    monkeypatch.setattr(Database, "read", lambda self: next(verdicts, None) or really_read(self))
    assert loaded(journal.folder, Flush.EVERYTHING) == journal.states[-1]
    assert not (journal.folder / "set-aside").exists()


def test_a_verdict_of_damage_does_not_count_while_the_file_cant_be_read(
    journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    def failing(path: Path) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO), str(path))

    before = contents(journal.folder)
    storage = opened(journal.folder, Flush.EVERYTHING)
    with monkeypatch.context() as patch:
        patch.setattr(Database, "read", lambda _: DatabaseContents())
        patch.setattr(sqlite, "read_through", failing)
        with pytest.raises(StorageError, match="Input/output error"):
            storage.load()
    assert contents(journal.folder) == before


def test_a_file_is_unsound_also_where_no_row_stands(journal: Journal) -> None:
    number_of_free_pages = 39
    assert journal.outcome(flipped(database_of, number_of_free_pages, 1)) == RECOVERS


def test_what_cant_be_trusted_is_kept_and_said(journal: Journal, tmp_path: Path) -> None:
    folder = tmp_path / "journal"
    folder.mkdir(mode=0o700)
    for name, content in contents(journal.folder).items():
        (folder / name).write_bytes(content)
    database_of(folder).write_bytes(database_of(folder).read_bytes()[:8_000])
    promise = (folder / "promise").read_bytes()
    old = database_of(folder).name
    said: list[str] = []
    storage = opened(folder, Flush.EVERYTHING, log=said.append)
    assert storage.load().is_recovering
    storage.close()
    aside = folder / "set-aside"
    assert (aside / old).exists()
    assert (aside / f"{Path(old).stem}.promise").read_bytes() == promise
    assert database_of(folder).name != old
    (line,) = said
    assert str(aside) in line
    assert old in line
    # Later starts leave it there, and set no more aside while the replica recovers.
    for _ in range(3):
        storage = opened(folder, Flush.EVERYTHING, log=said.append)
        assert storage.load().is_recovering
        storage.close()
    assert len(list(aside.iterdir())) == 2
    assert len(said) == 1


def test_there_is_no_file_of_shared_memory(journal: Journal, tmp_path: Path) -> None:
    folder = tmp_path / "journal"
    loaded(folder)
    for _ in range(2):  # New, and found.
        storage = opened(folder)
        storage.load()
        assert not list(folder.glob("*-shm"))
        storage.close()
