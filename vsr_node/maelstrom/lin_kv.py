"""Translates lin-kv requests to operations of the key-value machine, and its results to replies.

See doc/workloads.md, "Workload: Lin-kv". A successful reply has exactly the fields of
Maelstrom's schema: Maelstrom rejects any other field as malformed.
"""

from collections.abc import Iterable, Sequence
from contextlib import suppress
from typing import Any, cast

import orjson

from vsr_node.core.messages import Operation, Reason, Result
from vsr_node.machines.key_value import CAS_OK, WRITE_OK

from .errors import ErrorCode, malformed
from .json_text import canonical, parse

_ONLY_LISTS = frozenset({list})
_SMALL_NUMBERS = frozenset(map(str, range(1 << 10)))

_KINDS: dict[tuple[type, ...], tuple[str, int]] = {
    (str, str): ("read", 0),
    (str, str, str): ("write", 2),
    (str, str, str, str, bool): ("cas", 3),
}
"""From the types of an operation's parts to its kind (its first part) and the place of the value
that it writes (0 if it writes none)."""

_REFUSAL_CODES = {
    Reason.UNAVAILABLE: ErrorCode.TEMPORARILY_UNAVAILABLE,
    Reason.NUMBER_REUSED: ErrorCode.MALFORMED_REQUEST,
    Reason.OUTCOME_UNKNOWN: ErrorCode.CRASH,
    Reason.SESSION_EXPIRED: ErrorCode.CRASH,
}

REQUEST_TYPES = frozenset(kind for kind, _ in _KINDS.values())


def operation_of(body: dict[str, Any]) -> Operation:
    """Return the operation that a request's body asks for.

    Raises RequestError, which names the missing or wrong field.
    """
    kind = body["type"]
    if kind == "read":
        return ("read", canonical_field(body, "key"))
    if kind == "write":
        return ("write", canonical_field(body, "key"), canonical_field(body, "value"))
    create = body.get("create_if_not_exists", False)
    if type(create) is not bool:
        raise malformed("create_if_not_exists", "expected true or false")
    return (
        "cas",
        canonical_field(body, "key"),
        canonical_field(body, "from"),
        canonical_field(body, "to"),
        create,
    )


def canonical_field(body: dict[str, Any], field: str) -> str:
    """Return the canonical JSON of a field. Raises RequestError if it is missing or inexact."""
    try:
        return canonical(body[field])
    except KeyError:
        raise malformed(field, "missing") from None
    except ValueError as error:
        raise malformed(field, str(error)) from None


def byte_count(operation: Any) -> int:
    """Return how many bytes the key and the values of an operation have in UTF-8."""
    return sum(len(text.encode()) for text in operation[1:] if type(text) is str)


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
                and (text in _SMALL_NUMBERS or _is_value(text))
            ]
            if len(writes) == len(values):
                return writes
    return map(_decode_operation, values)


def _decode_operation(value: object) -> Operation:
    # A pattern for each kind would take three times as long.
    if type(value) is list:
        kind, value_at = _KINDS.get((*map(type, value),), ("", 0))
        if kind and value[0] == kind:
            if value_at:
                _check_value(value[value_at])
            value[0] = kind  # Shared by all entries of the log, to save memory.
            return tuple(value)
    raise ValueError("not an operation of the key-value machine")


def decode_result(value: object) -> Result:
    """Decode a result that another replica recorded. Raises ValueError if it is malformed."""
    match value:
        case ["read_ok", str(text)]:
            _check_value(text)
            return tuple(value)
        case ["write_ok"] | ["cas_ok"] | ["error", int(), str()]:
            return tuple(value)
    raise ValueError("not a result of the key-value machine")


def decode_part(value: object) -> object:
    """Decode a part of another replica's snapshot. Raises ValueError if it is malformed."""
    match value:
        case [str(), str(text)]:
            _check_value(text)
            return tuple(value)
    raise ValueError("not a register of the key-value machine")


def _check_value(text: str) -> None:
    """Refuse a text that can't be copied unchanged into a reply, which is one line of JSON."""
    if not _is_value(text):
        raise ValueError("a value's text is not one line of JSON")


def _is_value(text: str) -> bool:
    if "\n" in text:
        return False
    try:
        orjson.loads(text)
    except orjson.JSONDecodeError:
        try:
            parse(text.encode())
        except ValueError:
            return False
    return True


def reply_of(result: Any) -> dict[str, object]:
    """Return the body of the reply with a result, without ``in_reply_to``."""
    kind = result[0]
    if kind == "read_ok":
        # The text is JSON.
        return {"type": kind, "value": orjson.Fragment(result[1])}
    if kind == "error":
        return {"type": kind, "code": result[1], "text": result[2]}
    assert result in (WRITE_OK, CAS_OK), f"not a result of the key-value machine: {result!r}"
    return {"type": kind}


def refusal_of(reason: Reason) -> dict[str, object]:
    """Return the body of the reply to a request that was given up, without ``in_reply_to``."""
    return {"type": "error", "code": int(_REFUSAL_CODES[reason]), "text": reason.value}
