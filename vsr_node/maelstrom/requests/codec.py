"""Operations, results and parts of a snapshot as other replicas send them. Nothing is trusted."""

from collections.abc import Iterable, Sequence
from contextlib import suppress
from typing import Any, cast

from vsr_node.core.messages import Operation, Result
from vsr_node.machines.pages import PAGE_COUNT_MAX

from .fields import check_text, is_offset, is_value
from .kafka import check_key
from .table import OPERATIONS, REPLIES

_ONLY_LISTS = frozenset({list})
_SMALL_NUMBERS = frozenset(map(str, range(1 << 10)))

_NUMBER_DIGITS_MAX = 60
"""A sum of all that can be added has fewer."""


def decode_operations(values: Sequence[object]) -> Iterable[Operation]:
    """Decode operations that another replica sent. Raises ValueError if one is malformed."""
    # Most are writes, and one expression for all of them takes a third of the time.
    if _ONLY_LISTS.issuperset(map(type, values)):
        with suppress(ValueError):
            writes = [
                ("write", key, text)
                for kind, key, text in cast("Sequence[list[Any]]", values)
                if kind == "write"
                and type(key) is str is type(text)
                and (text in _SMALL_NUMBERS or is_value(text))
            ]
            if len(writes) == len(values):
                return writes
    return map(_decode_operation, values)


def _decode_operation(value: object) -> Operation:
    # A pattern for each word would take three times as long.
    if type(value) is list and value:
        shape = OPERATIONS.get(value[0])
        if shape is not None:
            word, kinds, checked, decode = shape
            if decode is not None:
                return decode(value)
            if (*map(type, value),) == kinds:
                if checked:
                    check_text(value[checked])
                value[0] = word  # Shared by all entries of the log, to save memory.
                return tuple(value)
    raise ValueError("not an operation of the machine")


def decode_result(value: object) -> Result:
    """Decode a result that another replica recorded. Raises ValueError if it is malformed."""
    match value:
        case [str(word), str(text)] if REPLIES.get(word, ("", None))[1] is not None:
            check_text(text)
            return tuple(value)
        case [str(word)] if word == "nothing_written" or REPLIES.get(word, ("", ""))[1] is None:
            return tuple(value)
        case ["error", int(), str()]:
            return tuple(value)
    raise ValueError("not a result of the machine")


def decode_part(value: object) -> object:
    """Decode a part of another replica's snapshot. Raises ValueError if it is malformed."""
    match value:
        case [str(), str(text)]:
            check_text(text)
            return tuple(value)
        case ["set", "messages" | "elements" as name, [*texts]]:
            return ("set", name, _page(texts))
        case ["number", "sum" | "tickets", str(digits)] if _is_number(digits):
            return tuple(value)
        case ["last", "written", "" | "messages" | "elements" | "sum"]:
            return tuple(value)
        case ["log", str(key), [*texts]]:
            check_key(key)
            return ("log", key, _page(texts))
        case ["committed", str(key), offset] if is_offset(offset):
            check_key(key)
            return tuple(value)
    raise ValueError("not a part of the machine's snapshot")


def _page(texts: list[Any]) -> tuple[str, ...]:
    if not 0 < len(texts) <= PAGE_COUNT_MAX:
        raise ValueError("a page has no texts, or too many")
    for text in texts:
        check_text(text)
    return tuple(texts)


def _is_number(digits: str) -> bool:
    return (
        len(digits) <= _NUMBER_DIGITS_MAX
        and digits.isascii()
        and digits.removeprefix("-").isdigit()
    )
