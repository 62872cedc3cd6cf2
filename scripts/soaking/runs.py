"""Executes the runs of the long checks, several at a time, and judges them by their results.

Completed runs are kept in ``.soak/<key>/done.jsonl``, a line a run. The key is a hash of the files
that the checks use: an edit of the node starts them anew, an edit of the README does not. A failed
run stays failed for its key: one that passes when repeated has still failed once.
"""

import fcntl
import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import IO, Any

from scripts.soaking.checks import Check, CheckRun
from scripts.soaking.service import service_figures

ROOT = Path(__file__).resolve().parent.parent.parent
STATE = ROOT / ".soak"
CONTENT = ("vsr_node", "scripts", "tests", "run-vsr-node", "requirements-dev.txt")

POLL_S = 0.05
PATIENCE_S = 15.0
"""The time for an interrupted command to clean up."""


@dataclass(frozen=True, slots=True)
class Done:
    """A completed run. ``fault`` describes its failure, empty if it passed."""

    check: str
    run: str
    seconds: float
    fault: str
    figures: Mapping[str, float] = field(default_factory=dict)


def content_key(root: Path = ROOT) -> str:
    """Return a hash of all that influences the results of the checks."""
    digest = hashlib.sha256(sys.version.encode())
    for top in CONTENT:
        path = root / top
        files = sorted(path.rglob("*")) if path.is_dir() else [path]
        for file in files:
            if file.is_file() and "__pycache__" not in file.parts:
                content = file.read_bytes()
                digest.update(f"{file.relative_to(root)} {len(content)}\n".encode() + content)
    return digest.hexdigest()[:16]


class Journal:
    """The completed runs, on disk. Used by one process at a time."""

    def __init__(self, folder: Path) -> None:
        """Open the journal. Raises BlockingIOError if another process has it."""
        folder.mkdir(parents=True, exist_ok=True)
        self._file: IO[str] = (folder / "done.jsonl").open("a+", encoding="utf-8")
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self._file.close()
            raise
        self._file.seek(0)
        self.done: dict[tuple[str, str], Done] = {}
        whole = 0
        for line in self._file.read().splitlines(keepends=True):
            # A line that a crash has cut short belongs to a run that is not counted.
            if not line.endswith("\n"):
                break
            whole += len(line.encode())
            self._keep(Done(**json.loads(line)))
        self._file.truncate(whole)

    def add(self, done: Done) -> None:
        """Add a completed run."""
        self._file.write(json.dumps(asdict(done)) + "\n")
        self._file.flush()
        self._keep(done)

    def clear(self) -> None:
        """Forget all runs."""
        self._file.truncate(0)
        self.done.clear()

    def close(self) -> None:
        """Release the journal to other processes."""
        self._file.close()

    def _keep(self, done: Done) -> None:
        self.done[done.check, done.run] = done


@dataclass(slots=True)
class _Started:
    check: Check
    run: CheckRun
    folder: Path
    begin: float
    process: subprocess.Popen[bytes]


def carry_out(checks: Iterable[Check], journal: Journal, jobs: int, folder: Path) -> None:
    """Carry out the runs that are not done yet, ``jobs`` at a time.

    Each run has its own folder under ``folder``, removed if the run passes. On KeyboardInterrupt
    the runs under way are stopped and not counted.
    """
    waiting = [
        (check, run)
        for check in checks
        for run in check.runs
        if (check.name, run.name) not in journal.done
    ]
    total = len(waiting)
    counted = 0
    started: list[_Started] = []
    try:
        while waiting or started:
            while waiting and len(started) < jobs:
                started.append(_start(*waiting.pop(0), folder))
            time.sleep(POLL_S)
            for each in [each for each in started if _has_ended(each)]:
                started.remove(each)
                done = judge(each.check, each.run, each.process.returncode, each.folder, each.begin)
                journal.add(done)
                counted += 1
                if not done.fault:
                    shutil.rmtree(each.folder)
                fault = f"FAILED: {done.fault} (see {each.folder})" if done.fault else "ok"
                took = f"{done.seconds:.1f} s"
                print(f"[{counted}/{total}] {done.check}: {done.run}: {fault}, {took}", flush=True)
    finally:
        _stop([each.process for each in started])


def _start(check: Check, run: CheckRun, parent: Path) -> _Started:
    folder = parent / check.name / run.name.replace(", ", "-").replace(" ", "-")
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    with (folder / "output.txt").open("wb") as output:
        process = subprocess.Popen(
            command_line(run),
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            # Ctrl-C then reaches this process alone, which stops the runs in order.
            start_new_session=True,
        )
    return _Started(check, run, folder, time.monotonic(), process)


def command_line(run: CheckRun) -> list[str]:
    """Return the command of a run with the placeholders filled in."""
    return [part.format(python=sys.executable, root=ROOT) for part in run.command]


def _has_ended(started: _Started) -> bool:
    if started.process.poll() is not None:
        return True
    if time.monotonic() - started.begin > started.run.time_limit_s:
        _stop([started.process])
        return True
    return False


def _stop(processes: Sequence[subprocess.Popen[bytes]]) -> None:
    for process in processes:
        _signal(process, signal.SIGINT)
    deadline = time.monotonic() + PATIENCE_S
    for process in processes:
        try:
            process.wait(max(0.0, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            _signal(process, signal.SIGKILL)
            process.wait()


def _signal(process: subprocess.Popen[bytes], number: signal.Signals) -> None:
    with suppress(ProcessLookupError):
        os.killpg(process.pid, number)


def judge(check: Check, run: CheckRun, exit_status: int, folder: Path, begin: float) -> Done:
    """Judge a run by its exit status and the files in its folder."""
    figures: dict[str, float] = {}
    fault = ""
    if exit_status != run.exit_status:
        fault = f"exit status {exit_status} instead of {run.exit_status}"
    else:
        wanted = set(run.at_most)
        if check.share:
            wanted |= {check.share.part, check.share.whole}
        figures = read_figures(folder / "store/latest", wanted) if wanted else {}
        over = [name for name, bound in run.at_most.items() if not figures[name] <= bound]
        if over:
            fault = ", ".join(f"{name} is {figures[name]}" for name in sorted(over))
        elif run.never_logged:
            logs = sorted((folder / "store/latest/node-logs").iterdir())
            texts = {log.stem: log.read_text(encoding="utf-8") for log in logs}
            named = [name for name, text in texts.items() if run.never_logged in text]
            if named:
                fault = f"'{run.never_logged}' is in the log of {', '.join(named)}"
            elif not logs:
                fault = "there are no logs"
    return Done(check.name, run.name, round(time.monotonic() - begin, 1), fault, figures)


def read_figures(store: Path, names: Iterable[str]) -> dict[str, float]:
    """Return named figures of a run of the bench. Raises KeyError for an unknown name."""
    results: dict[str, Any] = json.loads((store / "results.json").read_text(encoding="utf-8"))
    results["service"] = service_figures(store / "history.jsonl", results["test"]["nodes"])
    figures = {}
    for name in sorted(names):
        value: Any = results
        for part in name.split("."):
            value = value[part]
        figures[name] = float(value)
    return figures
