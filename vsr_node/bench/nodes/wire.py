"""Lines on the wire: what a message is, and how it gets its ``id`` without being encoded again."""

from typing import Any

import orjson

from vsr_node.bench.nodes.mistakes import Kind, WireError


def is_client(endpoint: str) -> bool:
    """Return whether this is a client's id: messages that involve one are never delayed or lost."""
    return endpoint[0] == "c"


def parse_message(line: bytes) -> dict[str, Any]:
    """Return the message that a node printed, with non-empty ``src`` and ``dest`` and a ``body``.

    Raises WireError if the line is not JSON or not a message.
    """
    try:
        message = orjson.loads(line)
    except orjson.JSONDecodeError as error:
        raise WireError(Kind.NOT_JSON, f"a line that is no JSON ({error})") from None
    if type(message) is not dict:
        raise WireError(Kind.NOT_A_MESSAGE, "a line that is JSON, but no object")
    for field in ("src", "dest"):
        value = message.get(field)
        if type(value) is not str or not value:
            raise WireError(Kind.NOT_A_MESSAGE, f'a message whose "{field}" is no string')
    if type(message.get("body")) is not dict:
        raise WireError(Kind.NOT_A_MESSAGE, 'a message whose "body" is no object')
    if "id" in message and type(message["id"]) is not int:
        raise WireError(Kind.NOT_A_MESSAGE, 'a message whose "id" is no integer')
    return message


def with_id(line: bytes, message: dict[str, Any], message_id: int) -> bytes:
    """Return ``line``, which holds ``message``, with that id, and if possible the same bytes."""
    if "id" in message:
        return orjson.dumps(message | {"id": message_id})
    return b'{"id":%d,%b' % (message_id, line.strip()[1:])


def new_message(message_id: int, source: str, destination: str, body: dict[str, Any]) -> bytes:
    """Return a message of the bench itself as a line without its newline."""
    return orjson.dumps({"id": message_id, "src": source, "dest": destination, "body": body})
