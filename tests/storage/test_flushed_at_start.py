"""A start makes durable what it relies on: an earlier incarnation may have flushed less."""

import os
from pathlib import Path

import pytest

from tests.storage.damage import database_of, entry, loaded, opened, promise_of
from vsr_node.core.messages import ReplaceLog
from vsr_node.storage.promise_file import Flush


@pytest.mark.parametrize(
    ("flush", "is_flushed"), [(each, each is not Flush.NOTHING) for each in Flush]
)
def test_all_that_an_earlier_incarnation_did_not_flush_is_flushed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, flush: Flush, is_flushed: bool
) -> None:
    folder = tmp_path / "journal"
    storage = opened(folder, Flush.NOTHING)
    storage.load()
    storage.save([ReplaceLog(1, (entry(1),))])
    storage.close()
    flushed = set()
    really_fdatasync = os.fdatasync

    def fdatasync(descriptor: int) -> None:
        flushed.add(Path(f"/proc/self/fd/{descriptor}").readlink())
        really_fdatasync(descriptor)

    files = {database_of(folder), promise_of(folder)}
    monkeypatch.setattr(os, "fdatasync", fdatasync)
    loaded(folder, flush)
    assert (files <= flushed) is is_flushed
