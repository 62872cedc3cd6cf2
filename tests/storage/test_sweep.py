"""File calls that fail: a part of ``tests.storage.sweep``, which tries each in each way."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.storage import shim
from vsr_node.storage.promise_file import Flush

pytestmark = pytest.mark.skipif(bool(shim.why_not()), reason=shim.why_not())

EVERY = 67
"""No multiple of the number of errors: so each of them meets calls of all kinds."""


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return shim.build(tmp_path_factory.mktemp("shim"))


@pytest.mark.parametrize("flush", Flush)
def test_a_call_that_fails_loses_nothing_that_was_saved(library: Path, flush: Flush) -> None:
    done = subprocess.run(
        [
            *(sys.executable, "-m", "tests.storage.sweep", "--library", library),
            *("--flush", flush.value, "--every", str(EVERY)),
        ],
        env={**os.environ, "LD_PRELOAD": str(library)},
        stdout=subprocess.PIPE,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    # Both happened: the shim was there, and not every error ends a process.
    assert "ended by a StorageError" in done.stdout
    assert "went on" in done.stdout
