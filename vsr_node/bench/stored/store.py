"""``store/<test>/<time>/``: all files of a run, and the links to the latest run."""

import os
import shutil
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import orjson

from vsr_node.bench.nodes.log_file import LogFile
from vsr_node.bench.nodes.loop import Clock
from vsr_node.bench.nodes.node_logs import NodeLogs

NODE_LOGS = "node-logs"


class MessageLog(LogFile):
    """``messages.jsonl``: each message at the end of its way, up to ``limit`` of them.

    A line has ``sent`` and ``ended`` (nanoseconds since the run began), ``fate`` (delivered,
    repeated for a second delivery, cut, lost, or dropped if its receiver was gone) and ``message``.
    Messages under way at the end of the run are not in it.
    """

    def __init__(self, path: Path, limit: int) -> None:
        super().__init__(path)
        self._left = limit
        self.left_out = 0

    def __call__(self, sent: int, ended: int, fate: bytes, payload: bytes) -> None:
        """Write one message."""
        if self._left:
            self._left -= 1
            self.write(
                b'{"sent":%d,"ended":%d,"fate":"%b","message":%b}\n' % (sent, ended, fate, payload)
            )
        else:
            self.left_out += 1


class Store:
    """The folder of one run."""

    def __init__(self, root: Path, test: str, now: datetime | None = None) -> None:
        self.folder = new_folder(root / test, now or datetime.now(UTC))
        (self.folder / NODE_LOGS).mkdir()
        self._files: list[LogFile | NodeLogs] = []
        for link in (root / "latest", root / "current", root / test / "latest"):
            point(link, self.folder)

    def open_log(self, name: str) -> LogFile:
        """Open a file that grows line by line, and that ``flush`` and ``close`` handle."""
        return self._keep(LogFile(self.folder / name))

    def open_messages(self, limit: int) -> MessageLog:
        """Open ``messages.jsonl``."""
        messages = MessageLog(self.folder / "messages.jsonl", limit)
        self._keep(messages)
        return messages

    def _keep(self, file: LogFile) -> LogFile:
        self._files.append(file)
        return file

    def open_node_logs(self, clock: Clock, say: Callable[[str], None] | None) -> NodeLogs:
        """Return the logs of the nodes, in ``node-logs/``; ``say`` prints their lines, too."""
        logs = NodeLogs(self.folder / NODE_LOGS, clock, say)
        self._files.append(logs)
        return logs

    def write_text(self, name: str, text: str) -> None:
        """Write a whole file."""
        (self.folder / name).write_text(text, encoding="utf-8")

    def write_json(self, name: str, value: Any) -> None:
        """Write a whole file of indented JSON."""
        write_json(self.folder / name, value)

    def flush(self) -> None:
        """Hand everything written so far to the system."""
        for file in self._files:
            file.flush()

    def close(self) -> None:
        """Close all files; a second call does nothing."""
        for file in self._files:
            file.close()


def write_json(path: Path, value: Any) -> None:
    """Write a whole file of indented JSON."""
    options = orjson.OPT_INDENT_2 | orjson.OPT_NON_STR_KEYS
    path.write_bytes(orjson.dumps(value, option=options) + b"\n")


def adopt(folder: Path, root: Path, test: str) -> Path:
    """Move a run's folder from elsewhere into the store; return its new place."""
    store = Store(root, test)
    store.folder.joinpath(NODE_LOGS).rmdir()
    for path in folder.iterdir():
        shutil.move(path, store.folder / path.name)
    return store.folder


def new_folder(parent: Path, now: datetime) -> Path:
    """Make a folder named after the time, or after the next free millisecond."""
    while True:
        milliseconds = now.microsecond // 1000
        folder = parent / f"{now:%Y%m%dT%H%M%S}.{milliseconds:03d}Z"
        with suppress(FileExistsError):
            folder.mkdir(parents=True)
            return folder
        now += timedelta(milliseconds=1)


def point(link: Path, folder: Path) -> None:
    """Point ``link`` to ``folder`` in one step, as other runs may do so at the same time."""
    fresh = link.with_name(f".{link.name}.{os.getpid()}")
    fresh.unlink(missing_ok=True)
    fresh.symlink_to(folder.relative_to(link.parent))
    fresh.replace(link)
