"""Where a node keeps its data; see docs/SPECIFICATION.md, "Where data lives"."""

import re
import zlib
from collections.abc import Callable
from pathlib import Path

import orjson

from vsr_node.storage import default_journal
from vsr_node.storage.machine import boot_id
from vsr_node.storage.memory import MemoryStorage
from vsr_node.storage.promise_file import Flush
from vsr_node.storage.protocol import Storage
from vsr_node.storage.sqlite import SqliteStorage

from .options import IN_MEMORY, Options


def open_storage(
    options: Options,
    node: str,
    members: tuple[str, ...],
    init_id: int | None,
    message_id: Callable[[], int],
    log: Callable[[str], None],
    founders: tuple[str, ...] | None = None,
) -> Storage:
    """Open the storage of one replica without loading it. Raises StorageError.

    ``init_id`` is the network's number of the ``init`` message, None if the network numbers no
    messages; ``message_id`` returns the highest such number so far. ``log`` takes lines for people.
    ``founders`` are the ``members`` with which the group began; None stands for all.
    """
    if options.data_dir == IN_MEMORY:
        return MemoryStorage()
    name = _folder_name(node, members)
    if options.data_dir is None:
        return _default_journal(name, node, members, init_id, message_id, log, founders)
    return SqliteStorage(
        Path(options.data_dir) / name,
        node,
        members,
        flush=Flush.EVERYTHING if options.is_flushed else Flush.PROMISES,
        boot_id=boot_id(),
        founders=founders,
        log=log,
    )


def _default_journal(
    name: str,
    node: str,
    members: tuple[str, ...],
    init_id: int | None,
    message_id: Callable[[], int],
    log: Callable[[str], None],
    founders: tuple[str, ...] | None,
) -> Storage:
    """Open the journal that lasts as long as the same process restarts this node in one test.

    Message numbers rise during a test. So an ``init`` whose number is not above all recorded ones
    belongs to another test.
    """
    this_boot = boot_id()
    storage = SqliteStorage(
        default_journal.folder() / name,
        node,
        members,
        # The folder's name contains the boot id, so no later boot finds it. Some systems have none.
        flush=Flush.NOTHING if this_boot else Flush.PROMISES,
        boot_id=this_boot,
        founders=founders,
        message_id=message_id,
        log=log,
    )
    if init_id is None or init_id <= storage.recorded_message_id:
        storage.discard()
    return storage


def _folder_name(node: str, members: tuple[str, ...]) -> str:
    """Return a folder name for one replica of one group; it begins with the replica's name."""
    group = zlib.crc32(orjson.dumps((node, members)))
    return f"{re.sub('[^A-Za-z0-9_-]', '_', node)[:32]}-{group:08x}"
