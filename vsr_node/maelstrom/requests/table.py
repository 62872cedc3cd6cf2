"""The tables of all workloads in one, by the type of a request and by the word of a result."""

from typing import Any

import orjson

from vsr_node.core.messages import Operation, Reason
from vsr_node.machines.collection import NOTHING_WRITTEN

from ..errors import ErrorCode, malformed
from . import broadcast, counters, g_set, kafka, lin_kv, lin_tso, txn
from .fields import Body, Reading, canonical_field

WORKLOADS = (lin_kv, broadcast, g_set, counters, kafka, txn, lin_tso)

_REFUSAL_CODES = {
    Reason.UNAVAILABLE: ErrorCode.TEMPORARILY_UNAVAILABLE,
    Reason.NUMBER_REUSED: ErrorCode.MALFORMED_REQUEST,
    Reason.OUTCOME_UNKNOWN: ErrorCode.CRASH,
}


def _read(body: Body) -> Operation:
    """Return the operation of a ``read``: with a key it is lin-kv's, else it asks for all."""
    return ("read", canonical_field(body, "key")) if "key" in body else ("read_all",)


def _add(body: Body) -> Operation:
    """Return the operation of an ``add``, of an element or of a delta."""
    if ("element" in body) == ("delta" in body):
        raise malformed("element", "expected either an element or a delta")
    return g_set.add(body) if "element" in body else counters.add(body)


REQUESTS: dict[str, Reading] = {
    "read": _read,
    "add": _add,
    **lin_kv.REQUESTS,
    **broadcast.REQUESTS,
    **kafka.REQUESTS,
    **txn.REQUESTS,
    **lin_tso.REQUESTS,
}
"""What makes the operation of a request, by its type; it raises RequestError."""

OPERATIONS = {shape.word: tuple(shape) for each in WORKLOADS for shape in each.OPERATIONS}
"""What an operation that another replica sent must be, by its word."""

REPLIES: dict[str, tuple[str, str | None]] = {
    word: reply for each in WORKLOADS for word, reply in each.REPLIES.items()
}
"""The type of the reply to a client, and the field for the result's text, by the result's word."""


def byte_count(operation: Any) -> int:
    """Return how many bytes the key and the values of an operation have in UTF-8.

    What a transaction or a list of offsets is made of counts ``NESTED_BYTES`` each, too.
    """
    return sum(map(_byte_count, operation[1:]))


NESTED_BYTES = 8


def _byte_count(value: object) -> int:
    if type(value) is str:
        return len(value.encode())
    if type(value) is tuple:
        return sum(NESTED_BYTES + _byte_count(each) for each in value)
    return 0


def reply_of(result: Any) -> dict[str, object] | None:
    """Return the body of the reply with a result, without ``in_reply_to``.

    Return None if a read asks for what was written, and nothing was.
    """
    kind = result[0]
    reply = REPLIES.get(kind)
    if reply is not None:
        reply_type, field = reply
        # The text is JSON.
        return {"type": reply_type, field: orjson.Fragment(result[1])} if field else {"type": kind}
    if kind == "error":
        return {"type": kind, "code": result[1], "text": result[2]}
    assert result == NOTHING_WRITTEN, f"not a result of the machine: {result!r}"
    return None


def refusal_of(reason: Reason) -> dict[str, object]:
    """Return the body of the reply to a request that was given up, without ``in_reply_to``."""
    return {"type": "error", "code": int(_REFUSAL_CODES[reason]), "text": reason.value}
