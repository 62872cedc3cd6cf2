"""The database: a row for each turn that logged something, the checkpoint, and the summary.

Most turns only append to the log. Such a turn is one statement, which inserts one row: its
transaction's number, the commit_number, and its entries. All other turns also write the summary, a
row that tells the state as it was then; the turns after it add to that.

Each turn's checksum goes on from that of the turn before it, and the summary holds both ends of
this chain as it was then: so no turn can be missing, old, or in another's place unnoticed, but for
the last ones, which whoever knows the last transaction's number misses. The summary has a checksum
of its own. All begin with the journal's id.

The checkpoint is row 0, its head, and the parts in rows 1, 2, ... of bounded bytes, since SQLite
takes no row of 1 GB. Their checksums are chained, too, and the head holds the end of the chain. In
format 1 all parts stood in row 0; such a checkpoint is read until the next one replaces it.

A checkpoint is written into a table of its own, some rows a turn, so that no turn stands still for
a large state. When it is whole, it takes the place of the one before, and the log below it goes, in
one transaction. Until then the older one and all of the log are there, which add up to the same.
Only a checkpoint that the log does not lead to, as another replica sent it, is written at once.
"""

import sqlite3
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
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
    change_of,
    object_of,
)

from .protocol import assert_legal, assert_whole

SUFFIX = ".sqlite"

_WAL_PAGES_MAX = 1_000
_WAL_BYTES_MAX = 4 << 20
"""The write-ahead log goes to its place when it has so many pages, which takes a few
milliseconds, and the file does not stay larger than that."""

CHECKPOINT_ROW_BYTES = 1 << 20
"""A row of a checkpoint has no more, unless it holds a single part."""

STEP_BYTES = 1 << 20
"""So much of a checkpoint is written in a turn, and as much again as the turn logs."""

_ENTRY_STEP_BYTES = 8 << 10
"""What an entry counts for at least: for each, the core waits so long until the next checkpoint."""


def _table(name: str) -> str:
    return f"CREATE TABLE {name} (number INTEGER PRIMARY KEY, content BLOB, checksum INTEGER)"


_SCHEMA = (
    # op_number is that of the turn's last entry.
    "CREATE TABLE turns (op_number INTEGER PRIMARY KEY, content BLOB, checksum INTEGER)",
    _table("checkpoint"),
    _table("summary"),
)

ERRORS = (sqlite3.Error, UnicodeDecodeError, MemoryError)
"""What all here may raise. SQLite's message may quote what it found, which may be no text."""

_DAMAGE = frozenset(
    (
        sqlite3.SQLITE_CORRUPT,
        sqlite3.SQLITE_ERROR,  # No such table or column, or an unsupported file format.
        sqlite3.SQLITE_FORMAT,
        sqlite3.SQLITE_NOTADB,
        sqlite3.SQLITE_TOOBIG,  # A row claims more than any has that was written.
    )
)
"""What SQLite reports of a file that was read and is wrong. With all other codes, those that it may
get in the future among them, the system failed, or this program: the file may well be sound."""

_UNREADABLE: Entry = ("", 0, None)

_ENTRY_BYTES_MIN = 8
"""No entry has fewer in a turn's row: so a damaged row tells how many it may have had."""


class Summary(NamedTuple):
    """All but the entries and the checkpoint's parts. The default is of what can't be read.

    The log is that from ``first_op_number`` to ``op_number``; the rows begin with the entry at
    ``stored_from``, since a turn goes only when all of it may. ``chain_begin`` is what the first
    row's checksum goes on from, ``chain_end`` the last one's checksum.
    """

    transaction: int = -1
    view_number: int = 0
    last_normal_view: int = 0
    commit_number: int = 0
    checkpoint_op_number: int = 0
    first_op_number: int = 1
    stored_from: int = 1
    op_number: int = 0
    chain_begin: int = 0
    chain_end: int = 0
    is_recovering: bool = True

    def committed_up_to(self, commit_number: int) -> "Summary":
        """The same with a commit_number; an older one changes nothing."""
        return self._replace(commit_number=max(self.commit_number, commit_number))


class DatabaseContents(NamedTuple):
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

    @property
    def is_flawless(self) -> bool:
        """Whether everything could be read."""
        return self.checkpoint is not None and not self.damaged and self.is_sound

    def says(self, state: DurableState) -> bool:
        """Return whether the file is flawless and holds just this state."""
        summary = self.summary
        return self.is_flawless and state == DurableState(
            summary.view_number,
            summary.last_normal_view,
            summary.commit_number,
            self.checkpoint or Checkpoint(),
            summary.first_op_number,
            self.entries,
            summary.is_recovering,
        )


def path_of(folder: Path, journal: str) -> Path:
    """Return the path of a journal's database."""
    return folder / (journal + SUFFIX)


def is_damage(error: Exception) -> bool:
    """Return whether an error is due to what stands in the file, and not to the system."""
    if isinstance(error, sqlite3.Error):
        # The low byte of an extended code is the primary one. Python's own errors have none.
        return getattr(error, "sqlite_errorcode", sqlite3.SQLITE_MISUSE) & 0xFF in _DAMAGE
    return isinstance(error, UnicodeDecodeError)


class _GrowingCheckpoint:
    """A checkpoint of which some rows are written, and some are still to be made."""

    def __init__(self, record: SaveCheckpoint, seed: int) -> None:
        self.record = record
        self.bytes_due = 0
        """How much more than usual of it is to be written in this turn."""
        self._count = 0
        self._chain = seed
        self._texts = _texts(record.checkpoint.parts)
        self._next = next(self._texts, None)

    @property
    def is_whole(self) -> bool:
        """Whether all rows but the head were taken."""
        return self._next is None

    def take_row(self) -> tuple[int, bytes, int]:
        """Return the next row: its number, its content and its checksum."""
        text = self._next
        assert text is not None
        self._count += 1
        self._chain = zlib.crc32(text, self._chain)
        self._next = next(self._texts, None)
        return self._count, text, self._chain

    @property
    def head(self) -> tuple[object, ...]:
        """The content of row 0, once it is whole."""
        op_number, client_count, _, epoch, members = self.record.checkpoint
        return (op_number, client_count, self._chain, epoch, members)


class Database:
    """An open database. Everything raises ``ERRORS``."""

    def __init__(self, path: Path, *, is_flushed: bool) -> None:
        self.path = path
        self.log_path = path.with_name(path.name + "-wal")
        self._seed = zlib.crc32(path.name.encode())
        self._connection = sqlite3.connect(path, isolation_level=None)
        self._connection.text_factory = bytes  # Damage may turn a blob into a text that is none.
        self._execute = self._connection.execute
        self._growing: _GrowingCheckpoint | None = None
        try:
            self._set_up(is_flushed=is_flushed)
        except ERRORS:
            self.close()
            raise

    def _set_up(self, *, is_flushed: bool) -> None:
        for pragma in (
            # One process has it, and so SQLite needs no shared memory in a file beside it: but
            # only if it hears that first, since most pragmas read the file.
            "locking_mode = EXCLUSIVE",
            f"synchronous = {'FULL' if is_flushed else 'OFF'}",
            f"fullfsync = {is_flushed}",
            f"checkpoint_fullfsync = {is_flushed}",
            "journal_mode = WAL",
            f"wal_autocheckpoint = {_WAL_PAGES_MAX}",
            f"journal_size_limit = {_WAL_BYTES_MAX}",
            "secure_delete = OFF",
        ):
            self._execute(f"PRAGMA {pragma}")

    def close(self) -> None:
        """Let go of the file; may be called twice. What was committed stays so if this fails."""
        with suppress(*ERRORS):
            self._connection.close()

    # Writing

    def fill(self, state: DurableState) -> Summary:
        """Make a new database hold ``state``, and return its summary."""
        summary = Summary(
            transaction=0,
            view_number=state.view_number,
            last_normal_view=state.last_normal_view,
            commit_number=state.commit_number,
            checkpoint_op_number=state.checkpoint.op_number,
            first_op_number=state.first_op_number,
            stored_from=state.first_op_number,
            op_number=state.first_op_number - 1,
            chain_begin=self._seed,
            chain_end=self._seed,
            is_recovering=state.is_recovering,
        )
        with self._transaction():
            for statement in _SCHEMA:
                self._execute(statement)
            first = _GrowingCheckpoint(SaveCheckpoint(state.checkpoint, 1), self._seed)
            while not first.is_whole:
                self._put("checkpoint", *first.take_row())
            self._put_first("checkpoint", first.head)
            summary = self._append(summary, state.entries)
            self._put_first("summary", tuple(summary))
        return summary

    def save(self, summary: Summary, records: Sequence[Record]) -> Summary:
        """Carry out ``records`` in one transaction, and return the summary after them."""
        transaction = summary.transaction + 1
        match records:
            case _ if self._growing is not None:
                pass
            # Most turns do no more than to append; one statement is a transaction of its own.
            case [ReplaceLog() as log] if _appends(summary, log):
                return self._append(summary._replace(transaction=transaction), log.entries)
            case [ReplaceLog() as log, SetCommit(commit)] if _appends(summary, log):
                assert commit <= summary.op_number + len(log.entries), "it is in the log"
                commit_number = max(commit, summary.commit_number)
                summary = summary._replace(transaction=transaction, commit_number=commit_number)
                return self._append(summary, log.entries)
        for record in records:
            if isinstance(record, SaveCheckpoint):
                self._begin_checkpoint(summary, record)
        with self._transaction():
            summary = summary._replace(transaction=transaction)
            for record in records:
                assert_legal(record, summary)
                summary = self._carry_out(summary, record)
            if self._growing is not None:
                summary = self._grow_checkpoint(summary, self._growing)
            assert_whole(summary)
            self._put_first("summary", tuple(summary))
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
            case SaveCheckpoint():
                growing = self._growing
                assert growing is not None
                return self._replace_checkpoint(summary, growing) if growing.is_whole else summary
            case Recovered():
                return summary._replace(is_recovering=False)

    def _append(self, summary: Summary, entries: Sequence[Entry]) -> Summary:
        if not entries:
            return summary
        op_number = summary.op_number + len(entries)
        turn = (summary.transaction, summary.commit_number, entries)
        content = orjson.dumps(turn, default=object_of)
        checksum = zlib.crc32(content, summary.chain_end)
        self._execute("INSERT INTO turns VALUES (?, ?, ?)", (op_number, content, checksum))
        if self._growing is not None:
            self._growing.bytes_due += len(content) + len(entries) * _ENTRY_STEP_BYTES
        return summary._replace(op_number=op_number, chain_end=checksum)

    def _cut(self, summary: Summary, first_op_number: int) -> Summary:
        """Remove the log's end, from ``first_op_number`` on."""
        if first_op_number > summary.op_number:
            return summary
        cursor = self._execute(
            "SELECT op_number, content FROM turns WHERE op_number >= ? ORDER BY op_number LIMIT 1",
            (first_op_number,),
        )
        op_number, content = cursor.fetchone()
        _, _, entries = orjson.loads(content)
        begin = op_number - len(entries) + 1
        self._execute("DELETE FROM turns WHERE op_number >= ?", (begin,))
        left = entries[: first_op_number - begin]
        _, chain_end = self._last_before(summary, begin)
        return self._append(summary._replace(op_number=begin - 1, chain_end=chain_end), left)

    def _truncate(self, summary: Summary, first_op_number: int) -> Summary:
        """Remove the log's beginning, so that it begins at ``first_op_number``."""
        if first_op_number > summary.op_number:
            self._execute("DELETE FROM turns")
            return summary._replace(
                first_op_number=first_op_number,
                stored_from=first_op_number,
                op_number=first_op_number - 1,
                chain_begin=summary.chain_end,
            )
        op_number, chain_begin = self._last_before(summary, first_op_number)
        self._execute("DELETE FROM turns WHERE op_number < ?", (first_op_number,))
        return summary._replace(
            first_op_number=first_op_number, stored_from=op_number + 1, chain_begin=chain_begin
        )

    def _last_before(self, summary: Summary, op_number: int) -> tuple[int, int]:
        """The last turn that ends before an op_number: where, and its checksum."""
        row: tuple[int, int] | None = self._execute(
            "SELECT op_number, checksum FROM turns WHERE op_number < ?"
            " ORDER BY op_number DESC LIMIT 1",
            (op_number,),
        ).fetchone()
        return row or (summary.stored_from - 1, summary.chain_begin)

    # Checkpoints

    def _begin_checkpoint(self, summary: Summary, record: SaveCheckpoint) -> None:
        """Begin to write a checkpoint beside the present one.

        Write all of it now if the log does not lead to it, or if the last one is not whole yet.
        """
        is_late = self._growing is not None
        self._execute("DROP TABLE IF EXISTS next_checkpoint")  # An earlier start may have left it.
        self._execute(_table("next_checkpoint"))
        growing = self._growing = _GrowingCheckpoint(record, self._seed)
        if is_late or record.checkpoint.op_number > summary.commit_number:
            while not growing.is_whole:
                with self._transaction():
                    self._put_parts(growing, STEP_BYTES)

    def _grow_checkpoint(self, summary: Summary, growing: "_GrowingCheckpoint") -> Summary:
        """Write a turn's share of a checkpoint; if it is whole then, it counts from now on."""
        self._put_parts(growing, STEP_BYTES + growing.bytes_due)
        growing.bytes_due = 0
        return self._replace_checkpoint(summary, growing) if growing.is_whole else summary

    def _replace_checkpoint(self, summary: Summary, growing: "_GrowingCheckpoint") -> Summary:
        """Let the next checkpoint take the place of the present one, and the log below it go."""
        self._growing = None
        self._execute("DROP TABLE checkpoint")
        self._execute("ALTER TABLE next_checkpoint RENAME TO checkpoint")
        self._put_first("checkpoint", growing.head)
        summary = summary._replace(checkpoint_op_number=growing.record.checkpoint.op_number)
        return self._truncate(summary, growing.record.first_op_number)

    def _put_parts(self, growing: "_GrowingCheckpoint", bytes_max: int) -> None:
        """Write rows until they have so many bytes, or the checkpoint is whole."""
        while bytes_max > 0 and not growing.is_whole:
            number, text, checksum = growing.take_row()
            self._put("next_checkpoint", number, text, checksum)
            bytes_max -= len(text)

    def _put_first(self, table: str, content: tuple[object, ...]) -> None:
        """Write row 0, which has a checksum of its own."""
        text = orjson.dumps(content, default=object_of)
        self._put(table, 0, text, zlib.crc32(text, self._seed))

    def _put(self, table: str, number: int, text: bytes, checksum: int) -> None:
        self._execute(f"INSERT OR REPLACE INTO {table} VALUES (?, ?, ?)", (number, text, checksum))

    # Reading

    def read(self) -> DatabaseContents:
        """Return all that can be read. Raises only where the system fails."""
        content = self._get_first("summary")
        if content is None:
            return DatabaseContents()
        reading = _Reading(Summary(*content))
        for row in self._read("SELECT op_number, content, checksum FROM turns ORDER BY op_number"):
            if not reading.add(*row):
                break
        reading.end()
        summary = reading.summary
        return DatabaseContents(
            summary,
            self._read_checkpoint(summary),
            tuple(reading.entries[summary.first_op_number - summary.stored_from :]),
            frozenset(reading.damaged),
            list(self._read("PRAGMA quick_check(1)")) == [(b"ok",)],
        )

    def _read_checkpoint(self, summary: Summary) -> Checkpoint | None:
        """Return the summary's checkpoint; None if not all of it can be read."""
        head = self._get_first("checkpoint")
        if head is None or head[0] != summary.checkpoint_op_number:
            return None
        op_number, client_count, chain_end, *group = head
        if type(chain_end) is tuple:  # Format 1: the parts themselves.
            return Checkpoint(*head)
        parts: list[object] = []
        chain = self._seed
        for text, checksum in self._read(
            "SELECT content, checksum FROM checkpoint WHERE rowid > 0 ORDER BY rowid"
        ):
            if type(text) is not bytes or zlib.crc32(text, chain) != checksum:
                return None
            chain = checksum
            parts += _with_tuples(orjson.loads(text))
        if chain != chain_end:
            return None
        # Up to format 3 the founders were the members for ever.
        return Checkpoint(op_number, client_count, tuple(parts), *group)

    def _get_first(self, table: str) -> tuple[Any, ...] | None:
        rows = list(self._read(f"SELECT content, checksum FROM {table} WHERE rowid = 0"))
        for text, checksum in rows:
            if type(text) is bytes and zlib.crc32(text, self._seed) == checksum:
                content: tuple[Any, ...] = _with_tuples(orjson.loads(text))
                return content
        return None

    def _read(self, statement: str) -> Iterator[tuple[Any, ...]]:
        """Yield the rows of a query, up to where damage ends them."""
        try:
            yield from self._execute(statement)
        except ERRORS as error:
            if not is_damage(error):
                raise


class _Reading:
    """Turns row by row, and what the summary becomes by those after it."""

    def __init__(self, summary: Summary) -> None:
        self.summary = self._vouched = summary
        self.entries: list[Entry] = []
        self.damaged: set[int] = set()
        self._chain = summary.chain_begin
        self._check_chain()

    @property
    def _op_number(self) -> int:
        return self.summary.stored_from + len(self.entries) - 1

    def add(self, op_number: object, content: object, checksum: object) -> bool:
        """Read a row, and return whether the rows after it can be read, too."""
        if type(op_number) is not int or type(content) is not bytes or type(checksum) is not int:
            return False
        count = op_number - self._op_number
        if not 0 < count <= 1 + len(content) // _ENTRY_BYTES_MIN:
            return False
        if zlib.crc32(content, self._chain) == checksum:
            transaction, commit_number, entries = _with_tuples(orjson.loads(content))
            self.entries += entries
            if transaction > self.summary.transaction:
                self.summary = self.summary.committed_up_to(commit_number)._replace(
                    transaction=transaction, op_number=op_number, chain_end=checksum
                )
        else:
            self._miss(op_number)
        self._chain = checksum
        self._check_chain()
        return True

    def end(self) -> None:
        """There are no more rows."""
        self._miss(self._vouched.op_number)

    def _miss(self, op_number: int) -> None:
        """All up to there can't be read."""
        while self._op_number < op_number:
            self.entries.append(_UNREADABLE)
            self.damaged.add(self._op_number)
        self.summary = self.summary._replace(op_number=max(op_number, self.summary.op_number))

    def _check_chain(self) -> None:
        """The summary knows what the checksum was at the end of its log."""
        if self._op_number == self._vouched.op_number and self._chain != self._vouched.chain_end:
            self.damaged.add(self._op_number)


def _appends(summary: Summary, record: ReplaceLog) -> bool:
    return record.first_op_number == summary.op_number + 1 and bool(record.entries)


def _texts(parts: Sequence[object]) -> Iterator[bytes]:
    """Yield all parts in JSON, as many at a time as ``CHECKPOINT_ROW_BYTES`` allows."""
    start, count = 0, 1
    while start < len(parts):
        text = orjson.dumps(parts[start : start + count], default=object_of)
        if len(text) > CHECKPOINT_ROW_BYTES and count > 1:
            count //= 2
            continue
        yield text
        start += count
        if len(text) <= CHECKPOINT_ROW_BYTES // 2:
            count *= 2


def _with_tuples(value: Any) -> Any:
    """A JSON value with tuples in place of lists, and changes of the members in that of objects."""
    if type(value) is list:
        return tuple(map(_with_tuples, value))
    return change_of(value) if type(value) is dict else value
