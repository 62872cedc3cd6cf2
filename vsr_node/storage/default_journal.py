"""Where a node keeps its journal by default.

The journal is in a folder of this user under the system's temporary one. In it there is a folder
for each owner: a process that starts nodes, and the directory that it starts them in. So a node
that was killed finds what it knew when the same process starts it again, and no other node does:
not one of a version with another format either, which a bench may start beside it to compare them.
The folder's name identifies the owner, so that the folders of owners that are gone get removed.
"""

import os
import zlib
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import NamedTuple

from .files import LOCK_NAME, Lock, make_private_folder
from .machine import boot_id, process_namespace, process_start
from .promise_file import FORMAT
from .protocol import StorageError


class Owner(NamedTuple):
    """A process and a directory. All but the process id are digests.

    That of the directory is also one of the journal's format.
    """

    boot: str
    namespace: str
    process_id: int
    start: str
    directory: str

    @classmethod
    def present(cls) -> "Owner":
        """Return the process that started this one, and the directory of this one."""
        process_id = os.getppid()
        return cls(
            _digest(boot_id()),
            _digest(process_namespace()),
            process_id,
            _digest(process_start(process_id)),
            _digest(f"{FORMAT} {Path.cwd()}"),
        )

    @classmethod
    def of(cls, folder_name: str) -> "Owner | None":
        """Return the owner whose folder has that name; None if it is not the name of one."""
        match folder_name.split("-"):
            case [boot, namespace, process_id, start, directory] if process_id.isdecimal():
                return cls(boot, namespace, int(process_id), start, directory)
        return None

    @property
    def folder_name(self) -> str:
        """The name of this owner's folder."""
        return "-".join(map(str, self))

    def is_gone(self, present: "Owner") -> bool:
        """Return whether this owner's process has certainly ended. ``present`` is the owner now."""
        if self.boot != present.boot:
            return True
        # The ids of another namespace mean nothing here.
        is_ours = self.namespace == present.namespace
        return is_ours and _digest(process_start(self.process_id)) != self.start


def folder() -> Path:
    """Return the folder of the present owner, which need not exist yet.

    Remove the folders of owners that are gone. Raise StorageError.
    """
    home = Path(os.environ.get("TMPDIR") or "/tmp") / f"vsr-node-{os.geteuid()}"
    try:
        make_private_folder(home)
        present = Owner.present()
        for path in home.iterdir():
            owner = Owner.of(path.name)
            if owner is not None and owner.is_gone(present):
                _remove_unless_in_use(path)
    except OSError as error:
        raise StorageError(f"no journal in {home}: {error}") from error
    return home / present.folder_name


def _remove_unless_in_use(path: Path) -> None:
    """Remove an owner's folder. Nodes may run on after their parent."""
    import shutil  # It takes a while to load and is rarely needed.

    with ExitStack() as locks, suppress(StorageError, OSError):
        for lock_path in path.glob(f"*/{LOCK_NAME}"):
            locks.callback(Lock(lock_path.parent, patience_s=0).close)
        shutil.rmtree(path)


def _digest(text: str) -> str:
    return f"{zlib.crc32(text.encode()):08x}"
