"""A checkout of the scripts alone, with stand-ins for what they start, and no network."""

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
SCRIPTS = (
    *("run-vsr-node", "maelstrom-kv"),
    *("scripts/setup", "scripts/test", "scripts/get-maelstrom", "scripts/vsr"),
    *(
        "vsr_node/__init__.py",
        "vsr_node/__main__.py",
        "vsr_node/entry.py",
        "vsr_node/start.py",
        "vsr_node/shell_command.py",
    ),
)

# Records each call, and "installs" nothing, as what the stand-ins below import is in the checkout.
INSTALLER = """#!/bin/sh
echo "$*" >>"$CALLS"
"""

# Print what they were started with, as JSON.
STAND_IN = """
import json, os, sys
def main(arguments):
    sys.stdout.write(json.dumps({
        "arguments": arguments, "directory": os.getcwd(), "process": os.getpid(),
        "asserts": __debug__, "isolated": sys.flags.isolated, "input": sys.stdin.read()}))
    return 0
if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
"""


@dataclass(frozen=True, slots=True)
class Checkout:
    """A folder with copies of the scripts, and a folder of programs that its PATH begins with."""

    root: Path
    programs: Path

    @property
    def environment(self) -> dict[str, str]:
        kept = {name: os.environ[name] for name in ("HOME", "TMPDIR") if name in os.environ}
        path = f"{self.programs}:/usr/bin:/bin"
        return kept | {"PATH": path, "CALLS": str(self.calls_file)}

    @property
    def calls_file(self) -> Path:
        return self.programs / "calls"

    def calls(self) -> list[str]:
        """Return what the stand-ins were called with, a line a call."""
        return self.calls_file.read_text().splitlines() if self.calls_file.exists() else []

    def add_program(self, name: str, text: str) -> None:
        program = self.programs / name
        program.unlink(missing_ok=True)
        program.write_text(text)
        program.chmod(0o755)

    def run(
        self,
        *command: str | Path,
        directory: Path | None = None,
        variables: dict[str, str] | None = None,
        given: str = "",
    ) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            command,
            cwd=directory or self.root,
            env=self.environment | (variables or {}),
            input=given,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    """Return a fresh checkout, in a folder whose name has a blank, with an installer that works."""
    root, programs = tmp_path / "a checkout", tmp_path / "programs"
    programs.mkdir()
    for script in SCRIPTS:
        (root / script).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / script, root / script)
    (root / "requirements.txt").write_text("orjson==0\n")
    (root / "requirements-dev.txt").write_text("orjson==0\npytest==0\n")
    for folder in ("bench", "maelstrom"):
        (root / "vsr_node" / folder).mkdir(parents=True)
        (root / "vsr_node" / folder / "__main__.py").write_text(STAND_IN)
    checkout = Checkout(root, programs)
    # The interpreter itself, not the virtual environment that runs this test.
    base_python = Path(sys.executable).resolve()
    checkout.add_program("python3", f'#!/bin/sh\nexec "{base_python}" "$@"\n')
    checkout.add_program("uv", INSTALLER)
    return checkout
