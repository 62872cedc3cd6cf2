"""Read and write JSON exactly: no number comes back as another number.

orjson reads integers beyond 64 bits as floats and rounds long decimals. A line that may contain
such a number is read again by the standard library, which keeps integers whole; a decimal that no
float can hold becomes an ``InexactNumber``, which can't be written.
"""

import json
from typing import NoReturn

import orjson

_DIGITS = bytes.maketrans(b"123456789.E+", b"0000000000e-")
_LONG_NUMBERS = (17 * b"0", 16 * b"0" + b"e", b"0e000", b"0e-000")
"""What is in a line with such a number once all digits and dots are 0: a regular expression would
take five to ten times as long to find it."""

_INTEGER_DIGITS_MAX = 4_000  # Python refuses to convert longer ones.


class InexactNumber:
    """A number in the input that no Python number equals."""

    __slots__ = ("text",)

    def __init__(self, text: str) -> None:
        self.text = text


def parse(line: bytes) -> object:
    """Parse a JSON text. Numbers may be rounded: see ``parse_exactly``.

    Raises ValueError if the text is not JSON.
    """
    try:
        return orjson.loads(line)
    except orjson.JSONDecodeError:
        if not may_be_inexact(line):
            raise
    return parse_exactly(line)


def may_be_inexact(line: bytes) -> bool:
    """Return whether ``parse`` may have rounded a number in ``line``."""
    digits = line.translate(_DIGITS)
    return any(number in digits for number in _LONG_NUMBERS)


def parse_exactly(line: bytes) -> object:
    """Parse a JSON text, with an ``InexactNumber`` for each number that Python can't hold.

    Raises ValueError if the text is not JSON.
    """
    try:
        value = json.loads(
            line.decode(),
            parse_int=_exact_integer,
            parse_float=_exact_float,
            parse_constant=_refuse_constant,
        )
        # The standard library accepts lone surrogates, which can't be written.
        json.dumps(value, ensure_ascii=False, default=str).encode()
    except RecursionError:
        raise ValueError("nested too deep") from None
    return value


def _exact_integer(text: str) -> int | InexactNumber:
    return int(text) if len(text) <= _INTEGER_DIGITS_MAX else InexactNumber(text)


def _exact_float(text: str) -> float | InexactNumber:
    # Imported late: few lines have a number that may be inexact.
    from decimal import Decimal, InvalidOperation

    number = float(text)
    try:
        # repr is written later: the shortest decimal that reads as the same float.
        return number if Decimal(repr(number)) == Decimal(text) else InexactNumber(text)
    except InvalidOperation:
        return InexactNumber(text)


def _refuse_constant(text: str) -> NoReturn:
    raise ValueError(f"{text} is not JSON")


def canonical(value: object) -> str:
    """Return the canonical text of a JSON value: equal values, and only these, have equal texts.

    Raises ValueError for a value that can't be written back unchanged.
    """
    if type(value) is int:
        return str(value)  # Same text as below in a third of the time; most values are integers.
    try:
        return orjson.dumps(value, option=orjson.OPT_SORT_KEYS).decode()
    except TypeError:
        pass  # An integer beyond 64 bits, or deep nesting; this depends on the value alone.
    try:
        return json.dumps(
            value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False
        )
    except TypeError:
        raise ValueError("a number is too long to be kept exactly") from None
    except RecursionError:
        raise ValueError("nested too deep") from None
