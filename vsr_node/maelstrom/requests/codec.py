"""Operations, results and parts of a snapshot as other replicas send them. Nothing is trusted."""

from collections.abc import Iterable, Sequence
from contextlib import suppress
from typing import Any, cast

from vsr_node.core.messages import Operation, Result

from .fields import REMEMBERED_LENGTH_MAX, check_text, is_value, remembered_values
from .table import OPERATIONS, PARTS, REPLIES

_ONLY_LISTS = frozenset({list})


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
                # A long text would have to be hashed whole.
                and (
                    (len(text) <= REMEMBERED_LENGTH_MAX and text in remembered_values)
                    or is_value(text)
                )
            ]
            if len(writes) == len(values):
                return writes
    return map(_decode_operation, values)


def _decode_operation(value: object) -> Operation:
    # A pattern for each word would take three times as long.
    if type(value) is list and value and type(value[0]) is str:
        shape = OPERATIONS[value[0]]
        if shape is not None:
            word, kinds, checked, decode = shape
            if decode is not None:
                return decode(list(value))
            if (*map(type, value),) == kinds:
                if checked:
                    check_text(value[checked])
                value[0] = word  # Shared by all entries of the log, to save memory.
                return tuple(value)
    raise ValueError("not an operation of the machine")


def decode_result(value: object) -> Result:
    """Decode a result that another replica recorded. Raises ValueError if it is malformed."""
    match value:
        case [str(word), str(text)] if (REPLIES[word] or (b"", False))[1]:
            check_text(text)
            return tuple(value)
        case [str(word)] if word == "nothing_written" or not (REPLIES[word] or (b"", True))[1]:
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
        case [str(word), _, _] if (decode := PARTS[word]) is not None:
            return decode(list(value))
    raise ValueError("not a part of the machine's snapshot")
