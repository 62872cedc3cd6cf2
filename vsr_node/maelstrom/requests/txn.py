"""Maelstrom's txn-list-append and txn-rw-register (doc/workloads.md): one request, ``txn``."""

from typing import Any

from vsr_node.core.messages import Operation

from ..errors import malformed
from .fields import Body, DecodePart, Reading, Shape, canonical_within, check_text

Step = tuple[str, ...]


def _transact(body: Body) -> Operation:
    asked = body.get("txn")
    if type(asked) is not list:
        raise malformed("txn", "expected a list of operations")
    steps = tuple(map(_step_of, asked))
    return (_word_for(steps), steps)


def _step_of(value: object) -> Step:
    match value:
        case ["r", key, None]:
            return ("r", canonical_within(key, "txn"))
        case ["w" | "append" as kind, key, argument]:
            return (kind, canonical_within(key, "txn"), canonical_within(argument, "txn"))
    raise malformed("txn", 'expected ["r", key, null], ["w", key, value] or ["append", key, value]')


def _word_for(steps: tuple[Step, ...]) -> str:
    """Return the word of a transaction; one that only reads need not be logged."""
    return "txn_read" if all(step[0] == "r" for step in steps) else "txn"


def _decode(value: list[Any]) -> Operation:
    match value:
        case [word, [*asked]]:
            steps = tuple(map(_decode_step, asked))
            if word == _word_for(steps):
                return (_word_for(steps), steps)
    raise ValueError("not a transaction")


def _decode_step(value: object) -> Step:
    match value:
        case ["r", str(key)]:
            check_text(key)
            return ("r", key)
        case ["w" | "append" as kind, str(key), str(argument)]:
            check_text(key)
            check_text(argument)
            return (kind, key, argument)
    raise ValueError("not an operation of a transaction")


REQUESTS: dict[str, Reading] = {"txn": _transact}

OPERATIONS = (Shape("txn", decode=_decode), Shape("txn_read", decode=_decode))

REPLIES = {"txn_ok": ("txn_ok", "txn")}

PARTS: dict[str, DecodePart] = {}
"""Transactions change registers."""
