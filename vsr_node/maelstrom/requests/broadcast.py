"""Maelstrom's broadcast (doc/workloads.md, "Workload: Broadcast").

``topology`` is answered by the node: all nodes hold all messages, whoever are neighbours.
"""

from vsr_node.core.messages import Operation

from .fields import Body, Reading, Shape, canonical_field


def _broadcast(body: Body) -> Operation:
    return ("broadcast", canonical_field(body, "message"))


REQUESTS: dict[str, Reading] = {"broadcast": _broadcast}

OPERATIONS = (Shape("broadcast", (str, str), 1), Shape("read_all", (str,)))

REPLIES = {"broadcast_ok": ("broadcast_ok", None), "messages": ("read_ok", "messages")}
