"""What has no key: Maelstrom's broadcast, g-set, g-counter, pn-counter and service lin-tso.

See doc/workloads.md and doc/services.md. ``topology`` is answered by the node: all nodes hold all
messages, whoever are neighbours.
"""

from typing import Any

from vsr_node.core.messages import Operation
from vsr_node.wire.shapes import NUMBER_MAX

from ..errors import malformed
from .fields import (
    Body,
    DecodePart,
    Reading,
    Shape,
    canonical_field,
    decode_page,
)

_NUMBER_DIGITS_MAX = 60
"""A sum of all that can be added has fewer."""


def _broadcast(body: Body) -> Operation:
    return ("broadcast", canonical_field(body, "message"))


def _add(body: Body) -> Operation:
    """Return the operation of an ``add``, of an element or of a delta."""
    if ("element" in body) == ("delta" in body):
        raise malformed("element", "expected either an element or a delta")
    if "element" in body:
        return ("add_element", canonical_field(body, "element"))
    delta = body["delta"]
    if not _is_delta(delta):
        raise malformed("delta", f"expected a whole number from -{NUMBER_MAX} to {NUMBER_MAX}")
    return ("add_delta", delta)


def _is_delta(value: object) -> bool:
    return type(value) is int and -NUMBER_MAX <= value <= NUMBER_MAX


def _decode_delta(value: list[Any]) -> Operation:
    match value:
        case [_, delta] if _is_delta(delta):
            return ("add_delta", delta)
    raise ValueError("not an add_delta")


REQUESTS: dict[str, Reading] = {
    "broadcast": _broadcast,
    "add": _add,
    "ts": lambda _: ("ts",),
}

OPERATIONS = (
    Shape("broadcast", (str, str), 1),
    Shape("add_element", (str, str), 1),
    Shape("add_delta", decode=_decode_delta),
    Shape("ts", (str,)),
    Shape("read_all", (str,)),
)

REPLIES = {
    "broadcast_ok": ("broadcast_ok", None),
    "add_ok": ("add_ok", None),
    "ts_ok": ("ts_ok", "ts"),
    "messages": ("read_ok", "messages"),
    "elements": ("read_ok", "value"),
    "sum": ("read_ok", "value"),
}


def _decode_set(value: list[Any]) -> object:
    match value:
        case [_, "messages" | "elements" as name, [*texts]]:
            return ("set", name, decode_page(texts))
    raise ValueError("not a page of a set")


def _decode_number(value: list[Any]) -> object:
    match value:
        case [_, "sum" | "tickets", str(digits)] if _is_number(digits):
            return tuple(value)
    raise ValueError("not a sum or a count of tickets")


def _is_number(digits: str) -> bool:
    return (
        len(digits) <= _NUMBER_DIGITS_MAX
        and digits.isascii()
        and digits.removeprefix("-").isdigit()
    )


def _decode_last(value: list[Any]) -> object:
    match value:
        case [_, "written", "" | "messages" | "elements" | "sum"]:
            return tuple(value)
    raise ValueError("not the name of what was written last")


PARTS: dict[str, DecodePart] = {
    "set": _decode_set,
    "number": _decode_number,
    "last": _decode_last,
}
