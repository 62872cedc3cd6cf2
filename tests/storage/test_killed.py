"""Processes that end at any instant: what they told is there afterwards."""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from functools import partial
from itertools import count, islice
from pathlib import Path
from random import Random
from typing import Any

import pytest

from tests.storage.damage import (
    RECOVERS,
    WHOLE,
    Journal,
    life,
    loaded,
    log_of,
    nothing,
    opened,
)
from vsr_node.core.messages import DurableState
from vsr_node.storage.memory import MemoryStorage
from vsr_node.storage.promise_file import Flush

# What changes files; a process is ended before the first of these calls, the second, ...
STEPS = frozenset(
    (
        *("open", "pwrite", "mkdir", "flock", "fsync", "fdatasync", "rename", "replace", "unlink"),
        *("connect", "execute", "executemany", "rollback", "close"),
    )
)

FINISHED, ENDED = 0, 9


def ended_at_each_step(
    folder: Path, source: Path | None, action: Callable[[Path], object]
) -> Iterator[Path]:
    """Begin `action` in a process that ends before step 0, then in one that ends before 1, ...

    Each has a copy of `source`, or nothing, to begin with. Yields what it left.
    """
    for step in count():
        copy = folder / f"step {step}"
        if source is not None:
            shutil.copytree(source, copy)
        process_id = os.fork()
        if process_id == 0:
            _end_before(step, partial(action, copy))
        _, status = os.waitpid(process_id, 0)
        code = os.waitstatus_to_exitcode(status)
        assert code in (FINISHED, ENDED), "it failed by itself"
        if code == FINISHED:
            return
        yield copy


def _end_before(step: int, action: Callable[[], object]) -> None:
    steps = count()

    def profile(_frame: object, event: str, function: Any) -> None:
        if event == "c_call" and function.__name__ in STEPS and next(steps) == step:
            os._exit(ENDED)

    code = 1
    try:
        sys.setprofile(profile)
        action()
        sys.setprofile(None)
        code = FINISHED
    finally:
        os._exit(code)


@pytest.mark.parametrize("flush", Flush)
def test_a_new_journal_is_new_wherever_its_making_ends(tmp_path: Path, flush: Flush) -> None:
    left = list(ended_at_each_step(tmp_path, None, partial(loaded, flush=flush)))
    assert len(left) > 20
    for folder in left:
        assert loaded(folder, flush) == DurableState(), folder.name


@pytest.mark.parametrize("flush", Flush)
def test_a_damaged_journal_is_never_trusted_wherever_its_mending_ends(
    tmp_path: Path, flush: Flush
) -> None:
    journal = Journal.lived(tmp_path, 30, is_killed=True, flush=flush)
    log_of(journal.folder).unlink()
    left = list(ended_at_each_step(tmp_path, journal.folder, partial(loaded, flush=flush)))
    assert len(left) > 20
    for folder in left:
        assert journal._replace(folder=folder).outcome(nothing) == RECOVERS, folder.name


@pytest.mark.parametrize("flush", Flush)
def test_a_whole_journal_stays_whole_wherever_a_start_ends(tmp_path: Path, flush: Flush) -> None:
    journal = Journal.lived(tmp_path, 30, is_killed=True, flush=flush)
    left = list(ended_at_each_step(tmp_path, journal.folder, partial(loaded, flush=flush)))
    assert len(left) > 20
    for folder in left:
        assert journal._replace(folder=folder).outcome(nothing) == WHOLE, folder.name


def test_a_journal_is_discarded_wholly_or_not_at_all(tmp_path: Path) -> None:
    def discard(folder: Path) -> None:
        storage = opened(folder)
        storage.discard()
        storage.load()
        storage.close()

    journal = Journal.lived(tmp_path, 30, is_killed=True)
    left = ended_at_each_step(tmp_path, journal.folder, discard)
    found = [loaded(folder) for folder in left]
    kept = [state for state in found if state == journal.states[-1]]
    assert kept
    assert len(found) > len(kept)
    assert found == kept + [DurableState()] * (len(found) - len(kept))


@pytest.mark.parametrize("flush", Flush)
def test_what_save_returned_for_survives_kill_9(tmp_path: Path, flush: Flush) -> None:
    random = Random(flush.value)
    told = 0
    for _ in range(8):
        told = _saved_until_killed(tmp_path / "journal", flush, told, random.randrange(1, 80))
        model = MemoryStorage()
        for records in islice(life(sys.maxsize), told):
            model.save(records)
        state = loaded(tmp_path / "journal", flush)
        if state != model.load():
            # What was being saved is there, too.
            told += 1
            model.save(next(islice(life(sys.maxsize), told - 1, None)))
        assert state == model.load()


def _saved_until_killed(folder: Path, flush: Flush, done: int, wanted: int) -> int:
    """Go on with the life after `done` turns, kill it after `wanted` more; return what it told."""
    command = (sys.executable, "-m", "tests.storage.endless")
    with subprocess.Popen(
        [*command, str(folder), flush.value, str(done)],
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        lines = [process.stdout.readline() for _ in range(wanted)]
        # It goes on saving meanwhile, so this hits it anywhere.
        process.send_signal(signal.SIGKILL)
        lines += process.stdout.readlines()
    assert process.returncode == -signal.SIGKILL
    return int(lines[-1])
