"""Takes, saves and loads checkpoints of large states: how long a turn stands still for that.

Each state is keys with values of 1,000 bytes, as a replica of a group of one has it. One process
takes the checkpoint and saves it, flushed, in turns that log an entry each; another one loads it
and makes the machine from it. The second must find what the first one had.
"""

import argparse
import os
import resource
import sys
import tempfile
import time
import traceback
from collections.abc import Callable
from contextlib import closing
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import orjson

from vsr_node.core.messages import Checkpoint, ReplaceLog, SaveCheckpoint, SetCommit
from vsr_node.machines.key_value import KeyValueMachine
from vsr_node.storage.database import STEP_BYTES
from vsr_node.storage.promise_file import Flush
from vsr_node.storage.sqlite import SqliteStorage

VALUE_BYTES = 1_000

MEGABYTE = 1_000_000

HEAD = (
    f"{'state':>8}  {'take':>8}  {'save':>8}  {'a turn':>8}  {'memory':>9}  {'load':>8}"
    f"  {'restore':>8}  {'memory':>9}  {'on disk':>9}"
)


class Figures(NamedTuple):
    """Durations in seconds, and the peak of the memory in MB, beside what was held before."""

    first_s: float
    second_s: float
    longest_turn_s: float
    held_mb: float
    peak_mb: float


def main() -> int:
    """Measure; return 0 if each state was found again as it was."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("megabytes", type=int, nargs="+", help="the sizes of the states")
    arguments = parser.parse_args()
    print(HEAD, flush=True)
    for megabytes in arguments.megabytes:
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name) / "journal"
            key_count = megabytes * MEGABYTE // VALUE_BYTES
            saving = _in_another_process(partial(_save, folder, key_count))
            on_disk = sum(path.stat().st_size for path in folder.iterdir())
            loading = _in_another_process(partial(_load, folder, key_count))
        print(
            f"{megabytes:>5} MB  {saving.first_s:>6.2f} s  {saving.second_s:>6.2f} s  "
            f"{saving.longest_turn_s:>6.3f} s  "
            f"{saving.peak_mb - saving.held_mb:>6.0f} MB  {loading.first_s:>6.2f} s  "
            f"{loading.second_s:>6.2f} s  {loading.peak_mb - loading.held_mb:>6.0f} MB  "
            f"{on_disk / MEGABYTE:>6.0f} MB",
            flush=True,
        )
    return 0


def _save(folder: Path, key_count: int) -> Figures:
    machine = KeyValueMachine()
    for number in range(key_count):
        machine.apply(("write", f'"{number}"', _value(number)))
    with _storage(folder) as storage:
        storage.load()
        storage.save([ReplaceLog(1, (("c1", 1, ("write", "0", "0")),)), SetCommit(1)])
        held_mb = _peak_mb()
        begin = time.perf_counter()
        parts = machine.snapshot()
        taken = time.perf_counter()
        moments = [taken]
        storage.save([SaveCheckpoint(Checkpoint(1, 0, parts), 2)])
        moments.append(time.perf_counter())
        for number in range(2, 2 + key_count * 2 * VALUE_BYTES // STEP_BYTES):
            storage.save([ReplaceLog(number, (("c1", number, ("write", "0", "0")),))])
            moments.append(time.perf_counter())
        longest_turn_s = max(later - before for before, later in pairwise(moments))
        return Figures(taken - begin, moments[-1] - taken, longest_turn_s, held_mb, _peak_mb())


def _load(folder: Path, key_count: int) -> Figures:
    held_mb = _peak_mb()
    with _storage(folder) as storage:
        begin = time.perf_counter()
        state = storage.load()
        loaded = time.perf_counter()
        machine = KeyValueMachine()
        machine.restore(state.checkpoint.parts)
        restored = time.perf_counter()
        peak_mb = _peak_mb()
    assert not state.is_recovering
    assert len(state.checkpoint.parts) == key_count
    for number in range(0, key_count, 997):
        assert state.checkpoint.parts[number] == (f'"{number}"', _value(number))
    return Figures(loaded - begin, restored - loaded, restored - begin, held_mb, peak_mb)


def _value(number: int) -> str:
    return f'"{number:0{VALUE_BYTES - 2}}"'


def _storage(folder: Path) -> closing[SqliteStorage]:
    return closing(
        SqliteStorage(folder, "n0", ("n0",), flush=Flush.EVERYTHING, boot_id="a run of the machine")
    )


def _peak_mb() -> float:
    kibibytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return kibibytes * 1_024 / MEGABYTE


def _in_another_process(measure: Callable[[], Figures]) -> Figures:
    """Return what ``measure`` returns; a process of its own has a peak of its own."""
    reading, writing = os.pipe()
    process_id = os.fork()
    if process_id == 0:
        status = 1
        try:
            os.write(writing, orjson.dumps(tuple(measure())))
            status = 0
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(status)
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        answer = pipe.read()
    _, status = os.waitpid(process_id, 0)
    assert status == 0, "the process ended with an error"
    return Figures(*orjson.loads(answer))


if __name__ == "__main__":
    sys.exit(main())
