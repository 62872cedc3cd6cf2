"""Maelstrom's g-set (doc/workloads.md, "Workload: G-set")."""

from vsr_node.core.messages import Operation

from .fields import Body, Shape, canonical_field


def add(body: Body) -> Operation:
    """Return the operation of an ``add`` with an element."""
    return ("add_element", canonical_field(body, "element"))


OPERATIONS = (Shape("add_element", (str, str), 1),)

REPLIES = {"add_ok": ("add_ok", None), "elements": ("read_ok", "value")}
