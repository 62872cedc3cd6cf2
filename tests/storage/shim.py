"""Builds ``shim.c``, and sets it up in a process that was started with it."""

import ctypes
import shutil
import subprocess
import sys
from pathlib import Path

SOURCE = Path(__file__).with_name("shim.c")

HALF_DONE = -1
"""In place of an errno: the call does half of its work and returns how much that was."""


def why_not() -> str:
    """Return why the shim can't be used here; empty if it can."""
    if not sys.platform.startswith("linux"):
        return "the shim stands before the calls of Linux"
    return "" if shutil.which("cc") else "there is no C compiler (cc)"


def build(folder: Path) -> Path:
    """Compile the shim into ``folder`` and return the library."""
    library = folder / "shim.so"
    subprocess.run(
        ["cc", "-O1", "-shared", "-fPIC", "-o", str(library), str(SOURCE), "-ldl"], check=True
    )
    return library


class Shim:
    """The shim of this process."""

    def __init__(self) -> None:
        self._library = ctypes.CDLL(None)
        self._library.shim_calls.restype = ctypes.c_long

    def fail(self, folder: Path, call: int, error: int) -> None:
        """Make the ``call``-th call below ``folder`` fail with ``error``; none if it is 0."""
        self._plan(folder, call, error, -1)

    def record(self, folder: Path, log: int) -> None:
        """Write all calls below ``folder`` that change something to the descriptor ``log``."""
        self._plan(folder, 0, 0, log)

    def mark(self, text: str) -> None:
        """Note in the log that the process has come so far."""
        self._library.shim_log(b"mark", text.encode(), ctypes.c_long(0), b"", ctypes.c_size_t(0))

    @property
    def call_count(self) -> int:
        """The calls since the plan."""
        count: int = self._library.shim_calls()
        return count

    def _plan(self, folder: Path, call: int, error: int, log: int) -> None:
        self._library.shim_plan(str(folder).encode(), ctypes.c_long(call), error, log)
