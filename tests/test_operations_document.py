"""docs/OPERATIONS.md: its commands run as printed, and so does the example of a blocking client."""

import os
import re
import shlex
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cluster.tcp import addresses
from vsr_node.cluster.command_line import main

ROOT = Path(__file__).parent.parent
DOCUMENT = (ROOT / "docs" / "OPERATIONS.md").read_text(encoding="utf-8")
PEERS = re.compile(r"a=\S+,b=\S+,c=\S+")


def peers() -> str:
    return ",".join(f"{name}={address}" for name, address in addresses().items())


def shell(script: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run lines of the document, with ``vsr`` of this checkout; end what they have started."""
    vsr = folder / "bin" / "vsr"
    vsr.parent.mkdir()
    vsr.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -m vsr_node "$@"\n')
    vsr.chmod(0o755)
    path = f"{vsr.parent}:{os.environ['PATH']}"
    environment = os.environ | {"PYTHONPATH": str(ROOT), "PATH": path}
    end = "trap 'kill $(jobs -p) 2>/dev/null; wait' EXIT"
    return subprocess.run(
        ["bash", "-c", f"{end}\n{script}\n"],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for example in (ROOT / "examples").glob("*.py"):
        (tmp_path / example.name).write_text(example.read_text(encoding="utf-8"))
    return tmp_path


def test_three_processes_as_printed(folder: Path) -> None:
    block = re.findall(r"```sh\n(.*?)```", DOCUMENT, re.DOTALL)[0]
    run = shell(PEERS.sub(peers(), block), folder)
    lines = run.stdout.splitlines()
    assert lines[0] == "5", run.stderr
    assert [line.split()[0] for line in lines[1:]] == ["a", "b", "c"]
    assert "Traceback" not in run.stderr


def test_the_blocking_client_of_the_examples(folder: Path) -> None:
    run = shell(
        f"export VSR_PEERS={peers()}\n"
        "for n in a b c; do vsr serve shop:Shop --name $n --data-dir data & done\n"
        f"{shlex.quote(sys.executable)} shop_client.py",
        folder,
    )
    lines = run.stdout.splitlines()
    assert lines[0].startswith("receipt: "), run.stderr
    assert lines[1:] == ["sold out: tea", "left: 0"]


def test_tls_as_printed(folder: Path) -> None:
    pytest.importorskip("cryptography", reason="only vsr pki needs it")
    block = re.findall(r"```sh\n(.*?)```", DOCUMENT, re.DOTALL)[1]
    serve = re.search(r"vsr serve.*", block)
    assert serve is not None
    members = "\n".join(
        serve[0].replace("--name a", f"--name {name}").replace("pki/a", f"pki/{name}") + " &"
        for name in "abc"
    )
    run = shell(f"export VSR_PEERS={peers()}\n{block.replace(serve[0], members)}", folder)
    assert run.stdout.splitlines()[-1] == "5", run.stderr


@pytest.mark.parametrize(
    ("command", "status"),
    [
        ("vsr call counter:Counter nope", 2),
        ("vsr call counter:Counter add text", 2),
        ("vsr call nowhere:Counter add 1", 2),
        ("vsr get k --peers a", 2),
        ("vsr get k --timeout 0.2", 3),
        ("vsr status", 3),
        ("vsr serve --name x --data-dir none", 2),
    ],
)
def test_exit_statuses(folder: Path, command: str, status: int) -> None:
    run = shell(f"export VSR_PEERS={peers()}\n{command}\nexit $?", folder)
    assert run.returncode == status, run.stderr
    assert "Traceback" not in run.stderr


@pytest.mark.parametrize(
    ("command", "text"),
    [
        ("vsr call counter add 1", "counter: expected MODULE:CLASS"),
        ("vsr status --peers ''", "--peers: expected NAME=HOST:PORT,.., not ''"),
        ("vsr get k --tls nowhere", "--tls: there is no nowhere/ca.pem"),
        ("vsr serve --name a --data-dir none --http x", "--http: expected HOST:PORT, not 'x'"),
        ("vsr serve --name a --data-dir none --listen 0.0.0.0:7001", "--tls"),
    ],
)
def test_a_wrong_command_line_is_explained_at_once(folder: Path, command: str, text: str) -> None:
    run = shell(f"export VSR_PEERS={peers()}\n{command}\nexit $?", folder)
    assert run.returncode == 2
    assert text in run.stderr
    assert len(run.stderr.splitlines()) == 1


def test_pki_explains_what_stands_in_its_way(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with monkeypatch.context() as without:
        without.setitem(sys.modules, "vsr_node.cluster.pki", None)
        assert main(["pki", str(tmp_path / "new"), "a"]) == 2
    assert capsys.readouterr().err == "vsr: pki needs a package: pip install cryptography\n"
    pytest.importorskip("cryptography", reason="only vsr pki needs it")
    (tmp_path / "old" / "a").mkdir(parents=True)
    assert main(["pki", str(tmp_path / "old"), "a"]) == 2
    assert f"{tmp_path}/old/a exists already" in capsys.readouterr().err


def test_an_address_in_use_is_named(folder: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        run = shell(f"vsr serve --peers a={address} --name a --data-dir none", folder)
    assert run.returncode == 3
    assert run.stderr == f"vsr: a can't listen at {address}: Address already in use\n"
