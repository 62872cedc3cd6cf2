"""Makes each file call of a journal's life fail once, in each way, and looks what is there then.

    python -m tests.storage.sweep

A life is a start, turns of all kinds, and a close. Each is tried on no folder, on the journal of a
process that was killed, of one that was closed, and of one whose journal must be written anew. Call
by call, errno by errno, a process lives it until the call fails. Whatever it was, the process must
go on or end with a StorageError; a start without faults must then find every turn that it saved,
and no file that it found may be gone.
"""

import argparse
import errno
import os
import shutil
import sys
import tempfile
import traceback
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import NamedTuple

from tests.storage import shim
from tests.storage.damage import Journal, life, log_of, opened
from vsr_node.core.messages import DurableState
from vsr_node.storage.memory import MemoryStorage
from vsr_node.storage.promise_file import Flush
from vsr_node.storage.protocol import StorageError

ERRORS = (
    *(errno.EIO, errno.ENOSPC, errno.EMFILE, errno.ENOMEM, errno.ESTALE, errno.EACCES),
    shim.HALF_DONE,
)

TURN_COUNT = 24
"""The turns of the earlier lives and, after those, of the one with the fault."""

FINISHED, FAILED, CRASHED = 0, 74, 1


class Scene(NamedTuple):
    """A folder before a life with a fault, and how many turns of ``life`` it holds.

    ``is_mended`` means that the folder's journal lost something: what it says is not believed.
    """

    name: str
    source: Path | None
    turns_done: int
    is_mended: bool = False

    def copy(self, folder: Path) -> None:
        """Set the scene in a folder that does not exist."""
        if self.source is not None:
            shutil.copytree(self.source, folder)


def scenes(folder: Path, flush: Flush) -> list[Scene]:
    """Return all scenes, with journals that are made below ``folder``."""
    lived = {
        is_killed: Journal.lived(
            folder / str(is_killed), TURN_COUNT, is_killed=is_killed, flush=flush
        ).folder
        for is_killed in (True, False)
    }
    damaged = folder / "damaged"
    shutil.copytree(lived[True], damaged)
    log_of(damaged).unlink()
    return [
        Scene("new", None, 0),
        Scene("killed", lived[True], TURN_COUNT),
        Scene("closed", lived[False], TURN_COUNT),
        Scene("damaged", damaged, TURN_COUNT, is_mended=True),
    ]


def lives_on(folder: Path, flush: Flush, done: int, saved: Callable[[], object]) -> None:
    """Start on the journal in ``folder``, save the turns after those ``done``, close it.

    Calls ``saved`` after each. A journal that lost something is only started and closed.
    """
    storage = opened(folder, flush)
    state = storage.load()
    for records in islice(life(done + TURN_COUNT), done, None):
        if state.is_recovering:
            break
        storage.save(records)
        saved()
    storage.close()


class Sweep:
    """Lives with faults in folders below ``folder``."""

    def __init__(self, folder: Path, flush: Flush) -> None:
        self._folder = folder
        self._flush = flush
        self._shim = shim.Shim()
        self.scenes = scenes(folder / "scenes", flush)
        self.faults: list[str] = []
        """What went wrong, for people."""
        self.outcomes: Counter[str] = Counter()

    def count(self, scene: Scene) -> int:
        """Return how many file calls a life without faults makes."""
        reading, writing = os.pipe()
        process_id = os.fork()
        if process_id == 0:
            self._live(scene, 0, 0, lambda: None)
            os.write(writing, b"%d" % self._shim.call_count)
            os._exit(0)
        os.close(writing)
        os.waitpid(process_id, 0)
        with os.fdopen(reading, "rb") as pipe:
            count = int(pipe.read())
        shutil.rmtree(self._folder / "life")
        return count

    def try_fault(self, scene: Scene, call: int, error: int) -> None:
        """Live with one fault; note what should not be so afterwards."""
        what = f"{self._flush.value}, {scene.name}: call {call}, {name_of(error)}"
        status, saved, complaint = self._in_another_process(scene, call, error)
        self.outcomes["ended by a StorageError" if status == FAILED else "went on"] += 1
        if status not in (FINISHED, FAILED):
            self.faults.append(f"{what}: {complaint}")
        elif not error and status == FAILED:
            self.faults.append(f"{what}: failed without a fault")
        self.faults += (f"{what}: {text}" for text in self._wrong_afterwards(scene, saved))
        shutil.rmtree(self._folder / "life", ignore_errors=True)

    def _in_another_process(self, scene: Scene, call: int, error: int) -> tuple[int, int, str]:
        """Return the exit status, how many turns were saved, and what else the process said."""
        reading, writing = os.pipe()
        process_id = os.fork()
        if process_id == 0:
            os.close(reading)
            code = CRASHED
            try:
                self._live(scene, call, error, lambda: os.write(writing, b"\n"))
                code = FINISHED
            except StorageError:
                code = FAILED
            except BaseException:
                os.write(writing, traceback.format_exc().replace("\n", "; ").encode())
            finally:
                os._exit(code)
        os.close(writing)
        with os.fdopen(reading, "rb") as pipe:
            *saved, complaint = pipe.read().split(b"\n")
        _, status = os.waitpid(process_id, 0)
        return os.waitstatus_to_exitcode(status), len(saved), complaint.decode()

    def _live(self, scene: Scene, call: int, error: int, saved: Callable[[], object]) -> None:
        folder = self._folder / "life"
        scene.copy(folder)
        self._shim.fail(folder, call, error)
        lives_on(folder, self._flush, scene.turns_done, saved)

    def _wrong_afterwards(self, scene: Scene, saved: int) -> Iterator[str]:
        folder = self._folder / "life"
        kept = {path.read_bytes() for path in folder.rglob("*") if path.is_file()}
        if scene.is_mended and scene.source is not None:
            for path in scene.source.glob("*.sqlite"):
                if path.read_bytes() not in kept:
                    yield f"{path.name} is gone, which can't be trusted"
        before = {path.name for path in folder.glob("*.sqlite")}
        try:
            storage = opened(folder, self._flush)
            state = storage.load()
            storage.close()
        except Exception as error:
            yield f"the next start fails: {error!r}"
            return
        if scene.is_mended:
            if not state.is_recovering:
                yield "a journal that lost something is trusted"
            return
        done = scene.turns_done + saved
        # The turn that failed may be there: nothing that it would have said has left.
        if state not in (added_up(done), added_up(done + 1)):
            yield f"{saved} turns were saved, and {state} is what is left"
        if scene.source is not None and not before & {
            p.name for p in scene.source.glob("*.sqlite")
        }:
            yield "the journal is gone"


def added_up(turn_count: int) -> DurableState:
    """Return the state after so many turns of ``life``."""
    model = MemoryStorage()
    for records in life(turn_count):
        model.save(records)
    return model.load()


def name_of(error: int) -> str:
    """Return what people call a fault."""
    return "half done" if error == shim.HALF_DONE else errno.errorcode.get(error, "no fault")


def swept(folder: Path, flush: Flush, every: int) -> tuple[Sequence[str], Counter[str]]:
    """Try each ``every``-th call, with all faults in turn; return what went wrong, and outcomes."""
    sweep = Sweep(folder, flush)
    for scene in sweep.scenes:
        count = sweep.count(scene)
        sweep.try_fault(scene, 0, 0)
        tries = [(call, error) for call in range(1, count + 1) for error in ERRORS]
        print(f"{flush.value}, {scene.name}: {count} calls", flush=True)
        for call, error in tries[::every]:
            sweep.try_fault(scene, call, error)
    return sweep.faults, sweep.outcomes


def main() -> int:
    """Sweep; print what went wrong. Return 1 if anything did."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--library", type=Path, help="the shim, compiled; by default it is now")
    parser.add_argument("--every", type=int, default=1, help="of all faults try each so many-th")
    parser.add_argument("--flush", choices=[flush.value for flush in Flush], action="append")
    arguments = parser.parse_args()
    if reason := shim.why_not():
        parser.error(reason)
    # In memory, where a flush takes no time.
    with tempfile.TemporaryDirectory(dir="/dev/shm" if Path("/dev/shm").is_dir() else None) as name:
        if arguments.library is None:
            status: int = _main_with(shim.build(Path(name)))
            return status
        faults: list[str] = []
        outcomes: Counter[str] = Counter()
        for flush in arguments.flush or [flush.value for flush in Flush]:
            more_faults, more = swept(Path(name) / flush, Flush(flush), arguments.every)
            faults += more_faults
            outcomes += more
    print("\n".join(faults))
    print(f"{len(faults)} wrong; " + ", ".join(f"{c} {o}" for o, c in sorted(outcomes.items())))
    return 1 if faults else 0


def _main_with(library: Path) -> int:
    """Do the same in a process that has the shim."""
    command = [sys.executable, "-m", __spec__.name, "--library", str(library), *sys.argv[1:]]
    environment = {**os.environ, "LD_PRELOAD": str(library)}
    return os.spawnve(os.P_WAIT, sys.executable, command, environment)


if __name__ == "__main__":
    sys.exit(main())
