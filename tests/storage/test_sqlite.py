"""What is peculiar to the storage in a folder: whose it is, and what the system refuses."""

import os
import resource
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path

import pytest

from tests.storage.damage import (
    BOOT,
    MEMBERS,
    NODE,
    database_of,
    entry,
    life,
    loaded,
    log_of,
    nothing,
    opened,
    promise_of,
    removed,
)
from vsr_node.core.messages import (
    Checkpoint,
    Declined,
    DurableState,
    Reconfiguration,
    Record,
    ReplaceLog,
    SaveCheckpoint,
    SetCommit,
    SetView,
)
from vsr_node.storage import promise_file
from vsr_node.storage.files import LOCK_NAME, Lock
from vsr_node.storage.promise_file import Flush
from vsr_node.storage.protocol import StorageError
from vsr_node.storage.sqlite import SqliteStorage

ONE_ENTRY: list[Record] = [ReplaceLog(1, (entry(1),))]


@pytest.fixture
def storage(tmp_path: Path) -> Iterator[SqliteStorage]:
    """A new one in tmp_path / "journal"."""
    storage = opened(tmp_path / "journal")
    storage.load()
    yield storage
    storage.close()


@pytest.mark.parametrize(
    ("node", "members"),
    [("n1", MEMBERS), (NODE, ("n0", "n1")), (NODE, ("n1", "n0", "n2"))],
)
def test_the_journal_of_another_replica_is_refused(
    storage: SqliteStorage, tmp_path: Path, node: str, members: tuple[str, ...]
) -> None:
    storage.close()
    with pytest.raises(StorageError, match="is the journal of n0 in the group of n0, n1, n2, not"):
        SqliteStorage(tmp_path / "journal", node, members, flush=Flush.NOTHING, boot_id=BOOT)
    # And it is left as it was.
    assert loaded(tmp_path / "journal") == DurableState()


def test_a_newer_format_is_refused(
    storage: SqliteStorage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    storage.close()
    monkeypatch.setattr(promise_file, "FORMAT", promise_file.FORMAT - 1)
    with pytest.raises(StorageError, match="newer format"):
        opened(tmp_path / "journal")


def test_a_second_one_on_the_same_folder_is_refused(storage: SqliteStorage, tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="in use by another process"):
        Lock(tmp_path / "journal", patience_s=0)
    storage.close()
    Lock(tmp_path / "journal", patience_s=0).close()


def test_a_predecessor_that_is_ending_is_waited_for(tmp_path: Path) -> None:
    tmp_path.joinpath("journal").mkdir(mode=0o700)
    program = (
        "import sys; from pathlib import Path; from vsr_node.storage.files import Lock\n"
        "Lock(Path(sys.argv[1])); print(flush=True); sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program, str(tmp_path / "journal")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as holder:
        assert holder.stdout is not None
        holder.stdout.readline()
        holder.kill()  # It is not awaited here.
        loaded(tmp_path / "journal")


@pytest.mark.parametrize("mode", [0o770, 0o707, 0o777])
def test_a_folder_that_others_may_write_is_refused(tmp_path: Path, mode: int) -> None:
    folder = tmp_path / "journal"
    folder.mkdir()
    folder.chmod(mode)
    with pytest.raises(StorageError, match="can be written by other users"):
        opened(folder)


def test_a_folder_of_another_user_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    user = os.geteuid()
    monkeypatch.setattr(os, "geteuid", lambda: user + 1)
    with pytest.raises(StorageError, match="belongs to another user"):
        opened(tmp_path / "journal")


def test_a_link_or_a_file_in_the_folders_place_is_refused(tmp_path: Path) -> None:
    (tmp_path / "target").mkdir(mode=0o700)
    (tmp_path / "link").symlink_to("target")
    (tmp_path / "file").touch()
    for name in ("link", "file"):
        with pytest.raises(StorageError):
            opened(tmp_path / name)


def remove(folder: Path) -> None:
    shutil.rmtree(folder)


def move(folder: Path) -> None:
    folder.rename(folder.with_name(f"{folder.name}-elsewhere"))


def replace_by_a_copy(folder: Path) -> None:
    move(folder)
    shutil.copytree(folder.with_name(f"{folder.name}-elsewhere"), folder)


def replace_by_itself(file: Path) -> None:
    """Put the same content there, in another file."""
    content = file.read_bytes()
    move(file)
    file.write_bytes(content)


def lock_of(folder: Path) -> Path:
    return folder / LOCK_NAME


NOTHING = Flush.NOTHING


@pytest.mark.parametrize("lose", [remove, move, replace_by_a_copy])
def test_a_folder_that_is_gone_is_noticed(
    storage: SqliteStorage, tmp_path: Path, lose: Callable[[Path], None]
) -> None:
    storage.save(ONE_ENTRY)
    lose(tmp_path / "journal")
    with pytest.raises(StorageError, match=r"No such file|not the file any more"):
        storage.save([ReplaceLog(2, (entry(2),))])


@pytest.mark.parametrize("file", [database_of, log_of, promise_of, lock_of])
@pytest.mark.parametrize("lose", [Path.unlink, move, replace_by_itself])
@pytest.mark.parametrize("is_settled", [True, False])
def test_a_file_that_is_gone_is_noticed_at_the_next_save(
    storage: SqliteStorage,
    tmp_path: Path,
    file: Callable[[Path], Path],
    lose: Callable[[Path], None],
    is_settled: bool,
) -> None:
    if is_settled:
        time.sleep(0.12)  # So long after the start nothing but the folder's time is looked at.
    storage.save(ONE_ENTRY)
    lose(file(tmp_path / "journal"))
    with pytest.raises(StorageError, match=r"No such file|not the file any more"):
        storage.save([ReplaceLog(2, (entry(2),))])


def test_other_files_in_the_folder_do_no_harm(storage: SqliteStorage, tmp_path: Path) -> None:
    for number in range(1, 5):
        (tmp_path / "journal" / f"{number}.txt").touch()
        storage.save([ReplaceLog(number, (entry(number),))])
        time.sleep(0.04)


def test_a_save_looks_at_the_folder_only(
    storage: SqliteStorage, monkeypatch: pytest.MonkeyPatch
) -> None:
    storage.save(ONE_ENTRY)
    time.sleep(0.12)
    storage.save([ReplaceLog(2, (entry(2),))])
    looks = []
    really_stat = os.stat

    def stat(path: str) -> os.stat_result:
        looks.append(path)
        return really_stat(path)

    monkeypatch.setattr(os, "stat", stat)
    storage.save([ReplaceLog(3, (entry(3),))])
    assert len(looks) == 1


@pytest.mark.parametrize(("flush", "is_flushed"), [(each, each is not NOTHING) for each in Flush])
def test_the_names_of_all_folders_that_may_be_new_are_flushed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, flush: Flush, is_flushed: bool
) -> None:
    flushed = set()
    really_fsync = os.fsync

    def fsync(descriptor: int) -> None:
        flushed.add(Path(f"/proc/self/fd/{descriptor}").readlink())
        really_fsync(descriptor)

    monkeypatch.setattr(os, "fsync", fsync)
    loaded(tmp_path / "a" / "b" / "journal", flush)
    above = {tmp_path, tmp_path / "a", tmp_path / "a" / "b", tmp_path / "a" / "b" / "journal"}
    assert (above <= flushed) is is_flushed


@contextmanager
def file_size_limit(size: int) -> Iterator[None]:
    """No file may become larger, as on a disk that is full."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_full_disk_ends_in_an_error_and_loses_nothing_that_was_told(
    storage: SqliteStorage, tmp_path: Path
) -> None:
    told = []

    def save_for_ever() -> None:
        for number in count(1):
            storage.save([ReplaceLog(number, (entry(number, "x" * 100),))])
            told.append(entry(number, "x" * 100))

    with file_size_limit(100_000), pytest.raises(StorageError, match=r"full|I/O|large"):
        save_for_ever()
    assert len(told) > 1
    # There would be room again, but the turn that failed is missing.
    with pytest.raises(StorageError):
        storage.save([ReplaceLog(len(told) + 1, (entry(1),))])
    storage.close()
    state = loaded(tmp_path / "journal")
    assert (state.is_recovering, state.entries) == (False, tuple(told))


def test_a_full_disk_at_the_start_is_told(tmp_path: Path) -> None:
    with file_size_limit(10_000), pytest.raises(StorageError):
        loaded(tmp_path / "journal")
    assert loaded(tmp_path / "journal") == DurableState()


def test_a_database_that_may_not_be_read_is_left_alone(
    storage: SqliteStorage, tmp_path: Path
) -> None:
    storage.save(ONE_ENTRY)
    storage.close()
    database = database_of(tmp_path / "journal")
    database.rename(tmp_path / "kept")
    database.mkdir()  # What not even root may open as a file.
    with pytest.raises(StorageError):
        loaded(tmp_path / "journal")
    database.rmdir()
    (tmp_path / "kept").rename(database)
    assert loaded(tmp_path / "journal").entries == (entry(1),)


def test_a_commit_number_by_itself_is_written_with_the_next_turn_or_at_the_end(
    storage: SqliteStorage, tmp_path: Path
) -> None:
    journal = tmp_path / "journal"
    storage.save(ONE_ENTRY)
    storage.save([SetCommit(1)])
    shutil.copytree(journal, tmp_path / "killed")
    assert loaded(tmp_path / "killed").commit_number == 0
    storage.save([SaveCheckpoint(Checkpoint(1, 0, ()), 1)])
    shutil.copytree(journal, tmp_path / "killed later")
    assert loaded(tmp_path / "killed later").commit_number == 1
    storage.save([ReplaceLog(2, (entry(2),))])
    storage.save([SetCommit(2)])
    storage.close()
    assert loaded(journal).commit_number == 2


def test_message_ids_are_recorded_with_each_save(tmp_path: Path) -> None:
    ids = iter((7, 9, 12))
    storage = SqliteStorage(
        *(tmp_path / "journal", NODE, MEMBERS),
        flush=Flush.NOTHING,
        boot_id=BOOT,
        message_id=lambda: next(ids),
    )
    recorded = [storage.recorded_message_id]
    storage.load()
    storage.save(ONE_ENTRY)
    storage.save([SetView(1, 0)])
    storage.close()
    # What is loaded is mended first, the second time: the id outlives that, too.
    for damage in (nothing, removed(database_of), nothing):
        damage(tmp_path / "journal")
        storage = opened(tmp_path / "journal")
        recorded.append(storage.recorded_message_id)
        storage.load()
        storage.close()
    assert recorded == [0, 9, 9, 9]


def test_a_discarded_journal_is_that_of_a_new_replica(
    storage: SqliteStorage, tmp_path: Path
) -> None:
    storage.save(ONE_ENTRY)
    storage.close()
    storage = opened(tmp_path / "journal")
    storage.discard()
    assert (storage.recorded_message_id, storage.load()) == (0, DurableState())
    database_of(tmp_path / "journal")  # There is no other one any more.
    storage.close()


def test_the_folder_stays_small_however_long_it_is_written_to(tmp_path: Path) -> None:
    storage = opened(tmp_path / "journal")
    storage.load()
    sizes = []
    for turn, records in enumerate(life(4_000), 1):
        storage.save(records)
        if turn % 1_000 == 0:
            files = (tmp_path / "journal").iterdir()
            sizes.append(sum(file.stat().st_size for file in files))
    storage.close()
    assert sizes[-1] <= 1.1 * sizes[1]


SAVES = """
import os, sys
from pathlib import Path
from tests.storage.damage import entry, opened
from vsr_node.core.messages import ReplaceLog, SetView
from vsr_node.storage.promise_file import Flush

storage = opened(Path(sys.argv[1]), Flush(sys.argv[2]))
storage.load()
os.kill(os.getpid(), 0)
for number in range(1, 11):
    storage.save([ReplaceLog(number, (entry(number),))])
os.kill(os.getpid(), 0)
storage.save([SetView(1, 1), ReplaceLog(11, (entry(11),))])
os.kill(os.getpid(), 0)
"""


@pytest.mark.skipif(not shutil.which("strace"), reason="strace is not installed")
@pytest.mark.parametrize(
    ("flush", "syncs"),
    [(Flush.EVERYTHING, [10, 1]), (Flush.PROMISES, [0, 1]), (Flush.NOTHING, [0, 0])],
)
def test_a_save_syncs_once_at_most(tmp_path: Path, flush: Flush, syncs: list[int]) -> None:
    trace = tmp_path / "trace"
    program = [sys.executable, "-c", SAVES, str(tmp_path / "journal"), flush.value]
    subprocess.run(
        ["strace", "-o", str(trace), "-e", "trace=fsync,fdatasync,kill", *program], check=True
    )
    parts = "".join(line[0] for line in trace.read_text().splitlines()).split("k")
    assert [len(part) for part in parts[1:3]] == syncs


def test_a_journal_of_another_groups_founders_is_refused(tmp_path: Path) -> None:
    def journal(*founders: str) -> SqliteStorage:
        return SqliteStorage(
            tmp_path,
            "n0",
            ("n0", "n1", "n2"),
            flush=Flush.PROMISES,
            boot_id="b",
            founders=founders,
        )

    first = journal("n0", "n1")
    first.load()
    first.close()
    journal("n0", "n1").close()
    with pytest.raises(StorageError, match="n0, n1 founded, not n0"):
        journal("n0")


def test_changes_of_the_members_come_back_from_the_journal(tmp_path: Path) -> None:
    def journal() -> SqliteStorage:
        return SqliteStorage(
            tmp_path, "n0", ("n0", "n1"), flush=Flush.PROMISES, boot_id="b", founders=("n0",)
        )

    change = Reconfiguration(1, ("n0", "n1"))
    declined = Declined("not-possible", "why")
    client = ("admin", -1, ((1, change, 7), (2, declined, 8)))
    storage = journal()
    storage.load()
    entries = (("admin", 1, change), ("admin", 2, declined))
    checkpoint = Checkpoint(1, 1, (client,), 1, ("n0", "n1"))
    storage.save([ReplaceLog(1, entries), SetView(1 << 32, 0), SetCommit(2)])
    storage.save([SaveCheckpoint(checkpoint, 2)])
    storage.close()
    state = journal().load()
    assert state.checkpoint == checkpoint
    assert type(state.entries[0][2]) is Declined
    assert state.entries == entries[1:]
    assert state.view_number == 1 << 32
