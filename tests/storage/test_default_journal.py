"""Whose the default journals are, and what tells machines' runs and processes apart."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from vsr_node.storage import default_journal, promise_file
from vsr_node.storage.default_journal import Owner
from vsr_node.storage.machine import boot_id, process_start

NO_PROCESS = 2**22 + 1
"""Beyond what Linux and macOS give."""


@pytest.fixture(params=["procfs", "commands"])
def source(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """The two ways in which systems tell: files of Linux, and commands."""
    if request.param == "procfs" and not Path("/proc/self/stat").exists():
        pytest.skip("this system has no procfs")
    if request.param == "commands":

        def refuse(path: Path, *_: object, **__: object) -> str:
            raise FileNotFoundError(path)

        monkeypatch.setattr(Path, "read_text", refuse)
        monkeypatch.setattr(Path, "exists", lambda _: False)


def test_a_process_is_known_by_its_start(source: None) -> None:
    start = process_start(os.getpid())
    assert start
    assert process_start(os.getpid()) == start
    assert process_start(NO_PROCESS) == ""


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="this system has no procfs")
def test_a_name_with_brackets_is_not_taken_for_more(tmp_path: Path) -> None:
    program = tmp_path / "a) b (c d"
    program.symlink_to("/bin/cat")
    with subprocess.Popen([program], stdin=subprocess.PIPE) as process:
        assert int(process_start(process.pid)) >= int(process_start(os.getpid()))
        process.terminate()


def test_the_machine_tells_its_run() -> None:
    assert boot_id()
    assert boot_id() == boot_id()


def test_an_owner_is_named_by_its_folder() -> None:
    present = Owner.present()
    assert Owner.of(present.folder_name) == present
    for name in ("", "n0", "a-b-c-d-e", present.folder_name + "-x"):
        assert Owner.of(name) is None


def test_only_an_owner_that_surely_ended_is_gone() -> None:
    present = Owner.present()
    assert not present.is_gone(present)
    assert not present._replace(directory="another").is_gone(present)
    assert present._replace(boot="another").is_gone(present)
    # The same process id, of another process.
    assert present._replace(start="another").is_gone(present)
    assert present._replace(process_id=NO_PROCESS).is_gone(present)
    # A process of another container can't be seen from here.
    other = present._replace(namespace="another", process_id=NO_PROCESS)
    assert not other.is_gone(present)


def test_the_owner_is_the_parent_process() -> None:
    program = "from vsr_node.storage.default_journal import Owner; print(Owner.present())"
    told = [
        subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
        for _ in range(2)
    ]
    assert told[0].stdout == told[1].stdout
    assert f"process_id={os.getpid()}," in told[0].stdout


def test_a_version_with_another_format_has_another_folder(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A bench that compares two versions starts both from one process in one directory."""
    present = Owner.present()
    monkeypatch.setattr(default_journal, "FORMAT", promise_file.FORMAT + 1)
    newer = Owner.present()
    assert newer.directory != present.directory
    assert newer._replace(directory=present.directory) == present
