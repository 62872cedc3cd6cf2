"""The promise file: what a replica may not forget, apart from the database that holds the rest.

It is small, of a fixed size, and written in place:

| bytes | |
|---|---|
| 0 to 8,191 | the *promise*: view_number and last_normal_view |
| 8,192 to 16,383 | the *mark*: the number of the last transaction, the highest message id |
| 16,384 to the end | the *header*, in JSON: whose journal it is, and how it is flushed |

A promise or a mark is two numbers that are written to two places in turn, each with a sequence
number and a checksum. So a write that is torn leaves the one before, and damage to either is
seen. All checksums begin with the journal's id, so what belongs to another journal is damage.

The file never promises more than the database holds, since it is written after it. A database
whose transactions end below the mark has lost some.
"""

import os
import struct
import zlib
from collections.abc import Sequence
from enum import Enum
from pathlib import Path
from typing import NamedTuple

import orjson

from .files import close, flush, flush_names, write_at
from .protocol import StorageError

NAME = "promise"

FORMAT = 4
"""Since 2 a checkpoint stands in several rows; since 3 its clients' replies have digests.

Since 4 the members may change: the header has the founders, and a checkpoint its members.

Journals of older formats are read, too.
"""

_PLACE_SIZE = 4_096
"""Bytes from one place to the next: no write of one can tear the other, whatever the disk's
sectors are."""

_PROMISE_AT, _MARK_AT, _HEADER_AT = 0, 2 * _PLACE_SIZE, 4 * _PLACE_SIZE

_NUMBERS = struct.Struct("<QQQ")
_CHECKSUM = struct.Struct("<I")


class Flush(Enum):
    """What is flushed before ``save`` returns, and so survives a loss of power."""

    EVERYTHING = "everything"
    PROMISES = "promises"
    NOTHING = "nothing"


class Header(NamedTuple):
    """``journal`` is the id of the journal that counts: its database is named so.

    ``boot_id`` is that of the machine when all was last known to be whole, and ``flush`` what was
    flushed since. ``is_new`` tells that nothing was saved yet, whatever lies beside this file.
    ``members`` are all that may become members, ``founders`` those that the group began with.
    """

    node: str
    members: tuple[str, ...]
    journal: str
    flush: Flush
    boot_id: str
    is_new: bool
    founders: tuple[str, ...]


class Promise(NamedTuple):
    """What the replica promised: to take part in no older view."""

    view_number: int = 0
    last_normal_view: int = 0


class Mark(NamedTuple):
    """How far the journal has come. The highest message id is that of all that was received."""

    transaction: int = 0
    message_id: int = 0


class Promises(NamedTuple):
    """What was read. A pair is whole if both of its places are there and of consecutive writes.

    Without any place of a pair it is the default, and not known. ``mark`` is one that was true
    once, ``mark_is_whole`` tells that no newer one can have stood in a place that is damaged.
    """

    header: Header
    promise: Promise = Promise()
    promise_is_whole: bool = True
    mark: Mark = Mark()
    mark_is_whole: bool = True
    mark_is_known: bool = True


def read(folder: Path) -> Promises | None:
    """Read a folder's promise file; None if it does not exist.

    Raises StorageError if its header can't be read, or was written by a newer version of this
    program, and OSError.
    """
    path = folder / NAME
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return None
    header = _parse_header(path, data[_HEADER_AT:])
    promises = _Places(_PROMISE_AT, header.journal).read(data)
    marks = _Places(_MARK_AT, header.journal).read(data)
    return Promises(
        header,
        promise=Promise(*_newest(promises)),
        promise_is_whole=_are_consecutive(promises),
        mark=Mark(*_newest(marks)),
        mark_is_whole=_are_consecutive(marks),
        mark_is_known=bool(marks),
    )


class PromiseFile:
    """A new file in place of the one that was there, in one step.

    What the system refuses is raised as OSError.
    """

    def __init__(self, folder: Path, header: Header, promise: Promise, mark: Mark) -> None:
        self._promise = _Places(_PROMISE_AT, header.journal)
        self._mark = _Places(_MARK_AT, header.journal)
        unfinished = folder / f"{NAME}.new"
        flags = os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC
        self._descriptor = os.open(unfinished, flags, 0o600)
        write_at(self._descriptor, _header_text(header), _HEADER_AT)
        for _ in range(_Places.COUNT):
            self.write_promise(promise)
            self.write_mark(mark)
        if header.flush is not Flush.NOTHING:
            self.flush()
        unfinished.replace(folder / NAME)
        if header.flush is not Flush.NOTHING:
            flush_names(folder)

    def write_promise(self, promise: Promise) -> None:
        """Write it so that it survives the process; ``flush`` does the rest."""
        self._promise.write(self._descriptor, promise)

    def write_mark(self, mark: Mark) -> None:
        """Write it so that it survives the process; ``flush`` does the rest."""
        self._mark.write(self._descriptor, mark)

    def flush(self) -> None:
        """Make all of it survive a loss of power."""
        flush(self._descriptor)

    def close(self) -> None:
        """Let go of the file."""
        close(self._descriptor)


class _Places:
    """Two numbers, written to two places in turn."""

    COUNT = 2

    def __init__(self, start: int, journal: str) -> None:
        self._start = start
        self._seed = zlib.crc32(b"%b %d" % (journal.encode(), start))
        self._sequence = 0

    def write(self, descriptor: int, numbers: tuple[int, int]) -> None:
        self._sequence += 1
        content = _NUMBERS.pack(self._sequence, *numbers)
        checksum = _CHECKSUM.pack(zlib.crc32(content, self._seed))
        write_at(descriptor, content + checksum, self._offset(self._sequence))

    def read(self, data: bytes) -> list[tuple[int, int, int]]:
        """Return what stands in the places that are not damaged, each with its sequence number."""
        found = []
        for turn in range(self.COUNT):
            start = self._offset(turn)
            content = data[start : start + _NUMBERS.size]
            checksum = data[start + _NUMBERS.size :][: _CHECKSUM.size]
            if checksum == _CHECKSUM.pack(zlib.crc32(content, self._seed)):
                found.append(_NUMBERS.unpack(content))
        return found

    def _offset(self, turn: int) -> int:
        return self._start + turn % self.COUNT * _PLACE_SIZE


def _newest(found: Sequence[tuple[int, int, int]]) -> tuple[int, int]:
    _, first, second = max(found, default=(0, 0, 0))
    return first, second


def _are_consecutive(found: Sequence[tuple[int, int, int]]) -> bool:
    sequences = sorted(sequence for sequence, _, _ in found)
    return len(sequences) == _Places.COUNT and sequences[1] == sequences[0] + 1


def _header_text(header: Header) -> bytes:
    content = {**header._asdict(), "flush": header.flush.value, "format": FORMAT}
    text = orjson.dumps(content)
    return _CHECKSUM.pack(zlib.crc32(text)) + text


def _parse_header(path: Path, data: bytes) -> Header:
    text = data[_CHECKSUM.size :]
    if data[: _CHECKSUM.size] != _CHECKSUM.pack(zlib.crc32(text)):
        raise StorageError(f"{path} is damaged, so it is not known what this replica promised")
    content = orjson.loads(text)
    if content.pop("format") > FORMAT:
        raise StorageError(f"{path} is of a newer format than this program knows")
    content["members"] = tuple(content["members"])
    content["founders"] = tuple(content.get("founders", content["members"]))
    content["flush"] = Flush(content["flush"])
    return Header(**content)
