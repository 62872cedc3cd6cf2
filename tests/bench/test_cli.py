"""The command line: what it asks for, and what it refuses."""

import io
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from vsr_node.bench.command_line import cli
from vsr_node.bench.running.console import Console
from vsr_node.bench.stored.options import Options
from vsr_node.bench.workshop.broken_nodes import (
    BROKEN_NODES,
    FOLDER,
    HARD_NODES,
    OTHER_NODES,
    broken_command,
)
from vsr_node.shell_command import command_here

HONEST = ("test", "-w", "lin-kv", "--bin", "broken:honest")


def options_of(*words: str) -> Options:
    arguments = cli.parse(words)
    return cli.options_of(arguments, arguments.seed)


def status_of(words: Sequence[str]) -> int:
    """Run the command and return its exit status, whichever way it ends."""
    try:
        return cli.main(words)
    except SystemExit as end:
        return int(end.code or 0)


@pytest.mark.parametrize(
    ("words", "text"),
    [
        ([], "required"),
        (["test"], "required"),
        ([*HONEST, "--topology", "ring"], "--topology"),
        ([*HONEST, "--key-count", "0"], "--key-count"),
        ([*HONEST, "--consistency-models", "serializable,best"], "no model best"),
        (["test", "-w", "queue", "--bin", "broken:honest"], "no workload queue"),
        (["test", "-w", "lin-kv", "--bin", "/nowhere/node"], "no such file"),
        (["test", "-w", "lin-kv", "--bin", __file__], "not executable"),
        (["test", "-w", "lin-kv", "--bin", "broken:nothing"], "own-dict"),
        ([*HONEST, "--slow", "0"], "--slow"),
        ([*HONEST, "--nemesis", "meteor"], "no nemesis meteor"),
        ([*HONEST, "--node-count", "3", "--concurrency", "4"], "a multiple of 6"),
        ([*HONEST, "--concurrency", "many"], "a number such as"),
        ([*HONEST, "--node-count", "0"], "--node-count"),
        ([*HONEST, "--nodes", "n1,n1"], "a name of its own"),
        ([*HONEST, "--nodes", "n1,c1"], "belong to the clients"),
        ([*HONEST, "--rate", "0"], "--rate"),
        ([*HONEST, "--loss", "2"], "--loss"),
        ([*HONEST, "--latency", "nan"], "--latency"),
        ([*HONEST, "--lat", "5"], "--lat"),
    ],
)
def test_wrong_usage_is_no_verdict(
    words: list[str], text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert status_of(words) == 254
    assert text in capsys.readouterr().err.splitlines()[0]


def test_defaults_are_maelstroms() -> None:
    options = options_of(*HONEST, "--as-maelstrom")
    assert options.nodes == ("n0", "n1", "n2", "n3", "n4")
    assert (options.time_limit_s, options.rate, options.nemesis_interval_s) == (60, 5, 10)
    assert (options.latency.name, options.latency.mean_ms) == ("constant", 0)
    assert options.concurrency == 10
    assert not options.head_of_line


def test_concurrency_counts_in_nodes() -> None:
    assert options_of(*HONEST, "--node-count", "3", "--concurrency", "4n").concurrency == 12
    assert options_of(*HONEST, "--node-count", "3", "--concurrency", "18").concurrency == 18


def test_nodes_can_be_named() -> None:
    assert options_of(*HONEST, "--node", "a", "--node", "b").nodes == ("a", "b")
    assert options_of(*HONEST, "--nodes", "x,y,z").nodes == ("x", "y", "z")


def test_words_after_the_dashes_go_to_the_binary() -> None:
    options = options_of(*HONEST, "--", "--rate", "7", "--", "x")
    assert options.command[-4:] == ("--rate", "7", "--", "x")
    assert options.rate == 5


def test_the_command_to_repeat_has_the_seed_and_no_count() -> None:
    options = options_of(*HONEST, "--test-count=3", "--seed", "5", "--rate", "9", "--", "--seed")
    assert options.repeat_command(Path("store")) == (
        f"{command_here('bench')} test --seed 5 -w lin-kv --bin broken:honest --rate 9 -- --seed"
    )


def test_a_binary_is_found_from_any_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(FOLDER)
    words = ("test", "-w", "lin-kv", "--bin", "honest.py")
    assert options_of(*words).command == (str(FOLDER / "honest.py"),)


def test_nemeses_are_named_one_by_one_or_all() -> None:
    assert options_of(*HONEST).nemeses == ()
    assert options_of(*HONEST, "--nemesis", "none").nemeses == ()
    assert options_of(*HONEST, "--nemesis", "pause,kill,pause").nemeses == ("kill", "pause")
    assert options_of(*HONEST, "--nemesis", "all").nemeses == ("kill", "partition", "pause")
    assert options_of(*HONEST).slow_ms is None
    assert options_of(*HONEST, "--slow").slow_ms == 100
    assert options_of(*HONEST, "--slow", "30").slow_ms == 30


def test_run_in_an_argument_of_the_binary_is_the_runs_own_folder(tmp_path: Path) -> None:
    options = options_of(*HONEST, "--", "--data-dir", "{run}/data", "run")
    assert options.command[-3:] == ("--data-dir", "{run}/data", "run")
    assert options.command_in(tmp_path)[-3:] == ("--data-dir", f"{tmp_path}/data", "run")


def test_options_of_other_workloads_are_taken() -> None:
    options_of(
        *HONEST, "--key-count", "5", "--topology", "grid", "--consistency-models", "PL-3 , causal"
    )


@pytest.mark.parametrize(
    ("workload", "line", "answer"),
    [
        ("lin-kv", "read 1", '= {"type":"error","code":20'),
        ("echo", "echo hello", '= {"type":"error","code":10'),
        ("echo", "echo", "echo takes ECHO"),
        ("echo", "read 1", "there is no command read"),
    ],
)
def test_the_shell_has_the_commands_of_its_workload(workload: str, line: str, answer: str) -> None:
    words = (sys.executable, "-m", "vsr_node.bench", "shell", "-w", workload, *HONEST[3:])
    done = subprocess.run(words, input=line, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1].startswith(answer)


def test_every_broken_node_is_an_executable_and_has_a_place_in_the_table() -> None:
    files = {path.name for path in FOLDER.glob("*.py") if not path.name.startswith("small_")}
    lies = [node.name for node in (*BROKEN_NODES, *OTHER_NODES, *HARD_NODES)]
    names = ["honest", "honest-on-disk", "honest-all", "raft", "echo-only", *lies]
    assert files == {Path(broken_command(name)[-1]).name for name in names}
    assert all((FOLDER / file).stat().st_mode & 0o111 for file in files)
    assert len(BROKEN_NODES) >= 10
    assert len(HARD_NODES) >= 9


def test_a_dumb_terminal_gets_no_live_line(monkeypatch: pytest.MonkeyPatch) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    for name, escapes in (("xterm", True), ("dumb", False)):
        monkeypatch.setenv("TERM", name)
        terminal = Terminal()
        console = Console(terminal)
        console.show_status("1 s")
        console.say("a line")
        assert ("\x1b" in terminal.getvalue()) == escapes
        assert "a line\n" in terminal.getvalue()
