"""The main job in a folder whose name is not ASCII, where the locale is ASCII."""

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.maelstrom.node_process import NodeProcess

ROOT = Path(__file__).parents[2]
CHARACTER_MAP = "ANSI_X3.4-1968"


@pytest.fixture(scope="module")
def ascii_locale(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Return the variables of a locale of ASCII that Python can't coerce to UTF-8, unlike C."""
    folder = tmp_path_factory.mktemp("locales")
    command = ("localedef", "-c", "-i", "en_US", "-f", CHARACTER_MAP, folder / "en_US.US-ASCII")
    if shutil.which("localedef") is None:
        pytest.skip("no localedef to make a locale of ASCII")
    made = subprocess.run(command, capture_output=True, check=False)
    if not (folder / "en_US.US-ASCII/LC_CTYPE").exists():
        pytest.skip(f"localedef made no locale of ASCII: {made.stderr.decode()}")
    return {"LOCPATH": str(folder), "LC_ALL": "en_US.US-ASCII"}


def variables_of(kind: str, ascii_locale: dict[str, str]) -> dict[str, str]:
    chosen = ascii_locale if kind == "ASCII" else {"LC_ALL": kind}
    return chosen | {"PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}


def clone(folder: Path) -> Path:
    """Copy what a user starts into a folder, and let it share this checkout's packages."""
    folder.mkdir()
    for name in ("maelstrom-kv", "run-vsr-node", "requirements.txt", "requirements-dev.txt"):
        shutil.copy(ROOT / name, folder)
    shutil.copytree(ROOT / "scripts", folder / "scripts")
    shutil.copytree(ROOT / "vsr_node", folder / "vsr_node")
    (folder / ".venv").symlink_to(ROOT / ".venv")
    return folder


def run(folder: Path, variables: dict[str, str], *command: str) -> str:
    done = subprocess.run(
        command,
        cwd=folder,
        env=os.environ | variables,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, (done.stdout + done.stderr).decode()
    return done.stdout.decode()


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["C", "POSIX", "ASCII"])
def test_a_run_its_page_and_its_check(
    tmp_path: Path, ascii_locale: dict[str, str], kind: str
) -> None:
    folder = clone(tmp_path / "Prüfstand 漢")
    variables = variables_of(kind, ascii_locale)
    options = ("--bench", "--seed", "1", "--rate", "100", "--", "--data-dir", str(folder / "Dätä"))
    told = run(folder, variables, "./maelstrom-kv", "1", "none", "1", *options)
    assert str(folder / "run-vsr-node") in told
    store = folder / "store/latest"
    assert str(folder) in (store / "command.txt").read_text(encoding="utf-8")
    command = json.loads((store / "test.json").read_text(encoding="utf-8"))["command"]
    assert str(folder / "run-vsr-node") in command
    assert str(folder / "Dätä") in command

    history = "Verläufe.jsonl"
    shutil.copy(store / "history.jsonl", folder / history)
    (store / "report.html").unlink()
    assert "report in" in run(folder, variables, "scripts/vsr", "bench", "report", "store/latest")
    assert (store / "report.html").exists()
    assert "Linearizable" in run(folder, variables, "scripts/vsr", "check", history)


@pytest.mark.parametrize("kind", ["C", "ASCII"])
def test_a_journal_in_such_a_folder_and_a_refusal_that_names_it(
    tmp_path: Path, ascii_locale: dict[str, str], monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    for name, value in variables_of(kind, ascii_locale).items():
        monkeypatch.setenv(name, value)
    folder = tmp_path / "Dätä"
    write = {"type": "write", "msg_id": 2, "key": "ключ", "value": "é"}
    read = {"type": "read", "msg_id": 3, "key": "ключ"}
    with NodeProcess("--data-dir", str(folder)) as node:
        node.init()
        assert node.ask(write)["type"] == "write_ok"
        node.end()
    with NodeProcess("--data-dir", str(folder)) as node:
        node.init()
        assert node.ask(read)["value"] == "é"
    (tmp_path / "keine Möglichkeit").touch()
    with NodeProcess("--data-dir", str(tmp_path / "keine Möglichkeit")) as node:
        reply = node.init()
        assert reply["code"] == 13
        assert "keine Möglichkeit" in reply["text"]


def test_a_refusal_names_a_folder_whose_bytes_are_not_utf_8(tmp_path: Path) -> None:
    folder = os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9")
    try:
        Path(folder).touch()
    except OSError:
        pytest.skip("the file system takes only UTF-8")
    with NodeProcess("--data-dir", folder) as node:
        reply = node.init()
    assert reply["code"] == 13
    assert r"caf\udce9" in reply["text"]
