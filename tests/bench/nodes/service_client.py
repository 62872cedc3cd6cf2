#!/usr/bin/env python3
"""A lin-kv node that hands each request on to Maelstrom's service lin-kv."""

import json
import sys
from typing import Any

clients: dict[int, tuple[str, int]] = {}


def send(source: str, destination: str, body: dict[str, Any]) -> None:
    """Print a message."""
    print(json.dumps({"src": source, "dest": destination, "body": body}), flush=True)


for line in sys.stdin:
    message = json.loads(line)
    me, client, body = message["dest"], message["src"], message["body"]
    if body["type"] == "init":
        send(me, client, {"type": "init_ok", "in_reply_to": body["msg_id"]})
    elif body["type"] in ("read", "write", "cas"):
        number = len(clients) + 1
        clients[number] = (client, body["msg_id"])
        send(me, "lin-kv", body | {"msg_id": number})
    elif "in_reply_to" in body:
        client, number = clients[body["in_reply_to"]]
        send(me, client, body | {"in_reply_to": number})
    else:
        error = {"type": "error", "code": 10, "text": "not supported"}
        send(me, client, error | {"in_reply_to": body["msg_id"]})
