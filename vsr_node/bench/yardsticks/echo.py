"""The bare echo node, which answers each request at once, by itself, and keeps nothing.

No node that reads and writes JSON lines in Python can do more. Its answers to read, write and cas
have the right shape and no meaning.
"""

from lines import Body, line_of, serve


class Echo:
    """The node."""

    def __init__(self) -> None:
        self.output: list[bytes] = []
        self._name = ""

    def on_message(self, source: str, body: Body) -> None:
        """Answer a request."""
        kind = body["type"]
        reply = {"type": f"{kind}_ok", "in_reply_to": body["msg_id"]}
        if kind == "init":
            self._name = body["node_id"]
        elif kind == "read":
            reply["value"] = 0
        elif kind == "echo":
            reply["echo"] = body["echo"]
        self.output.append(line_of(self._name, source, reply))

    def end_turn(self) -> None:
        """Nothing is left to do."""


if __name__ == "__main__":
    node = Echo()
    serve(node.on_message, node.end_turn, node.output)
