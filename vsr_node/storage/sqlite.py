"""A storage in a folder of its own: a database, and a promise file beside it.

What is believed of them when they are opened again:

- The database is *whole* if its summary can be read and it has lost no transaction at its end
  (``_is_whole``).
- The *view* is known if the database is whole; or if the promise file's promises are, and were
  flushed or written in the machine's present run. Otherwise the replica stays out, since nobody
  knows what it promised.
- What becomes of the rest, ``trust`` decides.

Only what was read and is wrong counts as damage. Where the system refuses to open, read or write
something, the start fails, and all files stay as they are.

A journal that is not taken as it stands is written anew, into another database. That one counts
from the moment in which the promise file names it. The old one is then moved to the folder
``set-aside``, and nothing here deletes it: only the user knows whether somebody wants it.
"""

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from vsr_node.core.messages import Checkpoint, DurableState, Record

from . import promise_file
from .database import ERRORS, SUFFIX, Database, DatabaseContents, Summary, is_damage, path_of
from .files import (
    LOCK_NAME,
    Lock,
    Watch,
    flush_folder,
    flush_names_above,
    make_private_folder,
    read_through,
    set_aside,
)
from .promise_file import Flush, Header, Mark, Promise, PromiseFile
from .protocol import StorageError, assert_legal, may_wait
from .trust import Found, believable

SET_ASIDE = "set-aside"

_FAILURES = (*ERRORS, OSError, StorageError)


class SqliteStorage:
    """The journal of replica ``node`` of the group ``members``, in ``folder``.

    ``founders`` are those of them with which the group began; None stands for all.
    ``boot_id`` is that of the machine's present run, empty if that is not known. ``message_id``
    tells the highest message id so far; it is recorded with each save. ``log`` takes lines for
    people. One process at a time has the folder: the second gets a StorageError, as does whoever
    finds the journal of another replica there, or one of a newer format.
    """

    def __init__(
        self,
        folder: Path,
        node: str,
        members: tuple[str, ...],
        *,
        flush: Flush,
        boot_id: str,
        founders: tuple[str, ...] | None = None,
        message_id: Callable[[], int] = lambda: 0,
        log: Callable[[str], None] = lambda _: None,
    ) -> None:
        self._folder = folder
        self._node = node
        self._members = members
        self._founders = members if founders is None else founders
        self._flush = flush
        self.waits_for_disk = flush is Flush.EVERYTHING
        self._boot_id = boot_id
        self._message_id = message_id
        self._log = log
        self._watch: Watch
        self._database: Database
        self._promise_file: PromiseFile
        self._summary: Summary
        self._commit_number_waits = False
        self._resources = ExitStack()
        with self._failing_for_good():
            make_private_folder(folder)
            self._resources.callback(Lock(folder).close)
            self._known = promise_file.read(folder)
            if self._known is not None:
                self._check_identity(self._known.header)

    @property
    def recorded_message_id(self) -> int:
        """The highest message id that an earlier incarnation recorded."""
        return 0 if self._known is None else self._known.mark.message_id

    def discard(self) -> None:
        """Make this the journal of a new replica. Only before ``load``."""
        with self._failing_for_good():
            header = self._header("", is_new=True)
            PromiseFile(self._folder, header, Promise(), Mark()).close()
        self._known = promise_file.Promises(header)

    # Storage

    def load(self) -> DurableState:
        """Return the state that may be trusted, and keep nothing else. Called once."""
        with self._failing_for_good():
            if self._flush is not Flush.NOTHING:
                # An earlier incarnation may have flushed less than this one relies on, or have
                # ended just after it made the folders.
                flush_folder(self._folder)
                flush_names_above(self._folder)
            return self._take_up()

    def save(self, records: Sequence[Record]) -> None:
        """Make ``records`` durable in one transaction; commit numbers alone wait for the next."""
        if may_wait(records):
            for record in records:
                assert_legal(record, self._summary)
                self._summary = self._summary.committed_up_to(record.commit_number)
            self._commit_number_waits = True
            return
        try:
            self._write(records)
            self._watch.check()
        except _FAILURES as error:
            raise self._failed(error) from error

    def close(self) -> None:
        """Release the folder; nothing that was saved is lost."""
        if self._commit_number_waits:
            with suppress(*ERRORS, OSError):
                self._write(())
        self._let_go()

    def _write(self, records: Sequence[Record]) -> None:
        """The database first, so that the promise file never promises more than that holds."""
        promise = _promise_of(self._summary)
        summary = self._summary = self._database.save(self._summary, records)
        self._commit_number_waits = False
        is_promise = _promise_of(summary) != promise
        if is_promise:
            self._promise_file.write_promise(_promise_of(summary))
        self._promise_file.write_mark(Mark(summary.transaction, self._message_id()))
        if is_promise and self._flush is Flush.PROMISES:
            self._promise_file.flush()

    def _let_go(self) -> None:
        self._commit_number_waits = False
        self._resources.close()

    # What was found

    def _check_identity(self, header: Header) -> None:
        if (header.node, header.members) != (self._node, self._members):
            raise StorageError(
                f"{self._folder} is the journal of {header.node} in the group of "
                f"{', '.join(header.members)}, not of {self._node} in {', '.join(self._members)}"
            )
        if header.founders != self._founders:
            raise StorageError(
                f"{self._folder} is the journal of a group that "
                f"{', '.join(header.founders)} founded, not {', '.join(self._founders)}"
            )

    def _take_up(self) -> DurableState:
        if self._known is None:
            if self._files_of_databases():
                raise self._stays_out("the promise file is missing")
            self.discard()
        known = self._known
        assert known is not None
        if known.header.is_new:
            for path in self._files_of_databases():
                path.unlink()  # It was discarded, or begun and never counted.
            return self._write_anew(DurableState(), message_id=0)
        # An incarnation may have ended before it could move what it had replaced.
        self._set_aside_all_but(known.header.journal)
        message_id = known.mark.message_id
        database, contents = self._open_database(known.header.journal)
        state = self._believable(known, contents)
        if database is not None and contents.says(state):
            self._use(database, contents.summary, message_id)
            return state
        if database is not None:
            database.close()
        self._copy_promise_file(known.header.journal)
        state = self._write_anew(state, message_id)
        self._set_aside_all_but(self._database.path.stem)
        return state

    def _believable(self, known: promise_file.Promises, contents: DatabaseContents) -> DurableState:
        summary, header = contents.summary, known.header
        is_whole = self._is_whole(known, summary)
        promise_is_sure = known.promise_is_whole and (
            header.flush is Flush.PROMISES or self._is_of_this_run(header)
        )
        if not is_whole and not promise_is_sure:
            raise self._stays_out("the journal is damaged")
        view_number, last_normal_view = max(known.promise, _promise_of(summary))
        checkpoint = contents.checkpoint
        return believable(
            Found(
                view_number=view_number,
                last_normal_view=last_normal_view,
                commit_number=summary.commit_number,
                checkpoint=checkpoint or Checkpoint(),
                checkpoint_is_damaged=checkpoint is None,
                first_op_number=summary.first_op_number,
                entries=contents.entries,
                damaged=contents.damaged,
                is_whole=is_whole and contents.is_sound,
                was_recovering=summary.is_recovering,
            )
        )

    def _is_whole(self, known: promise_file.Promises, summary: Summary) -> bool:
        """Return whether the database has lost no transaction at its end.

        The mark is written after each transaction, so every mark that was ever true is a lower
        bound: a database that ends below one has lost something.

        In the machine's present run the files are as processes wrote them. A process that is
        killed leaves the marks of its last two writes, so anything else is damage. A damaged place
        may hide the newest mark, and with it that the database lost its last transaction.

        After another run, power may have failed. Where not everything was flushed, the database
        may have lost anything. Where it was, each transaction was durable before its mark was
        written, but the mark itself is never flushed while turns go on: its two places may be of
        any age, each by itself. So the age of a place tells nothing about the database. The newer
        one is still a lower bound, and no transaction above it can be missing, as power took none.
        Both places were flushed at the last start; if neither can be read, that is damage.
        """
        if known.mark.transaction > summary.transaction:
            return False
        if self._is_of_this_run(known.header):
            return known.mark_is_whole
        return known.header.flush is Flush.EVERYTHING and known.mark_is_known

    def _is_of_this_run(self, header: Header) -> bool:
        return bool(self._boot_id) and header.boot_id == self._boot_id

    def _stays_out(self, why: str) -> StorageError:
        return StorageError(
            f"{self._folder}: {why}, so nobody knows what this replica promised; it stays out"
        )

    def _open_database(self, journal: str) -> tuple[Database | None, DatabaseContents]:
        """Return None in place of a database that is missing, or that SQLite does not take as one.

        SQLite reports a page that the system does not read as damage, too. So its verdict counts
        only if the system reads all that there is, and the verdict stays the same.
        """
        path = path_of(self._folder, journal)
        try:
            # SQLite would make a new file in place of one that is missing.
            os.close(os.open(path, os.O_RDWR | os.O_CLOEXEC))
        except FileNotFoundError:
            return None, DatabaseContents()
        database, contents = self._read_database(path)
        if not contents.is_flawless:
            if database is not None:
                database.close()
            for each in self._files_of_databases():
                read_through(each)
            database, contents = self._read_database(path)
        return database, contents

    def _read_database(self, path: Path) -> tuple[Database | None, DatabaseContents]:
        try:
            database = self._database_at(path)
            return database, database.read()
        except ERRORS as error:
            if not is_damage(error):
                raise
            return None, DatabaseContents()

    def _database_at(self, path: Path) -> Database:
        database = Database(path, is_flushed=self._flush is Flush.EVERYTHING)
        self._resources.callback(database.close)
        return database

    # What counts from now on

    def _write_anew(self, state: DurableState, message_id: int) -> DurableState:
        path = path_of(self._folder, os.urandom(8).hex())
        database = self._database_at(path)
        self._use(database, database.fill(state), message_id)
        return state

    def _use(self, database: Database, summary: Summary, message_id: int) -> None:
        self._database, self._summary = database, summary
        header = self._header(database.path.stem, is_new=False)
        mark = Mark(summary.transaction, message_id)
        self._promise_file = PromiseFile(self._folder, header, _promise_of(summary), mark)
        self._resources.callback(self._promise_file.close)
        names = (LOCK_NAME, promise_file.NAME, database.path.name, database.log_path.name)
        self._watch = Watch(self._folder, [self._folder / name for name in names])

    def _files_of_databases(self) -> list[Path]:
        """Return them in a fixed order. Unlike ``glob``, raises what the system refuses."""
        return sorted(path for path in self._folder.iterdir() if SUFFIX in path.name)

    def _copy_promise_file(self, journal: str) -> None:
        """Keep what the promise file said of a journal that is about to be replaced."""
        aside = self._folder / SET_ASIDE
        aside.mkdir(mode=0o700, exist_ok=True)
        content = (self._folder / promise_file.NAME).read_bytes()
        (aside / f"{journal}.{promise_file.NAME}").write_bytes(content)

    def _set_aside_all_but(self, journal: str) -> None:
        paths = [
            path for path in self._files_of_databases() if path.name.split(SUFFIX)[0] != journal
        ]
        if paths:
            aside = self._folder / SET_ASIDE
            set_aside(paths, aside)
            names = ", ".join(path.name for path in paths)
            self._log(f"what can't be trusted is kept in {aside}: {names}")

    def _header(self, journal: str, *, is_new: bool) -> Header:
        return Header(
            self._node,
            self._members,
            journal,
            self._flush,
            self._boot_id,
            is_new,
            self._founders,
        )

    @contextmanager
    def _failing_for_good(self) -> Iterator[None]:
        try:
            yield
        except _FAILURES as error:
            raise self._failed(error) from error

    def _failed(self, error: Exception) -> StorageError:
        """After an error nothing can be saved any more: it would stand there without this turn."""
        self._let_go()
        if isinstance(error, StorageError):
            return error
        return StorageError(f"{self._folder}: {error}")


def _promise_of(summary: Summary) -> Promise:
    return Promise(summary.view_number, summary.last_normal_view)
