"""What the storage asks of the file system, where the system does it in an unusual way."""

import os
import time
from pathlib import Path

import pytest

from vsr_node.storage.files import Watch, write_at
from vsr_node.storage.protocol import StorageError


def watched(folder: Path) -> Watch:
    folder.joinpath("file").write_text("content")
    return Watch(folder, [folder / "file"])


def test_a_change_in_the_tick_of_the_last_one_is_noticed(tmp_path: Path) -> None:
    """The folder's time is the same then."""
    watch = watched(tmp_path)
    now = time.time_ns()
    os.utime(tmp_path, ns=(now, now))
    watch.check()
    tmp_path.joinpath("file").unlink()
    os.utime(tmp_path, ns=(now, now))
    with pytest.raises(OSError, match="No such file"):
        watch.check()


def test_a_change_is_noticed_if_the_clock_of_the_files_is_ahead(tmp_path: Path) -> None:
    watch = watched(tmp_path)
    later = time.time_ns() + 3_600_000_000_000
    for _ in range(2):
        os.utime(tmp_path, ns=(later, later))
        watch.check()
    tmp_path.joinpath("file").rename(tmp_path / "other")
    tmp_path.joinpath("file").write_text("content")
    os.utime(tmp_path, ns=(later, later))
    with pytest.raises(StorageError, match="not the file any more"):
        watch.check()


def test_what_the_system_writes_bit_by_bit_is_written_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    really_write = os.pwrite

    def pwrite(descriptor: int, data: bytes, offset: int) -> int:
        return really_write(descriptor, data[:3], offset)

    monkeypatch.setattr(os, "pwrite", pwrite)
    with (tmp_path / "file").open("w+b") as file:
        write_at(file.fileno(), b"0123456789", 5)
    assert (tmp_path / "file").read_bytes() == bytes(5) + b"0123456789"
