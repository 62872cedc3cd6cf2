"""What Maelstrom 0.2.4 accepts on a node's stdout, written from its rules alone.

A line that breaks the rules of a message ends the reading of that node's stdout for the rest of the
run. A reply with a missing or another field makes the operation crash as malformed.
"""

import json
from collections.abc import Sequence
from typing import Any

Fields = frozenset[str]
NONE: Fields = frozenset()

STATUS: Fields = frozenset(
    {
        *("epoch", "view", "members", "status", "primary", "op_number", "commit_number"),
        *("is_released", "change", "routes"),
    }
)

REPLIES: dict[str, tuple[str, tuple[Fields, ...]]] = {
    "init": ("init_ok", (NONE,)),
    "echo": ("echo_ok", (frozenset({"echo"}),)),
    "generate": ("generate_ok", (frozenset({"id"}),)),
    "topology": ("topology_ok", (NONE,)),
    "broadcast": ("broadcast_ok", (NONE,)),
    "add": ("add_ok", (NONE,)),
    "read": ("read_ok", (frozenset({"value"}), frozenset({"messages"}))),
    "write": ("write_ok", (NONE,)),
    "cas": ("cas_ok", (NONE,)),
    "send": ("send_ok", (frozenset({"offset"}),)),
    "poll": ("poll_ok", (frozenset({"msgs"}),)),
    "commit_offsets": ("commit_offsets_ok", (NONE,)),
    "list_committed_offsets": ("list_committed_offsets_ok", (frozenset({"offsets"}),)),
    "txn": ("txn_ok", (frozenset({"txn"}),)),
    "ts": ("ts_ok", (frozenset({"ts"}),)),
    "reconfigure": ("reconfigure_ok", (frozenset({"epoch", "members"}),)),
    "status": ("status_ok", (STATUS,)),
}
"""The reply to each type of request, and its fields beside ``type`` and ``in_reply_to``.

Only a ``read`` without a key is answered with ``messages``, or with all elements or a sum.
"""

DEFINITE_CODES = frozenset({1, 10, 11, 12, 14, 20, 21, 22, 30})
CODES = DEFINITE_CODES | {0, 13}


class Rules:
    """The network between some nodes and the clients, which have asked what ``asked`` holds."""

    def __init__(self, nodes: Sequence[str]) -> None:
        self._nodes = nodes
        self._asked: dict[str, list[object]] = {}

    def ask(self, client: str, body: object) -> None:
        self._asked.setdefault(client, []).append(body)

    def accept(self, line: bytes, node: str) -> dict[str, Any]:
        """Return the message of a line that a node wrote, or fail."""
        message = json.loads(line.decode("utf-8"))
        assert type(message) is dict, line
        assert {"src", "dest", "body"} <= message.keys() <= {"id", "src", "dest", "body"}, line
        assert type(message.get("id", 0)) is int, line
        assert message["src"] == node, line
        assert type(message["body"]) is dict, line
        assert type(message["body"].get("type")) is str, line
        if message["dest"] in self._asked:
            self._accept_reply(self._asked[message["dest"]], message["body"])
        else:
            assert message["dest"] in self._nodes, line
        return message

    def accept_body(self, client: str, reply: dict[str, Any]) -> None:
        """Accept the body of a reply to a client, or fail."""
        self._accept_reply(self._asked[client], reply)

    def _accept_reply(self, asked: list[object], reply: dict[str, Any]) -> None:
        answered = [
            body
            for body in asked
            if isinstance(body, dict) and _same(body.get("msg_id"), reply.get("in_reply_to"))
        ]
        assert answered or "in_reply_to" not in reply, reply
        assert "in_reply_to" not in reply or type(reply["in_reply_to"]) is int, reply
        if reply["type"] == "error":
            assert type(reply["code"]) is int, reply
            assert reply["code"] in CODES, reply
            assert type(reply["text"]) is str, reply
            return
        fields = frozenset(reply.keys() - {"type", "in_reply_to", "msg_id"})
        assert any(_fits(body, reply["type"], fields) for body in answered), reply


def _fits(body: dict[str, Any], reply_type: str, fields: Fields) -> bool:
    expected_type, alternatives = REPLIES.get(body["type"], ("", ()))
    return expected_type == reply_type and fields in alternatives[: 1 if "key" in body else None]


def _same(one: object, other: object) -> bool:
    return type(one) is type(other) is int and one == other
