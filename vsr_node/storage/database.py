"""The database: entries, the checkpoint, and one row, the summary, that vouches for all others.

Each entry's checksum goes on from that of the entry before it, and the summary holds both ends of
this chain: so no entry can be missing, old, or in another's place unnoticed, and it is known which
ones are damaged. The checkpoint and the summary have checksums of their own. All begin with the
journal's id.
"""

import sqlite3
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import orjson

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

SUFFIX = ".sqlite"

_WAL_PAGES_MAX = 1_000
_WAL_BYTES_MAX = 4 << 20
"""The write-ahead log goes to its place when it has so many pages, which takes a few
milliseconds, and the file does not stay larger than that."""

_SCHEMA = (
    "CREATE TABLE entries (op_number INTEGER PRIMARY KEY, content BLOB, checksum INTEGER)",
    "CREATE TABLE checkpoint (only INTEGER PRIMARY KEY, content BLOB, checksum INTEGER)",
    "CREATE TABLE summary (only INTEGER PRIMARY KEY, content BLOB, checksum INTEGER)",
)

ERRORS = (sqlite3.Error, UnicodeDecodeError)
"""What all here may raise. SQLite's message may quote what it found, which may be no text."""

# What SQLite says when it is the system that fails; all else is damage to the file.
_SYSTEM_ERRORS = frozenset(
    (
        sqlite3.SQLITE_BUSY,
        sqlite3.SQLITE_FULL,
        sqlite3.SQLITE_IOERR,
        sqlite3.SQLITE_LOCKED,
        sqlite3.SQLITE_NOMEM,
    )
)

_UNREADABLE = Entry("", 0, None)


class Summary(NamedTuple):
    """All but the entries and the checkpoint's parts. The default is of what can't be read.

    The log is that from ``first_op_number`` to ``op_number``. ``chain_begin`` is what the first
    entry's checksum goes on from, ``chain_end`` the last one's checksum.
    """

    transaction: int = -1
    view_number: int = 0
    last_normal_view: int = 0
    commit_number: int = 0
    checkpoint_op_number: int = 0
    first_op_number: int = 1
    op_number: int = 0
    chain_begin: int = 0
    chain_end: int = 0
    is_recovering: bool = True

    def committed_up_to(self, commit_number: int) -> "Summary":
        """The same with a commit_number; an older one changes nothing."""
        return self._replace(commit_number=max(self.commit_number, commit_number))


class Contents(NamedTuple):
    """What could be read of a file that may be damaged; the default is nothing.

    The checkpoint is the summary's, or None. ``entries`` are as many as the summary tells of;
    what stands in the place of one whose op_number is in ``damaged`` means nothing. ``is_sound``
    is SQLite's word for the whole file.
    """

    summary: Summary = Summary()
    checkpoint: Checkpoint | None = None
    entries: Sequence[Entry] = ()
    damaged: frozenset[int] = frozenset()
    is_sound: bool = False


def path_of(folder: Path, journal: str) -> Path:
    """Where the database of a journal is."""
    return folder / (journal + SUFFIX)


def is_damage(error: Exception) -> bool:
    """If an error is due to what stands in the file."""
    code: int = getattr(error, "sqlite_errorcode", 0)
    return code & 0xFF not in _SYSTEM_ERRORS


class Database:
    """An open database. Everything raises ``ERRORS``."""

    def __init__(self, path: Path, *, is_flushed: bool) -> None:
        self.path = path
        self.log_path = path.with_name(path.name + "-wal")
        self._seed = zlib.crc32(path.name.encode())
        self._connection = sqlite3.connect(path, isolation_level=None)
        self._connection.text_factory = bytes  # Damage may turn a blob into a text that is none.
        self._execute = self._connection.execute
        for pragma in (
            # One process has it, and so SQLite needs no shared memory beside the file.
            "locking_mode = EXCLUSIVE",
            "journal_mode = WAL",
            f"synchronous = {'FULL' if is_flushed else 'OFF'}",
            f"fullfsync = {is_flushed}",
            f"checkpoint_fullfsync = {is_flushed}",
            f"wal_autocheckpoint = {_WAL_PAGES_MAX}",
            f"journal_size_limit = {_WAL_BYTES_MAX}",
            "secure_delete = OFF",
        ):
            self._execute(f"PRAGMA {pragma}")

    def close(self) -> None:
        """Lets go of the file; may be called twice."""
        self._connection.close()

    # Writing

    def fill(self, state: DurableState) -> Summary:
        """Makes a new database hold ``state``."""
        summary = Summary(
            transaction=0,
            view_number=state.view_number,
            last_normal_view=state.last_normal_view,
            commit_number=state.commit_number,
            checkpoint_op_number=state.checkpoint.op_number,
            first_op_number=state.first_op_number,
            op_number=state.first_op_number - 1,
            chain_begin=self._seed,
            chain_end=self._seed,
            is_recovering=state.is_recovering,
        )
        with self._transaction():
            for statement in _SCHEMA:
                self._execute(statement)
            self._put("checkpoint", tuple(state.checkpoint))
            summary = self._append(summary, state.entries)
            self._put("summary", tuple(summary))
        return summary

    def save(self, summary: Summary, records: Sequence[Record]) -> Summary:
        """Carries out ``records`` in one transaction; returns what ``summary`` has become."""
        with self._transaction():
            summary = summary._replace(transaction=summary.transaction + 1)
            for record in records:
                summary = self._carry_out(summary, record)
            self._put("summary", tuple(summary))
        return summary

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        self._execute("BEGIN IMMEDIATE")
        try:
            yield
            self._execute("COMMIT")
        except BaseException:
            self._connection.rollback()
            raise

    def _carry_out(self, summary: Summary, record: Record) -> Summary:
        match record:
            case ReplaceLog(first_op_number, entries):
                return self._append(self._cut(summary, first_op_number), entries)
            case SetCommit(commit_number):
                return summary.committed_up_to(commit_number)
            case SetView(view_number, last_normal_view):
                return summary._replace(view_number=view_number, last_normal_view=last_normal_view)
            case SaveCheckpoint(checkpoint, first_op_number):
                self._put("checkpoint", tuple(checkpoint))
                summary = summary._replace(checkpoint_op_number=checkpoint.op_number)
                return self._truncate(summary, first_op_number)
            case Recovered():
                return summary._replace(is_recovering=False)

    def _append(self, summary: Summary, entries: Sequence[Entry]) -> Summary:
        op_number, chain = summary.op_number, summary.chain_end
        rows = []
        for client, request_number, operation in entries:
            op_number += 1
            content = orjson.dumps((client, request_number, operation))
            chain = zlib.crc32(content, chain)
            rows.append((op_number, content, chain))
        self._connection.executemany("INSERT INTO entries VALUES (?, ?, ?)", rows)
        return summary._replace(op_number=op_number, chain_end=chain)

    def _cut(self, summary: Summary, first_op_number: int) -> Summary:
        """Takes the log's end away, from ``first_op_number`` on."""
        if first_op_number > summary.op_number:
            return summary
        self._execute("DELETE FROM entries WHERE op_number >= ?", (first_op_number,))
        op_number = first_op_number - 1
        return summary._replace(op_number=op_number, chain_end=self._chain_at(summary, op_number))

    def _truncate(self, summary: Summary, first_op_number: int) -> Summary:
        """Takes the log's beginning away; it begins at ``first_op_number`` then."""
        op_number = first_op_number - 1
        is_empty = op_number >= summary.op_number
        chain_begin = summary.chain_end if is_empty else self._chain_at(summary, op_number)
        self._execute("DELETE FROM entries WHERE op_number < ?", (first_op_number,))
        return summary._replace(
            first_op_number=first_op_number,
            op_number=max(summary.op_number, op_number),
            chain_begin=chain_begin,
        )

    def _chain_at(self, summary: Summary, op_number: int) -> int:
        """The checksum of an entry, or of what stood before the first."""
        if op_number < summary.first_op_number:
            return summary.chain_begin
        cursor = self._execute("SELECT checksum FROM entries WHERE op_number = ?", (op_number,))
        checksum: int = cursor.fetchone()[0]
        return checksum

    def _put(self, table: str, content: tuple[object, ...]) -> None:
        text = orjson.dumps(content)
        row = (text, zlib.crc32(text, self._seed))
        self._execute(f"INSERT OR REPLACE INTO {table} VALUES (0, ?, ?)", row)

    # Reading

    def read(self) -> Contents:
        """All that can be read. Raises only where the system fails."""
        content = self._get("summary")
        if content is None:
            return Contents()
        summary = Summary(*content)
        entries, damaged = self._read_entries(summary)
        is_sound = self._read("PRAGMA quick_check(1)") == [(b"ok",)]
        return Contents(summary, self._read_checkpoint(summary), entries, damaged, is_sound)

    def _read_checkpoint(self, summary: Summary) -> Checkpoint | None:
        content = self._get("checkpoint")
        if content is None or content[0] != summary.checkpoint_op_number:
            return None
        return Checkpoint(*content)

    def _get(self, table: str) -> tuple[Any, ...] | None:
        rows = self._read(f"SELECT content, checksum FROM {table} WHERE only = 0")
        for text, checksum in rows:
            if type(text) is bytes and zlib.crc32(text, self._seed) == checksum:
                content: tuple[Any, ...] = _with_tuples(orjson.loads(text))
                return content
        return None

    def _read_entries(self, summary: Summary) -> tuple[tuple[Entry, ...], frozenset[int]]:
        rows = self._read("SELECT op_number, content, checksum FROM entries")
        found = {op_number: (text, checksum) for op_number, text, checksum in rows}
        entries = []
        damaged = set()
        chain = summary.chain_begin
        for op_number in range(summary.first_op_number, summary.op_number + 1):
            text, checksum = found.get(op_number, (b"", None))
            if type(text) is bytes and zlib.crc32(text, chain) == checksum:
                entries.append(Entry(*_with_tuples(orjson.loads(text))))
            else:
                entries.append(_UNREADABLE)
                damaged.add(op_number)
            chain = checksum if type(checksum) is int else 0
        if chain != summary.chain_end:
            damaged.add(summary.op_number)
        return tuple(entries), frozenset(damaged)

    def _read(self, statement: str) -> list[tuple[Any, ...]]:
        """The rows of a query, up to where damage ends them."""
        rows: list[tuple[Any, ...]] = []
        try:
            rows.extend(self._execute(statement))
        except ERRORS as error:
            if not is_damage(error):
                raise
        return rows


def _with_tuples(value: Any) -> Any:
    """A JSON value with tuples in place of lists."""
    return tuple(map(_with_tuples, value)) if type(value) is list else value
