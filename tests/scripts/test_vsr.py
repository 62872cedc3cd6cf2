"""The command ``vsr``: in a clone, installed, and started in a folder of hostile modules."""

import ensurepip
import json
import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import orjson
import pytest

from tests.scripts.conftest import ROOT, Checkout
from vsr_node import __version__, shell_command
from vsr_node.shell_command import command_elsewhere, command_here
from vsr_node.start import NODE, isolated, isolated_script

VSR = str(ROOT / "scripts/vsr")
WORKLOAD = ("bench", "test", "-w", "lin-kv", "--bin", "vsr-node", "--node-count", "3")
VALID = """\
{"index":0,"time":1,"process":0,"type":"invoke","f":"write","value":[1,2]}
{"index":1,"time":2,"process":0,"type":"ok","f":"write","value":[1,2]}
"""


@pytest.fixture
def hostile(tmp_path: Path) -> Path:
    """Return a folder of modules that end whoever imports them with status 1, *invalid*."""
    folder = tmp_path / "hostile folder"
    folder.mkdir()
    for name in ("random", "json", "argparse", "dataclasses", "selectors", "orjson"):
        (folder / f"{name}.py").write_text("raise SystemExit(1)")
    (folder / "history.jsonl").write_text(VALID)
    return folder


def run_in(
    folder: Path, *words: str, variables: dict[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run a command in a folder of modules, which PYTHONPATH names, too."""
    return subprocess.run(
        words,
        cwd=folder,
        env=os.environ | {"PYTHONPATH": f"{folder}:{ROOT}"} | (variables or {}),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


@pytest.mark.parametrize("name", ["bench", "node"])
def test_a_fresh_clone_sets_itself_up_and_isolates_the_command(
    checkout: Checkout, hostile: Path, name: str
) -> None:
    script = checkout.root / "scripts/vsr"
    variables = {"PYTHONPATH": str(hostile), "PYTHONOPTIMIZE": "1"}
    result = checkout.run(script, name, "two words", directory=hostile, variables=variables)
    told = json.loads(result.stdout)
    assert told["arguments"] == ["two words"]
    assert told["directory"] == str(hostile)
    assert (told["isolated"], told["asserts"]) == (1, True)
    assert "setting up" in result.stderr


def test_works_through_a_symlink(checkout: Checkout, tmp_path: Path) -> None:
    (checkout.programs / "vsr").symlink_to(checkout.root / "scripts/vsr")
    result = checkout.run("vsr", "bench", directory=tmp_path)
    assert json.loads(result.stdout)["arguments"] == []


def test_a_set_up_that_fails_is_no_verdict(checkout: Checkout) -> None:
    for name in ("python3", "python3.13", "python3.12", "python3.11"):
        checkout.add_program(name, "#!/bin/sh\nexit 1\n")
    result = checkout.run("scripts/vsr", "check", "history.jsonl")
    assert (result.returncode, result.stdout) == (255, "")


def test_help_names_the_commands_and_version_the_version(hostile: Path) -> None:
    told = run_in(hostile, VSR, "--help")
    assert told.returncode == 0
    assert [line.split()[0] for line in told.stdout.splitlines()[2:6]] == [
        *("node", "bench", "check", "simulate")
    ]
    version = run_in(hostile, VSR, "--version")
    assert (version.returncode, version.stdout) == (0, f"vsr {__version__}\n")


@pytest.mark.parametrize("words", [(), ("tset",), ("--version", "x")])
def test_wrong_usage_is_no_verdict(hostile: Path, words: tuple[str, ...]) -> None:
    result = run_in(hostile, VSR, *words)
    assert (result.returncode, result.stdout) == (254, "")
    assert result.stderr.startswith("usage: ")


@pytest.mark.parametrize(
    "words",
    [
        ("vsr_node", "check", "history.jsonl"),
        ("vsr_node.checker", "history.jsonl"),
        ("vsr_node.simulation", "--seeds", "0..1", "--jobs", "1"),
        ("vsr_node.bench", "test", "--help"),
        ("vsr_node.maelstrom", "--help"),
    ],
)
def test_python_m_is_isolated(hostile: Path, words: tuple[str, ...]) -> None:
    result = run_in(hostile, sys.executable, "-m", *words)
    assert result.returncode == 0, result.stderr


def test_workers_of_the_simulator_and_mutants_are_isolated(hostile: Path) -> None:
    seeds = run_in(hostile, VSR, "simulate", "--seeds", "0..2", "--jobs", "2")
    assert seeds.returncode == 0, seeds.stderr
    mutant = run_in(hostile, VSR, "simulate", "--mutations", "quorum-too-small", "--jobs", "1")
    assert mutant.returncode == 0, mutant.stderr
    assert "1 mutations, " in mutant.stdout


def test_a_script_of_ours_finds_its_neighbours_and_nothing_of_the_caller(hostile: Path) -> None:
    (hostile / "beside").mkdir()
    (hostile / "beside/neighbour.py").write_text("import random")
    (hostile / "beside/script.py").write_text("import neighbour")
    result = run_in(hostile, *isolated_script(str(hostile / "beside/script.py")))
    assert result.returncode == 0, result.stderr


def test_the_package_that_was_started_runs_whatever_else_is_installed(tmp_path: Path) -> None:
    copy = tmp_path / "vsr_node"
    shutil.copytree(ROOT / "vsr_node", copy)
    module = copy / "__init__.py"
    module.write_text(module.read_text().replace(__version__, "another"))
    started = run_in(tmp_path, sys.executable, "-m", "vsr_node", "--version")
    assert started.stdout == "vsr another\n"


@pytest.mark.parametrize(
    "words",
    [
        isolated("vsr_node.no_such_module"),
        # Without the site's packages, orjson among them.
        (sys.executable, "-S", *isolated("vsr_node", "bench", "test", "--help")[1:]),
        (sys.executable, "-S", *isolated("vsr_node.bench", "test", "--help")[1:]),
    ],
)
def test_an_uncaught_error_is_no_verdict(hostile: Path, words: tuple[str, ...]) -> None:
    result = run_in(hostile, *words)
    assert (result.returncode, result.stdout) == (255, "")
    assert "Traceback" in result.stderr
    assert result.stderr.endswith("an error in this program; there is no verdict\n")


def test_a_node_is_isolated_once(hostile: Path) -> None:
    """``--bin vsr-node`` and ``run-vsr-node`` start Python once; ``vsr node`` imports no bench."""
    assert NODE[:2] == (sys.executable, "-I")
    assert '-I "$root/vsr_node/entry.py" vsr_node.maelstrom' in (ROOT / "run-vsr-node").read_text()
    listed = run_in(
        hostile, sys.executable, "-X", "importtime", *isolated("vsr_node", "node", "--help")[1:]
    )
    assert listed.returncode == 0
    assert "vsr_node.maelstrom.node" in listed.stderr
    for folder in ("bench", "checker", "simulation", "report"):
        assert f"vsr_node.{folder}" not in listed.stderr


def repeated(screen: str) -> str:
    """Return the command that a run's last lines offer."""
    (line,) = [line for line in screen.splitlines() if line.startswith("repeat with ")]
    return line.removeprefix("repeat with ").strip()


def try_all(folder: Path, vsr: str, variables: dict[str, str]) -> None:
    """Test, judge, simulate, examine; then type what was printed."""

    def run(*words: str) -> subprocess.CompletedProcess[str]:
        result = run_in(folder, vsr, *words, variables=variables)
        assert result.returncode == 0, result.stdout + result.stderr
        return result

    screen = run(*WORKLOAD, "--time-limit", "2", "--rate", "100", "--seed", "1").stdout
    assert "Everything looks good!" in screen
    assert (folder / "store/latest/report.html").is_file()
    assert run("check", "store/latest/history.jsonl").stdout.startswith("Linearizable: ")
    run("simulate", "--seeds", "0..2", "--jobs", "1")
    assert "no mistake was found" in run("bench", "doctor", "--bin", "vsr-node").stdout
    results = orjson.loads((folder / "store/latest/results.json").read_bytes())
    assert results["repeat"] == repeated(screen)
    again = run_in(folder, "sh", "-c", repeated(screen), variables=variables)
    assert again.returncode == 0, again.stdout + again.stderr
    assert repeated(again.stdout) == repeated(screen)


def test_a_clone_from_a_hostile_folder(hostile: Path) -> None:
    try_all(hostile, VSR, {})


@pytest.mark.slow
def test_installed_from_a_hostile_folder(hostile: Path, tmp_path: Path) -> None:
    programs = install(tmp_path)
    path = {"PATH": f"{programs}:{os.environ['PATH']}", "PYTHONPATH": str(hostile)}
    try_all(hostile, "vsr", path)
    results = orjson.loads((hostile / "store/latest/results.json").read_bytes())
    assert results["repeat"].startswith("vsr bench test ")
    # Not in PATH, it is typed by its path.
    told = run_in(hostile, str(programs / "vsr"), "--help", variables={"PYTHONPATH": str(hostile)})
    assert told.stdout.startswith(f"usage: {programs}/vsr COMMAND")


def install(folder: Path) -> Path:
    """Install the package as a wheel into a fresh environment; return its folder of programs."""
    source, environment = folder / "source", folder / "environment"
    source.mkdir()
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    shutil.copytree(ROOT / "vsr_node", source / "vsr_node")
    # The pip that Python brings along need not be unpacked, which takes as long as all the rest.
    wheels = [str(wheel / "pip") for wheel in Path(ensurepip.__file__).parent.rglob("pip-*.whl")]
    venv = (sys.executable, "-I", "-m", "venv", *(["--without-pip"] if wheels else []))
    subprocess.run([*venv, environment], check=True)
    pip = subprocess.run(
        [
            environment / "bin/python",
            "-I",
            *(wheels or ["-m", "pip"]),
            "install",
            "--no-deps",
            source,
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    if pip.returncode and "No matching distribution found for setuptools" in pip.stderr:
        pytest.skip("pip reaches no package index")
    assert pip.returncode == 0, pip.stderr
    (packages,) = environment.glob("lib/python3*/site-packages")
    shutil.copytree(Path(orjson.__file__).parent, packages / "orjson")
    return environment / "bin"


# How a command is printed


def test_in_a_clone_the_script_is_typed_from_where_one_stands(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for folder, typed in (
        (ROOT, "scripts/vsr"),
        (ROOT / "scripts", "./vsr"),
        (tmp_path, shlex.quote(VSR)),
        (ROOT / "docs", shlex.quote(VSR)),
    ):
        monkeypatch.chdir(folder)
        assert command_here("check", "two words") == f"{typed} check 'two words'"
        assert subprocess.run([*shlex.split(typed), "--version"], check=False).returncode == 0


def test_installed_the_name_is_typed_if_it_starts_this_very_python(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(shell_command, "_CLONE", tmp_path / "site-packages")
    monkeypatch.setattr(sys, "executable", str(tmp_path / "bin/python"))
    monkeypatch.setenv("PATH", f"{tmp_path}/path")
    assert command_here("bench") == f"{tmp_path}/bin/python -m vsr_node bench"
    for folder, typed in (("bin", f"{tmp_path}/bin/vsr"), ("path", "vsr")):
        script = tmp_path / folder / "vsr"
        script.parent.mkdir()
        script.write_text(f"#!{tmp_path}/bin/python\n")
        script.chmod(0o755)
        assert command_here("bench") == f"{typed} bench"
    (tmp_path / "path/vsr").write_text("#!/usr/bin/python of another environment\n")
    assert command_here("bench") == f"{tmp_path}/bin/vsr bench"


def test_elsewhere_the_plain_name_is_typed() -> None:
    assert command_elsewhere(command_here("bench", "replay", "a b")) == "vsr bench replay 'a b'"
