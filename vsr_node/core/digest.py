"""Digests of operations: by them a client's number that comes again is known to be a repetition."""

from typing import Any, cast
from zlib import crc32

from .messages import CHANGES, Operation

_LENGTHS = 1 << 20
_LENGTH_UNIT = 1 << 32  # By multiplication, as it takes a third of the time of a shift.


def digest_of(operation: Operation) -> int:
    """Return what stands for an operation: its length and CRC-32 in 52 bits, exact in any JSON.

    The same in every process. Equal operations have equal digests. The CRC of others of the same
    length differs for certain if they differ only within four bytes in a row, as small values do,
    and with a probability of 1 - 2**-32 in any other case. Digests are compared only where a client
    used a number twice, and only that client could gain from a collision.
    """
    try:
        # Most have texts only, and joining is the fastest way.
        text = "\0".join(operation).encode() if type(operation) is tuple else _text_of(operation)
    except (TypeError, UnicodeEncodeError):
        text = _text_of_others(cast("tuple[Any, ...]", operation))
    return len(text) % _LENGTHS * _LENGTH_UNIT + crc32(text)


def _text_of_others(operation: tuple[Any, ...]) -> bytes:
    """Return the text of a tuple that has a flag at its end, or whatever else within."""
    flag = b""
    if type(operation[-1]) is bool:
        flag = b"\0%r" % operation[-1]
        operation = operation[:-1]
    try:
        return "\0".join(operation).encode("utf-8", "surrogatepass") + flag
    except TypeError:
        return _text_of(operation) + flag


def _text_of(value: object) -> bytes:
    """Return a text that no other value has, but for texts that have a NUL within.

    All changes of the members have the same: what the primary logs differs from what was asked.
    """
    if type(value) in CHANGES:
        return b"change,"
    if type(value) is str:
        return value.encode("utf-8", "surrogatepass")
    if type(value) is tuple:
        return b"(%b)" % b"\0".join(map(_text_of, value))
    return b"%r," % (value,)
