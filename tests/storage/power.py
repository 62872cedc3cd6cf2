"""What a loss of power leaves of a journal: only what was flushed, and any of the rest.

    python -m tests.storage.power

A process lives with the shim, which notes each call that changes a file or a name. Here these calls
are carried out on a disk in memory, up to any of them. What was flushed is there for certain; each
name and each sector that was not may be there, or not, or as it was before. A replica that starts
on the machine's next run must find what it relied on.
"""

import argparse
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from random import Random
from typing import NamedTuple

from tests.storage import shim
from tests.storage.damage import life, opened
from vsr_node.core.messages import DurableState
from vsr_node.storage.memory import MemoryStorage
from vsr_node.storage.promise_file import Flush
from vsr_node.storage.protocol import StorageError

TURN_COUNT = 45

_SECTOR_BYTES = 512

JOURNAL = Path("new") / "folders" / "journal"
"""Below the only folder that is there at first."""


class Life(NamedTuple):
    """Incarnations in a row, each with what it flushes, and its turns; all are killed."""

    name: str
    incarnations: Sequence[tuple[Flush, int]]


LIVES = (
    Life("flushed", ((Flush.EVERYTHING, TURN_COUNT),)),
    Life("twice flushed", ((Flush.EVERYTHING, 10), (Flush.EVERYTHING, 10))),
    Life("promises flushed", ((Flush.PROMISES, TURN_COUNT),)),
    Life("flushed later", ((Flush.PROMISES, 21), (Flush.EVERYTHING, 8))),
    Life("nothing flushed, then all", ((Flush.NOTHING, 21), (Flush.EVERYTHING, 8))),
    Life("flushed no more", ((Flush.EVERYTHING, 8), (Flush.PROMISES, 21))),
)

# Recording


def record(life_to_live: Life, folder: Path, log: Path) -> None:
    """Live in ``folder``, in processes that have the shim, and write its log."""
    done = 0
    for flush, turn_count in life_to_live.incarnations:
        process_id = os.fork()
        if process_id == 0:
            _live(folder, log, flush, done, turn_count)
            os._exit(0)
        _, status = os.waitpid(process_id, 0)
        assert status == 0
        done += turn_count


def _live(folder: Path, log: Path, flush: Flush, done: int, turn_count: int) -> None:
    this_shim = shim.Shim()
    this_shim.record(folder, os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600))
    if flush is not Flush.EVERYTHING:
        this_shim.mark(f"{flush.value} {done}")  # From now on no more than this is relied on.
    storage = opened(folder / JOURNAL, flush)
    storage.load()
    this_shim.mark(f"{flush.value} {done}")
    for number, records in enumerate(islice(life(done + turn_count), done, None), done + 1):
        storage.save(records)
        this_shim.mark(f"{flush.value} {number}")


class Call(NamedTuple):
    """A line of the log."""

    name: str
    path: str
    offset: int
    data: bytes


def calls(log: Path) -> Iterator[Call]:
    """Read what the shim wrote."""
    content = log.read_bytes()
    position = 0
    while position < len(content):
        end = content.index(b"\n", position)
        name, offset, size, path = content[position:end].decode().split("\t")
        position = end + 1 + int(size)
        yield Call(name, path, int(offset), content[end + 1 : position])


# A disk

Survives = Callable[[], bool]
"""Whether something that was not flushed is there afterwards; asked for each thing."""


class File:
    """The content of a file: as it is, as it was flushed, and the changes between these."""

    def __init__(self) -> None:
        self._flushed = b""
        self._changes: list[tuple[int, bytes | None]] = []

    def write(self, offset: int, data: bytes) -> None:
        for start in range(0, len(data), _SECTOR_BYTES):
            self._changes.append((offset + start, data[start : start + _SECTOR_BYTES]))

    def truncate(self, size: int) -> None:
        self._changes.append((size, None))

    def flush(self) -> None:
        self._flushed = self.after_power_loss(lambda: True)
        self._changes.clear()

    def after_power_loss(self, survives: Survives) -> bytes:
        content = bytearray(self._flushed)
        for offset, data in self._changes:
            if not survives():
                continue
            end = offset + len(data or b"")
            content += bytes(max(0, end - len(content)))
            if data is None:
                del content[offset:]
            else:
                content[offset:end] = data
        return bytes(content)


class Disk:
    """Names and files below a folder. None stands for a folder among the files."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._names: dict[Path, File | None] = {}
        self._flushed_names: dict[Path, File | None] = {}
        self._changes: list[dict[Path, File | str | None]] = []

    def carry_out(self, call: Call) -> None:
        path = Path(call.path)
        match call.name:
            case "create" if path not in self._names:
                self._change({path: File()})
            case "mkdir":
                self._change({path: None})
            case "rename":
                to = Path(call.data.decode())
                self._change({path: _GONE, to: self._names[path]})
            case "unlink":
                self._change({path: _GONE})
            case "flush" if path == self._folder or self._names.get(path) is None:
                self._flush_names(path)
            case _:
                self._on_file(call, self._names.get(path))

    def _on_file(self, call: Call, file: File | None) -> None:
        if file is None:
            return  # It is deleted, and still open.
        match call.name:
            case "write":
                file.write(call.offset, call.data)
            case "truncate":
                file.truncate(call.offset)
            case "flush":
                file.flush()
            case "create":
                pass
            case _:
                raise AssertionError(call.name)

    def _change(self, change: dict[Path, File | str | None]) -> None:
        self._changes.append(change)
        _apply(self._names, change)

    def _flush_names(self, folder: Path) -> None:
        left = []
        for change in self._changes:
            if any(path.parent == folder for path in change):
                _apply(self._flushed_names, change)
            else:
                left.append(change)
        self._changes = left

    def leave(self, target: Path, survives: Survives) -> None:
        """Write what a loss of power leaves into the folder ``target``."""
        names = dict(self._flushed_names)
        for change in self._changes:
            if survives():
                _apply(names, change)
        contents: dict[int, bytes] = {}
        target.mkdir()
        for path, file in sorted(names.items(), key=lambda item: len(item[0].parts)):
            place = target / path.relative_to(self._folder)
            if not place.parent.is_dir():
                continue  # The name of a folder above it is lost.
            if file is None:
                place.mkdir(mode=0o700)
                continue
            if id(file) not in contents:
                contents[id(file)] = file.after_power_loss(survives)
            place.write_bytes(contents[id(file)])


_GONE = "gone"


def _apply(names: dict[Path, File | None], change: dict[Path, File | str | None]) -> None:
    for path, file in change.items():
        if isinstance(file, str):
            names.pop(path, None)
        else:
            names[path] = file


# What must be there


class Relied(NamedTuple):
    """What the replica relied on when power failed."""

    flush: Flush | None = None
    saved: int = 0
    view_number: int = 0

    def after(self, mark: str) -> "Relied":
        """Return the same after a mark of the log: what the incarnation flushes, turns saved."""
        flush, saved = mark.split()
        view_number = added_up(int(saved)).view_number
        return Relied(Flush(flush), int(saved), view_number)


def added_up(turn_count: int) -> DurableState:
    """Return the state after so many turns of ``life``."""
    model = MemoryStorage()
    for records in islice(life(TURN_COUNT), turn_count):
        model.save(records)
    return model.load()


def wrong_with(folder: Path, relied: Relied) -> str:
    """Return what is missing in ``folder`` of what was relied on; empty if nothing is."""
    if relied.flush in (None, Flush.NOTHING):
        return ""
    try:
        storage = opened(folder / JOURNAL, Flush.EVERYTHING, boot_id="the next run")
        state = storage.load()
    except StorageError as error:
        return str(error)
    storage.close()
    is_all_there = state in (added_up(relied.saved), added_up(relied.saved + 1))
    if relied.flush is Flush.EVERYTHING and not is_all_there:
        return f"{relied.saved} turns were flushed, and {state} is left"
    if not state.is_recovering and not is_all_there:
        return f"{state} is trusted, and {relied.saved} turns were saved"
    if state.view_number < relied.view_number:
        return f"view {relied.view_number} was promised, and {state.view_number} is left"
    return ""


def tried(log: Path, recorded_in: Path, scratch: Path, every: int) -> list[str]:
    """Fail the power after each ``every``-th call, in four ways; return what was wrong then.

    After a name has changed it always fails, since a rename says which files count.
    """
    random = Random(1)
    disk, relied = Disk(recorded_in), Relied()
    wrong = []
    ways: dict[str, Survives] = {
        "nothing else survives": lambda: False,
        "all survives": lambda: True,
        "some survives": lambda: random.random() < 0.5,
        "most survives": lambda: random.random() < 0.9,
    }
    for number, call in enumerate(calls(log)):
        if call.name == "mark":
            relied = relied.after(call.path)
        else:
            disk.carry_out(call)
        if number % every and call.name != "rename":
            continue
        for way, survives in ways.items():
            target = scratch / f"{number} {way}"
            disk.leave(target, survives)
            if text := wrong_with(target, relied):
                wrong.append(f"after call {number} ({call.name} {call.path}), {way}: {text}")
    return wrong


def record_in_another_process(library: Path, life_number: int, folder: Path, log: Path) -> None:
    """Record one of ``LIVES`` in a process that has the shim."""
    folder.mkdir()
    subprocess.run(
        [sys.executable, "-m", "tests.storage.power", "--record", str(life_number), folder, log],
        env={**os.environ, "LD_PRELOAD": str(library)},
        check=True,
    )


def main() -> int:
    """Try all lives; print what was wrong. Return 1 if anything was."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--record", nargs=3, help=argparse.SUPPRESS)
    parser.add_argument("--every", type=int, default=1, help="fail after each so many-th call")
    arguments = parser.parse_args()
    if arguments.record:
        number, folder, log = arguments.record
        record(LIVES[int(number)], Path(folder), Path(log))
        return 0
    if reason := shim.why_not():
        parser.error(reason)
    wrong = []
    for number, each in enumerate(LIVES):
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            library = shim.build(folder)
            record_in_another_process(library, number, folder / "living", folder / "log")
            more = tried(folder / "log", folder / "living", folder, arguments.every)
        print(f"{each.name}: {len(more)} wrong", flush=True)
        wrong += more
    print("\n".join(wrong))
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
