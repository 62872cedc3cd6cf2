"""Small bugs that named tests must notice: each in a copy of the checkout of its own.

    python -m scripts.soaking.mutants [NAME ...]

The simulator catches the bugs of the protocol (``vsr_node.simulation.mutations``). It has neither
files nor lines of JSON nor a process, so a bug there is for the tests: those in the files that the
mutation names. A mutation that they pass is a hole. They must pass without it, too.
"""

import argparse
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from scripts.soaking.catalogue import CATALOGUE, GuardedMutation
from vsr_node.simulation.patching import patch

ROOT = Path(__file__).parents[2]

COPIED = ("vsr_node", "tests", "scripts", "docs", "pyproject.toml", "run-vsr-node")
"""All that these tests use. The interpreter is that of the checkout."""

TESTS_FAILED = 1
"""The exit status of pytest when a test failed. Any other means that the tests did not run."""


def main(words: Sequence[str]) -> int:
    """Try the named mutations, or all; return 0 if each was noticed."""
    parser = argparse.ArgumentParser(prog="scripts.soaking.mutants", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help="a mutation; default: all")
    names = parser.parse_args(words).names
    mutations = [one for one in CATALOGUE if not names or one.mutation.name in names]
    if unknown := set(names) - {one.mutation.name for one in mutations}:
        parser.error(f"there is no mutation {', '.join(sorted(unknown))}")
    files = sorted({file for one in mutations for file in one.tests})
    if status := _run_tests_with(None, files):
        print(f"the tests fail without a mutation (exit status {status})")
        return 1
    survivors = [one.mutation.name for one in mutations if not _is_noticed(one)]
    print(f"{len(mutations)} mutations, {len(survivors)} not noticed: {', '.join(survivors)}")
    return 1 if survivors else 0


def _is_noticed(one: GuardedMutation) -> bool:
    began_at = time.monotonic()
    status = _run_tests_with(one, one.tests)
    verdict = {0: "NOT NOTICED", TESTS_FAILED: "noticed"}.get(status, f"NO VERDICT ({status})")
    duration_s = time.monotonic() - began_at
    print(f"{one.mutation.name:40}  {verdict}, {duration_s:.0f} s", flush=True)
    return status == TESTS_FAILED


def _run_tests_with(one: GuardedMutation | None, files: Sequence[str]) -> int:
    """Run tests in a copy of the checkout, with a mutation in it; return pytest's exit status."""
    with tempfile.TemporaryDirectory() as name:
        copy = Path(name)
        _copy_to(copy)
        if one is not None:
            path = copy / one.folder / one.file
            path.write_text(patch(one.mutation, one.file, path.read_text()))
        command = (sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", *files)
        return subprocess.run(command, cwd=copy, stdout=subprocess.DEVNULL, check=False).returncode


def _copy_to(copy: Path) -> None:
    for name in COPIED:
        path = ROOT / name
        if path.is_dir():
            shutil.copytree(path, copy / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy2(path, copy / name)
    (copy / ".venv").symlink_to(ROOT / ".venv")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
