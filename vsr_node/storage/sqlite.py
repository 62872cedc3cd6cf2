"""A storage in a folder of its own: a database, and a promise file beside it.

What is believed of them when they are opened again:

- The database is *whole* if its summary can be read, its transactions do not end below the
  promise file's mark, and all that was not flushed was written in the machine's present run: a
  process that is killed loses nothing that it wrote.
- The *view* is known if the database is whole; or if the promise file's promises are, and were
  flushed or written in the machine's present run. Otherwise the replica stays out, since nobody
  knows what it promised.
- What becomes of the rest, ``trust`` decides.

A journal that is not taken as it stands is written anew, into another database. That one counts
from the moment in which the promise file names it.
"""

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from vsr_node.core.messages import Checkpoint, DurableState, Record

from . import promise_file
from .database import ERRORS, SUFFIX, Contents, Database, Summary, is_damage, path_of
from .files import Lock, flush_folder, make_private_folder
from .promise_file import Flush, Header, Mark, Promise, PromiseFile
from .protocol import StorageError, assert_legal, may_wait
from .trust import Found, believable

_FAILURES = (*ERRORS, OSError, StorageError)


class SqliteStorage:
    """The journal of replica ``node`` of the group ``members``, in ``folder``.

    ``boot_id`` is that of the machine's present run, empty if that is not known. ``message_id``
    tells the highest message id so far; it is recorded with each save. One process at a time has
    the folder: the second gets a StorageError, as does whoever finds the journal of another
    replica there, or one of a newer format.
    """

    def __init__(
        self,
        folder: Path,
        node: str,
        members: tuple[str, ...],
        *,
        flush: Flush,
        boot_id: str,
        message_id: Callable[[], int] = lambda: 0,
    ) -> None:
        self._folder = folder
        self._node = node
        self._members = members
        self._flush = flush
        self.waits_for_disk = flush is Flush.EVERYTHING
        self._boot_id = boot_id
        self._message_id = message_id
        self._database: Database
        self._promise_file: PromiseFile
        self._summary: Summary
        self._commit_number_waits = False
        self._resources = ExitStack()
        with self._failing_for_good():
            make_private_folder(folder)
            self._lock = Lock(folder)
            self._resources.callback(self._lock.close)
            self._known = promise_file.read(folder)
            if self._known is not None:
                self._check_identity(self._known.header)

    @property
    def recorded_message_id(self) -> int:
        """The highest message id that an earlier incarnation recorded."""
        return 0 if self._known is None else self._known.mark.message_id

    def discard(self) -> None:
        """Makes this the journal of a new replica. Only before ``load``."""
        with self._failing_for_good():
            header = self._header("", is_new=True)
            PromiseFile(self._folder, header, Promise(), Mark()).close()
        self._known = promise_file.Contents(header)

    # Storage

    def load(self) -> DurableState:
        """What may be believed of what stands here; nothing else does afterwards. Called once."""
        with self._failing_for_good():
            if self._flush is not Flush.NOTHING:
                # An earlier incarnation may have flushed less than this one relies on.
                flush_folder(self._folder)
            state = self._take_up()
            self._remove_databases_but(self._database.path.name)
        return state

    def save(self, records: Sequence[Record]) -> None:
        """Makes ``records`` durable in one transaction; commit numbers alone wait for the next."""
        if may_wait(records):
            for record in records:
                assert_legal(record, self._summary)
                self._summary = self._summary.committed_up_to(record.commit_number)
            self._commit_number_waits = True
            return
        try:
            self._write(records)
            self._lock.check()
        except _FAILURES as error:
            raise self._failed(error) from error

    def close(self) -> None:
        """Lets go of the folder; nothing that was saved is lost."""
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

    def _take_up(self) -> DurableState:
        if self._known is None:
            if any(self._folder.glob(f"*{SUFFIX}")):
                raise self._stays_out("the promise file is missing")
            self.discard()
        known = self._known
        assert known is not None
        # An incarnation may have ended before it could remove what it had replaced or begun.
        self._remove_databases_but(path_of(self._folder, known.header.journal).name)
        if known.header.is_new:
            return self._write_anew(DurableState(), message_id=0)
        message_id = known.mark.message_id
        database, contents = self._open_database(known.header.journal)
        summary = contents.summary
        state = self._believable(known, contents)
        if database is None:
            return self._write_anew(state, message_id)
        if state.is_recovering or state.first_op_number != summary.first_op_number:
            database.close()
            return self._write_anew(state, message_id)
        self._use(database, summary, message_id)
        return state

    def _believable(self, known: promise_file.Contents, contents: Contents) -> DurableState:
        summary, header = contents.summary, known.header
        is_same_run = bool(self._boot_id) and header.boot_id == self._boot_id
        is_whole = (
            known.mark_is_whole
            and known.mark.transaction <= summary.transaction
            and (header.flush is Flush.EVERYTHING or is_same_run)
        )
        promise_is_sure = known.promise_is_whole and (header.flush is Flush.PROMISES or is_same_run)
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

    def _stays_out(self, why: str) -> StorageError:
        return StorageError(
            f"{self._folder}: {why}, so nobody knows what this replica promised; it stays out"
        )

    def _open_database(self, journal: str) -> tuple[Database | None, Contents]:
        path = path_of(self._folder, journal)
        try:
            # SQLite would make a new file, and calls it damage when it may not read this one.
            os.close(os.open(path, os.O_RDWR | os.O_CLOEXEC))
        except FileNotFoundError:
            return None, Contents()
        try:
            database = Database(path, is_flushed=self._flush is Flush.EVERYTHING)
            return database, database.read()
        except ERRORS as error:
            if not is_damage(error):
                raise
            return None, Contents()

    # What counts from now on

    def _write_anew(self, state: DurableState, message_id: int) -> DurableState:
        path = path_of(self._folder, os.urandom(8).hex())
        database = Database(path, is_flushed=self._flush is Flush.EVERYTHING)
        self._use(database, database.fill(state), message_id)
        return state

    def _use(self, database: Database, summary: Summary, message_id: int) -> None:
        self._database, self._summary = database, summary
        self._resources.callback(database.close)
        header = self._header(database.path.stem, is_new=False)
        mark = Mark(summary.transaction, message_id)
        self._promise_file = PromiseFile(self._folder, header, _promise_of(summary), mark)
        self._resources.callback(self._promise_file.close)

    def _remove_databases_but(self, name: str) -> None:
        for path in self._folder.glob(f"*{SUFFIX}*"):
            if not path.name.startswith(name):
                path.unlink()

    def _header(self, journal: str, *, is_new: bool) -> Header:
        return Header(self._node, self._members, journal, self._flush, self._boot_id, is_new)

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
