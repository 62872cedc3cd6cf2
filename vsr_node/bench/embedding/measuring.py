"""Rounds of loads: each starts groups as processes, and lets them do one cell after the other."""

import json
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeAlias

from vsr_node.bench.embedding.cells import OWN, YARDSTICKS, Cell, Journal, Load
from vsr_node.start import isolated

NAMES = ("a", "b", "c")
READY_TIME_S = 60.0
MICROSECONDS = 1_000_000
KILL_AFTER_S = 0.5
KILL_LOAD_S = 4.0
"""A load in which the primary is killed is at least so long."""

Measured: TypeAlias = dict[tuple[Cell, str], list[Load]]
"""The loads of all rounds, by cell and subject."""


class MeasuringError(Exception):
    """A group could not be measured; the text says which, and why."""


class Process:
    """A worker."""

    def __init__(self, words: Sequence[str], log: Path) -> None:
        with log.open("ab") as file:
            self._process = subprocess.Popen(
                isolated("vsr_node.bench.embedding.worker", *words),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=file,
                text=True,
            )

    def begin(self, *words: Any) -> None:
        """Send a command."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(words) + "\n")
        self._process.stdin.flush()

    def end(self) -> Any:
        """Return the answer to the command."""
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise MeasuringError("a process has ended")
        return json.loads(line)

    def ask(self, *words: Any) -> Any:
        """Send a command and return its answer."""
        self.begin(*words)
        return self.end()

    def kill(self) -> None:
        """Kill it, with SIGKILL."""
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                pipe.close()


class Group:
    """Three members of one subject, and clients in processes of their own once they are needed."""

    def __init__(self, subject: str, journal: Journal, folder: Path) -> None:
        self._subject = subject
        self._journal = journal
        self._folder = folder
        self._peers = ",".join(f"{name}={_free_address()}" for name in NAMES)
        self._members = {name: self._start(name) for name in NAMES}
        self._outside: dict[str, Process] = {}

    def _start(self, name: str) -> Process:
        words = (self._subject, name, self._peers, self._journal.value, str(self._folder))
        return Process(words, self._folder / "log.txt")

    def wait_until_ready(self) -> None:
        """Wait until all members serve. Raises MeasuringError."""
        deadline = time.monotonic() + READY_TIME_S
        while True:
            states = [member.ask("state") for member in self._members.values()]
            if all(is_ready for is_ready, _ in states) and any(leads for _, leads in states):
                return
            if time.monotonic() > deadline:
                raise MeasuringError(f"{self._subject} does not serve in {READY_TIME_S:g} s")
            time.sleep(0.1)

    def _primary(self) -> str:
        leading = [name for name, member in self._members.items() if member.ask("state")[1]]
        if not leading:
            raise MeasuringError(f"{self._subject}: nobody leads")
        return leading[0]

    def measure(self, cell: Cell, seconds: float) -> Load:
        """Carry out a load."""
        primary = self._primary()
        backup = next(name for name in NAMES if name != primary)
        asked = primary if cell.place.is_at_primary else backup
        asking = self._clients_of(asked) if cell.place.is_outside else self._members[asked]
        if cell.kills_primary:
            asking.begin("load", cell.clients, max(seconds, KILL_LOAD_S), cell.reads)
            time.sleep(KILL_AFTER_S)
            self._members.pop(primary).kill()
            return Load(*asking.end())
        before = self._cpu_seconds()
        load = Load(*asking.ask("load", cell.clients, seconds, cell.reads))
        used = self._cpu_seconds() - before
        return load._replace(cpu_us=MICROSECONDS * used / max(1, load.operations))

    def _clients_of(self, member: str) -> Process:
        if member not in self._outside:
            self._outside[member] = self._start(f"{member}'")
        return self._outside[member]

    def _cpu_seconds(self) -> float:
        return sum(float(member.ask("cpu")) for member in self._members.values())

    def kill(self) -> None:
        """End all processes."""
        for process in (*self._members.values(), *self._outside.values()):
            process.kill()


def _free_address() -> str:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"127.0.0.1:{probe.getsockname()[1]}"


@contextmanager
def _group(subject: str, journal: Journal) -> Iterator[Group]:
    with tempfile.TemporaryDirectory(prefix="vsr-embedding-") as folder:
        group = Group(subject, journal, Path(folder))
        try:
            group.wait_until_ready()
            yield group
        except (MeasuringError, OSError) as error:
            log = (Path(folder) / "log.txt").read_text(encoding="utf-8", errors="replace")
            raise MeasuringError(f"{subject}: {error}\n{log[-2000:]}") from None
        finally:
            group.kill()


def measure(
    cells: Sequence[Cell],
    *,
    rounds: int,
    seconds: float,
    with_yardsticks: bool,
    report: Callable[[str], None],
) -> Measured:
    """Measure all cells in rounds, the subjects in turns. Raises MeasuringError."""
    measured: Measured = {}
    subjects = (*YARDSTICKS, OWN) if with_yardsticks else (OWN,)
    for number in range(1, rounds + 1):
        report(f"round {number} of {rounds}")
        for journal in Journal:
            for subject in subjects:
                wanted = _cells_of(cells, journal, subject)
                if not wanted:
                    continue
                with _group(subject, journal) as group:
                    for cell in wanted:
                        measured.setdefault((cell, subject), []).append(
                            group.measure(cell, seconds)
                        )
    return measured


def _cells_of(cells: Sequence[Cell], journal: Journal, subject: str) -> Sequence[Cell]:
    """Return the cells that a subject is measured in, each once."""
    if subject != OWN:
        cells = [cell.of_yardstick for cell in cells if cell.has_yardstick]
    return [cell for cell in dict.fromkeys(cells) if cell.journal is journal]


def better_yardstick(measured: Mapping[tuple[Cell, str], list[Load]], cell: Cell) -> str | None:
    """Return the setting of PySyncObj that does better in a cell; None if it was not measured."""
    found = [each for each in YARDSTICKS if (cell.of_yardstick, each) in measured]

    def merit(subject: str) -> float:
        loads = measured[cell.of_yardstick, subject]
        if cell.kills_primary:
            return -sum(load.silence_ms for load in loads)
        return sum(load.operations_per_second for load in loads)

    return max(found, key=merit, default=None) if cell.has_yardstick else None
