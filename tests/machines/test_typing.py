"""Pyright accepts and refuses the same lines as mypy, which reads all tests anyway."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.slow
def test_pyright_agrees_with_mypy(tmp_path: Path) -> None:
    settings = tmp_path / "pyrightconfig.json"
    files = [ROOT / "tests/machines/typing_check.py", ROOT / "examples"]
    settings.write_text(
        json.dumps(
            {
                "include": [str(file) for file in files],
                "extraPaths": [str(ROOT), str(ROOT / "examples")],
                "pythonVersion": "3.11",
                "typeCheckingMode": "strict",
                "reportUnnecessaryTypeIgnoreComment": True,
                "reportMissingTypeStubs": False,
            }
        ),
        encoding="utf-8",
    )
    checker = [sys.executable, "-m", "basedpyright", "--pythonpath", sys.executable]
    done = subprocess.run(
        [*checker, "--project", settings],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout
