"""The tables of all workloads in one, by the type of a request and by the words of the machine.

lin-kv is loaded at once. The other workloads are loaded when somebody first uses a word that it
does not know, so that a node starts fast.
"""

from functools import cache
from types import ModuleType
from typing import Any, TypeAlias, TypeVar

import orjson

from vsr_node.core.messages import CHANGES, Operation, Reason
from vsr_node.machines.answers import NOTHING_WRITTEN

from ..errors import ErrorCode
from . import lin_kv
from .fields import Body, DecodePart, Reading, Shape, canonical_field

Value = TypeVar("Value")

Reply: TypeAlias = tuple[bytes, bool]
"""The beginning of a reply's body as JSON, and whether the result's text follows it."""

_REFUSAL_CODES = {
    Reason.UNAVAILABLE: ErrorCode.TEMPORARILY_UNAVAILABLE,
    Reason.NUMBER_REUSED: ErrorCode.MALFORMED_REQUEST,
    Reason.OUTCOME_UNKNOWN: ErrorCode.CRASH,
}


def _read(body: Body) -> Operation:
    """Return the operation of a ``read``: with a key it is lin-kv's, else it asks for all."""
    return ("read", canonical_field(body, "key")) if "key" in body else ("read_all",)


class _Table(dict[str, Value | None]):
    """What the workloads know of words. A word that no workload knows has None."""

    def __missing__(self, word: str) -> Value | None:
        _load_others()
        return self.get(word)


REQUESTS: _Table[Reading] = _Table({"read": _read})
"""What makes the operation of a request, by its type; it raises RequestError."""

OPERATIONS: _Table[Shape] = _Table()
"""What an operation that another replica sent must be, by its word."""

REPLIES: _Table[Reply] = _Table()
"""How a client is answered, by the result's word."""

PARTS: _Table[DecodePart] = _Table()
"""What decodes a part of a snapshot, by its word; those of registers have none."""


def _add(workload: ModuleType) -> None:
    REQUESTS.update(workload.REQUESTS)
    OPERATIONS.update((shape.word, shape) for shape in workload.OPERATIONS)
    REPLIES.update((word, _reply_of(*reply)) for word, reply in workload.REPLIES.items())
    PARTS.update(workload.PARTS)


def _reply_of(reply_type: str, field: str | None) -> Reply:
    """Return the reply of a type; ``field`` is the one for the result's text, None without one."""
    text_field = "" if field is None else f',"{field}":'
    return f'{{"type":"{reply_type}"{text_field}'.encode(), field is not None


@cache
def _load_others() -> None:
    from . import collection, kafka, txn

    for workload in (collection, kafka, txn):
        _add(workload)


_add(lin_kv)


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


def reply_of(result: Any) -> bytes | None:
    """Return the body of the reply with a result as JSON, up to ``in_reply_to``.

    Return None if a read asks for what was written, and nothing was.
    """
    kind = result[0]
    # Nearly all words are loaded already, and a change of the members has none.
    reply = REPLIES.get(kind)
    if reply is None:
        return _rare_reply_of(kind, result)
    beginning, has_text = reply
    # The text is JSON.
    return beginning + result[1].encode() if has_text else beginning


def _rare_reply_of(kind: Any, result: Any) -> bytes | None:
    if kind == "error":
        return beginning_of({"type": kind, "code": result[1], "text": result[2]})
    if type(result) in CHANGES:
        from .membership import reply_of_change

        return beginning_of(reply_of_change(result))
    if result == NOTHING_WRITTEN:
        return None
    assert REPLIES[kind] is not None, f"not a result of the machine: {result!r}"
    return reply_of(result)


def beginning_of(body: dict[str, object]) -> bytes:
    """Return the JSON of a body, up to ``in_reply_to``."""
    return orjson.dumps(body)[:-1]


def refusal_of(reason: Reason) -> bytes:
    """Return the body of the reply to a request that was given up, up to ``in_reply_to``."""
    code = int(_REFUSAL_CODES[reason])
    return beginning_of({"type": "error", "code": code, "text": reason.value})
