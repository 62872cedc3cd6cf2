"""What the storage asks of the file system."""

import fcntl
import os
import stat
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path

from .protocol import StorageError

LOCK_NAME = "lock"

LOCK_PATIENCE_S = 1.0
"""A process that was killed may take a moment to be gone."""

LOCK_POLL_S = 0.01

_SETTLED_AFTER_NS = 100_000_000
"""More than a tick of any file system's clock."""

_READ_BYTES = 1 << 20


def make_private_folder(path: Path) -> None:
    """Make a folder for this user alone, unless it exists.

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
        flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC
        self._descriptor = os.open(folder / LOCK_NAME, flags, 0o600)
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

    def close(self) -> None:
        """Let another process have the folder."""
        close(self._descriptor)


class Watch:
    """Notices when files of a folder are gone or replaced while they are in use.

    All of them are held open meanwhile, which keeps their inodes' numbers from other files.
    """

    def __init__(self, folder: Path, paths: Iterable[Path]) -> None:
        self._folder = str(folder)  # A Path becomes one at each look.
        self._inodes = {str(path): path.stat().st_ino for path in paths}
        self._seen = (0, 0)

    def check(self) -> None:
        """Raise StorageError or OSError if one of the files is another by now, or gone.

        The time of the folder tells whether any name in it has changed since the last look. It
        counts in ticks of a clock, so a folder that has just changed is looked at again.
        """
        status = os.stat(self._folder)  # noqa: PTH116
        seen = (status.st_ino, status.st_mtime_ns)
        if seen == self._seen:
            return
        for path, inode in self._inodes.items():
            if os.stat(path).st_ino != inode:  # noqa: PTH116
                raise StorageError(f"{path} is not the file any more that this process uses")
        if time.time_ns() - status.st_mtime_ns > _SETTLED_AFTER_NS:
            self._seen = seen


def write_at(descriptor: int, data: bytes, offset: int) -> None:
    """Write all of ``data``; the system may take only some of it at a time. Raises OSError."""
    while data:
        done = os.pwrite(descriptor, data, offset)
        data, offset = data[done:], offset + done


def read_through(path: Path) -> None:
    """Read a file, so that the system raises the OSError that it has for any part of it."""
    with path.open("rb") as file:
        while file.read(_READ_BYTES):
            pass


def set_aside(paths: Iterable[Path], folder: Path) -> None:
    """Move files into a folder below the one they are in. Raises OSError."""
    folder.mkdir(mode=0o700, exist_ok=True)
    for path in paths:
        path.replace(folder / path.name)


def replace_text(path: Path, text: str) -> None:
    """Make a text the content of a file, which is whole at any time. Raises OSError."""
    path.parent.mkdir(parents=True, exist_ok=True)
    new = path.with_name(f"{path.name}.new")
    with new.open("w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        # Without it a loss of power could leave an empty file.
        flush(file.fileno())
    new.replace(path)
    flush_names(path.parent)


def close(descriptor: int) -> None:
    """Let go of a file. All that was to be durable is flushed, so an error changes nothing."""
    with suppress(OSError):
        os.close(descriptor)


def flush(descriptor: int) -> None:
    """Flush a file, so that its content survives a loss of power. Raises OSError."""
    if hasattr(fcntl, "F_FULLFSYNC"):  # macOS, whose fsync leaves it in the disk's own cache.
        fcntl.fcntl(descriptor, fcntl.F_FULLFSYNC)
    else:
        os.fdatasync(descriptor)


def flush_folder(folder: Path) -> None:
    """Flush all files in a folder, and their names. Raises OSError."""
    for path in folder.iterdir():
        _flush_path(path, flush)
    flush_names(folder)


def flush_names(folder: Path) -> None:
    """Flush the names in a folder. Raises OSError."""
    _flush_path(folder, os.fsync)


def flush_names_above(folder: Path) -> None:
    """Do the same for the name of the folder, and of those above it that may be new.

    Only a folder of this user can have been made by this process, or by an earlier one that ended
    before it could flush. Raises OSError.
    """
    for path in (folder, *folder.absolute().parents):
        if path.stat().st_uid != os.geteuid():
            return
        # Who may not list the folder can't open it to flush it.
        with suppress(PermissionError):
            flush_names(path.parent)


def _flush_path(path: Path, how: Callable[[int], None]) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        how(descriptor)
    finally:
        close(descriptor)
