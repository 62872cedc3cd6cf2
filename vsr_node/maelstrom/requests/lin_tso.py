"""Maelstrom's service lin-tso (doc/services.md): timestamps that count up."""

from .fields import Reading, Shape

REQUESTS: dict[str, Reading] = {"ts": lambda _: ("ts",)}

OPERATIONS = (Shape("ts", (str,)),)

REPLIES = {"ts_ok": ("ts_ok", "ts")}
