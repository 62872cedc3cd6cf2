"""What the storage asks of the file system."""

import fcntl
import os
import stat
import time
from collections.abc import Callable
from pathlib import Path

from .protocol import StorageError

LOCK_NAME = "lock"

LOCK_PATIENCE_S = 1.0
"""A process that was killed may take a moment to be gone."""

LOCK_POLL_S = 0.01


def make_private_folder(path: Path) -> None:
    """Makes a folder for this user alone, unless it is there.

    Raises StorageError for what may be somebody else's, and OSError.
    """
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    status = path.lstat()
    if not stat.S_ISDIR(status.st_mode):
        raise StorageError(f"{path} is no folder")
    if status.st_uid != os.geteuid():
        raise StorageError(f"{path} belongs to another user")
    if status.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        raise StorageError(f"{path} can be written by other users")


class Lock:
    """The lock of a folder, held until it is closed or the process ends.

    Raises StorageError when another process keeps it, and OSError.
    """

    def __init__(self, folder: Path, patience_s: float = LOCK_PATIENCE_S) -> None:
        self._path = str(folder / LOCK_NAME)  # A Path becomes one at each look.
        flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC
        self._descriptor = os.open(self._path, flags, 0o600)
        self._inode = os.fstat(self._descriptor).st_ino
        deadline = time.monotonic() + patience_s
        while not self._is_taken():
            if time.monotonic() >= deadline:
                self.close()
                raise StorageError(f"{folder} is in use by another process")
            time.sleep(LOCK_POLL_S)

    def _is_taken(self) -> bool:
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def check(self) -> None:
        """Raises StorageError or OSError if the folder is another by now, or gone.

        The file that is held open keeps its inode's number from being given to another.
        """
        if os.stat(self._path).st_ino != self._inode:  # noqa: PTH116
            raise StorageError(f"{self._path} is not the file any more that was locked")

    def close(self) -> None:
        """Lets another process have the folder."""
        os.close(self._descriptor)


def flush(descriptor: int) -> None:
    """Brings a file's content to where it survives a loss of power. Raises OSError."""
    if hasattr(fcntl, "F_FULLFSYNC"):  # macOS, whose fsync leaves it in the disk's own cache.
        fcntl.fcntl(descriptor, fcntl.F_FULLFSYNC)
    else:
        os.fdatasync(descriptor)


def flush_folder(folder: Path) -> None:
    """Does the same for all files in a folder, and for their names. Raises OSError."""
    for path in folder.iterdir():
        _flush_path(path, flush)
    flush_names(folder)


def flush_names(folder: Path) -> None:
    """Does the same for which names are in a folder. Raises OSError."""
    _flush_path(folder, os.fsync)


def _flush_path(path: Path, how: Callable[[int], None]) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        how(descriptor)
    finally:
        os.close(descriptor)
