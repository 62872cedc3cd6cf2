"""Maelstrom's lin-kv (doc/workloads.md, "Workload: Lin-kv")."""

from vsr_node.core.messages import Operation

from ..errors import malformed
from .fields import Body, DecodePart, Reading, Shape, canonical_field


def _write(body: Body) -> Operation:
    return ("write", canonical_field(body, "key"), canonical_field(body, "value"))


def _compare_and_set(body: Body) -> Operation:
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


REQUESTS: dict[str, Reading] = {"write": _write, "cas": _compare_and_set}

OPERATIONS = (
    Shape("read", (str, str)),
    Shape("write", (str, str, str), 2),
    Shape("cas", (str, str, str, str, bool), 3),
)

REPLIES = {
    "read_ok": ("read_ok", "value"),
    "write_ok": ("write_ok", None),
    "cas_ok": ("cas_ok", None),
}

PARTS: dict[str, DecodePart] = {}
"""Those of registers have no word."""
