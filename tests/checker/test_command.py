"""The command line: exit status, and what people are told."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.checker.histories import history
from tests.checker.test_bounds import hard

ROOT = Path(__file__).parent.parent.parent


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "vsr_node.checker", *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )


def stored(path: Path, *steps: tuple[Any, ...]) -> str:
    file = path / "history.jsonl"
    lines = [json.dumps(event._asdict()) for event in history(*steps)]
    file.write_text("\n".join(lines), encoding="utf-8")
    return str(file)


def test_valid(tmp_path: Path) -> None:
    result = run(stored(tmp_path, (0, "invoke", "write", 1), (0, "ok", "write", 1)))
    assert (result.returncode, result.stderr) == (0, "")
    assert result.stdout == "Linearizable: 1 operation on 1 key.\n"


def test_invalid(tmp_path: Path) -> None:
    file = stored(
        tmp_path,
        (0, "invoke", "write", 1, "x"),
        (0, "ok", "write", 1, "x"),
        (1, "invoke", "cas", [1, 2], "x"),
        (2, "invoke", "write", 5, "x"),
        (3, "invoke", "cas", [4, 2], "x"),
        (2, "info", "write", 5, "x"),
        (0, "invoke", "read", None, "x"),
        (0, "ok", "read", 3, "x"),
        (4, "invoke", "read", None, "y"),
        (4, "ok", "read", None, "y"),
    )
    result = run(file)
    assert (result.returncode, result.stderr) == (1, "")
    unknown = "outcome unknown"
    assert result.stdout == (
        "Not linearizable: 1 key of 6 operations on 2 keys in all.\n"
        'Key "x": valid up to operation 1 of 2; read 3 by process 0 (events 6 to 7)'
        " can't be placed\n"
        "  An order that explains everything before that (all):\n"
        "    process 0    write 1          (events 0 to 1)\n"
        "  Then the register is 1, and nothing can come next:\n"
        "    process 0    read 3           (events 6 to 7): "
        "it read 3, and the register is 1\n"
        f"    process 1    cas 1 -> 2       (from event 2, {unknown}): fits, but leads nowhere\n"
        f"    process 2    write 5          (from event 3, {unknown}): fits, but leads nowhere\n"
        f"    process 3    cas 4 -> 2       (from event 4, {unknown}): "
        "it found 4, and the register is 1\n"
    )


@pytest.mark.parametrize("limit", [("--time-limit", "0.2"), ("--memory-limit", "0.5")])
def test_unknown(tmp_path: Path, limit: tuple[str, str]) -> None:
    result = run(stored(tmp_path, *hard(0, 40, None)), *limit)
    assert (result.returncode, result.stderr) == (2, "")
    assert result.stdout.startswith("Unknown: 1 key undecided of 83 operations on 1 key in all.\n")
    assert "The register: valid up to operation 2 of 83; undecided, as the" in result.stdout


def test_a_map(tmp_path: Path) -> None:
    file = stored(tmp_path, (0, "invoke", "append", "a"), (0, "ok", "append", "a"))
    assert run(file, "--model", "map").returncode == 0
    result = run(file)
    assert result.returncode == 4
    assert "the register model does not know append" in result.stderr


def test_a_file_that_can_not_be_read(tmp_path: Path) -> None:
    for path in (tmp_path / "missing", tmp_path):
        result = run(str(path))
        assert (result.returncode, result.stdout) == (3, "")
        assert result.stderr.startswith(f"{path}: ")
        assert "Traceback" not in result.stderr


def test_a_malformed_history(tmp_path: Path) -> None:
    file = tmp_path / "history.jsonl"
    file.write_text('{"index": 0}\n', encoding="utf-8")
    result = run(str(file))
    assert (result.returncode, result.stdout) == (4, "")
    assert result.stderr.startswith(f'{file}: line 1: "process" must be there')


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["file", "--model", "queue"],
        ["file", "--time-limit", "0"],
        ["file", "--time-limit", "nan"],
        ["file", "--memory-limit", "much"],
        ["file", "another"],
    ],
)
def test_wrong_arguments(arguments: list[str]) -> None:
    result = run(*arguments)
    assert (result.returncode, result.stdout) == (5, "")
    assert result.stderr.startswith("scripts/vsr check: ")
    assert result.stderr.splitlines()[1].startswith("usage: scripts/vsr check")


def test_help() -> None:
    result = run("--help")
    assert result.returncode == 0
    assert "Exit status: 0 linearizable, 1 not linearizable, 2 unknown" in result.stdout
