"""The folder in which a hunt keeps its runs; a hunt that is killed leaves it to the next one."""

import fcntl
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

PREFIX = "bench-hunt-"
AGE_S_MIN = 60.0
"""A younger folder may be one that its hunt has not locked yet."""


@contextmanager
def scratch_folder() -> Iterator[Path]:
    """Make a folder that lasts as long as the hunt; remove those of hunts that were killed."""
    _remove_left_ones(Path(tempfile.gettempdir()))
    with tempfile.TemporaryDirectory(prefix=PREFIX) as name, _locked(Path(name)):
        yield Path(name)


def _remove_left_ones(folder: Path) -> None:
    """Remove the folders that nobody has locked. A folder that resists stays."""
    for path in folder.glob(f"{PREFIX}*"):
        with suppress(OSError):
            if time.time() - path.stat().st_mtime > AGE_S_MIN:
                with _locked(path):
                    shutil.rmtree(path)


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Lock a folder until the process ends. Raises BlockingIOError if another one has."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    finally:
        os.close(descriptor)
