"""Maelstrom's g-counter and pn-counter (doc/workloads.md, "Workload: Pn-counter")."""

from typing import Any

from vsr_node.core.messages import Operation
from vsr_node.wire.shapes import NUMBER_MAX

from ..errors import malformed
from .fields import Body, Shape


def add(body: Body) -> Operation:
    """Return the operation of an ``add`` with a delta."""
    delta = body["delta"]
    if not _is_delta(delta):
        raise malformed("delta", f"expected a whole number from -{NUMBER_MAX} to {NUMBER_MAX}")
    return ("add_delta", delta)


def _is_delta(value: object) -> bool:
    return type(value) is int and -NUMBER_MAX <= value <= NUMBER_MAX


def _decode(value: list[Any]) -> Operation:
    match value:
        case [_, delta] if _is_delta(delta):
            return ("add_delta", delta)
    raise ValueError("not an add_delta")


OPERATIONS = (Shape("add_delta", decode=_decode),)

REPLIES = {"sum": ("read_ok", "value")}
