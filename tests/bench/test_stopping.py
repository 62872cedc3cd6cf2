"""Each command, stopped by a signal before, during and after its run, or killed."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from xml.etree import ElementTree

import pytest

from tests.bench.processes import gone
from vsr_node.bench.command_line.cli import main
from vsr_node.bench.running import runner
from vsr_node.bench.workloads.lin_kv import LinKv
from vsr_node.report import Drawing
from vsr_node.simulation import __main__ as simulation

ROOT = Path(__file__).parents[2]
GRACE_S = 10.0
"""For a busy machine. What is stopped ends much sooner."""

SILENT = ("--bin", "sleep", "--", "600")
"""A node that never answers, and does not notice the end of its stdin."""

TEST = ("bench", "test", "-w", "lin-kv", "--node-count", "3", "--seed", "3")
COMMANDS = {
    "simulate --seeds": ("simulate", "--seeds", "0..1000000", "--jobs", "2"),
    "simulate --mutations": ("simulate", "--mutations", "--jobs", "2"),
    "test": (*TEST, *SILENT),
    "doctor": ("bench", "doctor", "--patience", "60", *SILENT),
    "perf": ("bench", "perf", "--bin", "vsr-node"),
    "embedding": ("bench", "embedding"),
    "self-test": ("bench", "self-test"),
}

HUNT = ("bench", "hunt", "--jobs", "2", *SILENT)


class Command:
    """A command under way in a session of its own, as in a terminal of its own."""

    def __init__(self, folder: Path, *words: str) -> None:
        self.process = subprocess.Popen(
            words,
            cwd=folder,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
            preexec_fn=_hear_signals,
        )

    def wait_for(self, done: Callable[[], bool]) -> None:
        deadline = time.monotonic() + GRACE_S
        while not done():
            assert time.monotonic() < deadline, "it does not come so far"
            assert self.process.poll() is None, self.process.communicate()
            time.sleep(0.02)

    def stop(self, number: int) -> tuple[int, str, str]:
        """Send a signal, Ctrl-C to the whole group; return exit status and output."""
        if number == signal.SIGINT:
            os.killpg(self.process.pid, number)
        else:
            self.process.send_signal(number)
        out, err = self.process.communicate(timeout=GRACE_S)
        return self.process.returncode, out, err

    def descendants(self) -> list[int]:
        table = subprocess.run(
            ["ps", "-A", "-o", "pid=,ppid="], capture_output=True, text=True, check=True
        ).stdout
        pairs = [tuple(map(int, line.split())) for line in table.splitlines()]
        found = [self.process.pid]
        for each in found:
            found += [child for child, parent in pairs if parent == each]
        return found[1:]


def _hear_signals() -> None:
    """Undo what a shell does to what it puts in the background."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)


Start = Callable[..., Command]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Start any command in the test's folder; end it with the test."""
    commands: list[Command] = []

    def begin(*words: str) -> Command:
        commands.append(Command(tmp_path, *words))
        return commands[-1]

    yield begin
    for command in commands:
        command.process.kill()
        command.process.communicate()


@pytest.fixture
def vsr(start: Start) -> Start:
    """Start vsr in the test's folder."""
    return partial(start, sys.executable, "-m", "vsr_node")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("words", COMMANDS.values(), ids=COMMANDS)
def test_a_command_that_has_just_begun_ends_at_once_with_one_line(
    vsr: Start, words: Sequence[str], number: signal.Signals
) -> None:
    command = vsr(*words)
    command.wait_for(lambda: len(command.descendants()) >= 2)
    begun = command.descendants()
    status, _, err = command.stop(number)
    assert (status, err) == (128 + number, f"stopped by {number.name}\n")
    assert all(gone(pid, GRACE_S) for pid in begun)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_hunt_that_is_cut_short_says_how_far_it_came(vsr: Start, number: signal.Signals) -> None:
    command = vsr(*HUNT)
    command.wait_for(lambda: len(command.descendants()) >= 6)
    begun = command.descendants()
    status, out, err = command.stop(number)
    assert (status, err) == (128 + number, "")
    assert out.splitlines()[-1].startswith("Nothing found so far, in 2 runs and 0 operations")
    assert all(gone(pid, GRACE_S) for pid in begun)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_shell_ends_with_its_nodes(vsr: Start, number: signal.Signals) -> None:
    command = vsr("bench", "shell", "--bin", "broken:honest")
    assert command.process.stdout is not None
    while "init_ok" not in command.process.stdout.readline():
        pass
    begun = command.descendants()
    status, _, err = command.stop(number)
    assert (status, err) == (0, "")
    assert all(gone(pid, GRACE_S) for pid in begun)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_server_of_runs_ends(vsr: Start, tmp_path: Path, number: signal.Signals) -> None:
    (tmp_path / "store").mkdir()
    command = vsr("bench", "serve", "--port", "0")
    assert command.process.stdout is not None
    assert command.process.stdout.readline().endswith(" until Ctrl-C\n")
    status, _, err = command.stop(number)
    assert (status, err) == (0, "")


def test_seeds_that_are_cut_short_are_counted(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(simulation, "print_progress", interrupt)
    with pytest.raises(KeyboardInterrupt):
        simulation.main(["--seeds", "0..2", "--jobs", "1"])
    assert capsys.readouterr().out.endswith(" of 2 seeds, no violation so far\n")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_maelstrom_kv_ends_with_one_line(
    start: Start, tmp_path: Path, number: signal.Signals
) -> None:
    command = start(str(ROOT / "maelstrom-kv"), "--bench", *SILENT)
    command.wait_for(lambda: (tmp_path / "store").is_dir())
    status, _, err = command.stop(number)
    assert status == 128 + number
    assert err.splitlines()[1:] == [f"stopped by {number.name}"]


@pytest.mark.parametrize("words", [*COMMANDS.values(), HUNT], ids=[*COMMANDS, "hunt"])
def test_what_a_killed_command_started_ends_with_it(vsr: Start, words: Sequence[str]) -> None:
    command = vsr(*words)
    command.wait_for(lambda: len(command.descendants()) >= 2)
    begun = command.descendants()
    assert command.stop(signal.SIGKILL)[0] == -signal.SIGKILL
    assert all(gone(pid, GRACE_S) for pid in begun)


def test_a_paused_node_of_a_killed_run_ends(vsr: Start, tmp_path: Path) -> None:
    faults = ("--nemesis", "pause", "--nemesis-interval", "0.2", "--rate", "50")
    command = vsr(*TEST, "--bin", "broken:honest", *faults)
    log = tmp_path / "store/current/bench.log"
    command.wait_for(lambda: log.exists() and "pause, " in log.read_text())
    begun = command.descendants()
    command.stop(signal.SIGKILL)
    assert all(gone(pid, GRACE_S) for pid in begun)


def begun_run(vsr: Start, folder: Path, *words: str) -> Command:
    command = vsr(*words)
    history = folder / "store/current/history.jsonl"
    command.wait_for(lambda: history.exists() and history.stat().st_size > 20_000)
    return command


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
@pytest.mark.parametrize(("node", "is_valid"), [("honest", True), ("own-dict", False)])
def test_a_run_that_is_cut_short_is_invalid_or_valid_so_far(
    vsr: Start, tmp_path: Path, number: signal.Signals, node: str, is_valid: bool
) -> None:
    words = (*TEST, "--bin", f"broken:{node}", "--rate", "100", "--junit", "junit.xml")
    status, out, err = begun_run(vsr, tmp_path, *words).stop(number)
    assert status == (128 + number if is_valid else 1)
    assert not err
    last = out.splitlines()[-1]
    assert last.startswith("Valid so far: " if is_valid else "Analysis invalid!")
    errors = ElementTree.parse(tmp_path / "junit.xml").findall("testsuite/testcase/error")
    assert any("cut short" in error.attrib["message"] for error in errors)
    results = json.loads((tmp_path / "store/latest/results.json").read_bytes())
    assert results["valid"] == ("unknown" if is_valid else False)
    assert main(["check", str(tmp_path / "store/latest")]) == (2 if is_valid else 1)


def test_a_replay_that_is_cut_short_says_how_far_it_came(vsr: Start, tmp_path: Path) -> None:
    words = [*TEST[1:], "--bin", "broken:honest", "--rate", "100", "--time-limit", "2"]
    assert main([*words, "--store", str(tmp_path / "store")]) == 0
    command = vsr("bench", "replay", "--times", "9")
    begun = tmp_path / "store/lin-kv"
    command.wait_for(lambda: len([*begun.glob("2*/history.txt")]) == 3)
    time.sleep(0.5)
    status, out, _ = command.stop(signal.SIGINT)
    assert (status, out.splitlines()[-1]) == (130, "fails 0 of 2; interrupted in run 2 of 9")


def test_a_shrink_that_is_cut_short_says_how_far_it_came(vsr: Start, tmp_path: Path) -> None:
    words = [*TEST[1:], "--bin", "broken:own-dict", "--rate", "100", "--time-limit", "2"]
    assert main([*words, "--store", str(tmp_path / "store")]) == 1
    command = vsr("bench", "shrink")
    assert command.process.stdout is not None
    while "fails (" not in command.process.stdout.readline():
        pass
    status, out, err = command.stop(signal.SIGTERM)
    assert (status, err) == (143, "")
    assert "interrupted: this is as far as it got in " in out
    assert "repeat with" in out


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_judging_that_is_cut_short_is_unknown(
    tmp_path: Path,
    number: signal.Signals,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def judge(*_: object) -> None:
        os.kill(os.getpid(), number)
        time.sleep(GRACE_S)

    monkeypatch.setattr(LinKv, "judge", judge)
    words = [*TEST[1:], "--bin", "broken:honest", "--rate", "100", "--time-limit", "1"]
    assert main([*words, "--store", str(tmp_path / "store")]) == 128 + number
    assert "judging was interrupted" in (screen := capsys.readouterr().out)
    assert screen.splitlines()[-1].endswith("the verdict is unknown.")


def test_drawing_that_is_cut_short_leaves_the_verdict(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def draw(_: Path) -> Drawing:
        os.kill(os.getpid(), signal.SIGINT)
        raise AssertionError

    monkeypatch.setattr(runner, "draw", draw)
    words = [*TEST[1:], "--bin", "broken:honest", "--rate", "100", "--time-limit", "1"]
    assert main([*words, "--store", str(tmp_path / "store")]) == 130
    assert capsys.readouterr().out.splitlines()[-1].startswith("Everything looks good!")
