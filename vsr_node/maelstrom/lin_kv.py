"""Maelstrom's lin-kv requests as operations of the key-value machine, and its results as replies.

See doc/workloads.md, "Workload: Lin-kv". A successful reply has the fields of Maelstrom's schema
and no other: an extra one is malformed there.
"""

from typing import Any, cast

import orjson

from vsr_node.core.messages import Operation, Reason
from vsr_node.core.messages import Result as CoreResult
from vsr_node.machines.key_value import Result

from .errors import ErrorCode, malformed
from .json_text import canonical, parse

_ARGUMENTS = {"read": [str], "write": [str, str], "cas": [str, str, str, bool]}

REQUEST_TYPES = frozenset(_ARGUMENTS)


def operation_of(body: dict[str, Any]) -> Operation:
    """The operation that a body of a request type asks for.

    Raises RequestError, which names the field that is missing or wrong.
    """
    match body["type"]:
        case "read":
            return ("read", canonical_field(body, "key"))
        case "write":
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
    """The canonical JSON text of a field. Raises RequestError if it is missing or inexact."""
    if field not in body:
        raise malformed(field, "missing")
    try:
        return canonical(body[field])
    except ValueError as error:
        raise malformed(field, str(error)) from None


def decode_operation(value: object) -> Operation:
    """An operation that another replica sent. Raises ValueError if it is none."""
    if type(value) is list and value:
        kind, *arguments = value
        # A pattern for each would say the same, and take three times as long.
        if type(kind) is str and [type(each) for each in arguments] == _ARGUMENTS.get(kind):
            if kind != "read":
                _check_value(arguments[1 if kind == "write" else 2])
            return tuple(value)
    raise ValueError("no operation of the key-value machine")


def decode_result(value: object) -> CoreResult:
    """A result that another replica recorded. Raises ValueError if it is none."""
    match value:
        case ["read_ok", str(text)]:
            _check_value(text)
            return tuple(value)
        case ["write_ok"] | ["cas_ok"] | ["error", int(), str()]:
            return tuple(value)
    raise ValueError("no result of the key-value machine")


def decode_part(value: object) -> object:
    """A part of another replica's snapshot. Raises ValueError if it is none."""
    match value:
        case [str(), str(text)]:
            _check_value(text)
            return tuple(value)
    raise ValueError("no register of the key-value machine")


def _check_value(text: str) -> None:
    """It will be written as it is into the answer to a read, which is one line of JSON."""
    if "\n" in text:
        raise ValueError("a value's text is not in one line")
    parse(text.encode())


def reply_of(result: CoreResult) -> dict[str, object]:
    """The body, but for ``in_reply_to``, that tells a result."""
    match cast("Result", result):
        case ("read_ok", str(text)):
            # The text is JSON already.
            return {"type": "read_ok", "value": orjson.Fragment(text)}
        case ("error", int(code), str(text)):
            return {"type": "error", "code": code, "text": text}
        case (str(name),):
            return {"type": name}
    raise AssertionError(f"no result of the key-value machine: {result!r}")


def refusal_of(reason: Reason) -> dict[str, object]:
    """The body, but for ``in_reply_to``, of a request that was given up."""
    definite = reason is Reason.UNAVAILABLE
    code = ErrorCode.TEMPORARILY_UNAVAILABLE if definite else ErrorCode.CRASH
    return {"type": "error", "code": int(code), "text": reason.value}
