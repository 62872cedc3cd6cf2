"""Messages as bytes, as nodes send them: encoded and decoded on the way in some seeds."""

from typing import Any

import orjson

from vsr_node.core.messages import Message, Operation, Result
from vsr_node.maelstrom import wire
from vsr_node.maelstrom.requests import codec


class _ObservedCodec:
    """The node's codec, for what the ``ObservedMachine`` adds: a request, and a count."""

    def decode_operation(self, value: object) -> Operation:
        """Return an operation."""
        match value:
            case [[str(client), int(request_number)], operation]:
                return ((client, request_number), codec.decode_operation(operation))
        raise ValueError("not an operation with its request")

    def decode_result(self, value: object) -> Result:
        """Return the result of an operation."""
        return codec.decode_result(value)

    def decode_part(self, value: object) -> object:
        """Return a part of the machine's snapshot."""
        return value if type(value) is int else codec.decode_part(value)


_CODEC = _ObservedCodec()


def through_bytes(message: Message) -> Message:
    """Return what a node makes of the message that another one encoded."""
    body: dict[str, Any] = orjson.loads(wire.encode(message))
    return wire.decode(body, _CODEC)
