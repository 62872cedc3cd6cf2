"""Messages as bytes, as nodes send them: encoded and decoded on the way in some seeds."""

from collections.abc import Iterable, Sequence
from typing import Any

import orjson

from vsr_node.core.messages import Message, Operation, Result
from vsr_node.wire import json_body


class _ObservedCodec:
    """Takes what the ``ObservedMachine`` is handed and returns: tuples, which JSON has as lists."""

    def decode_operations(self, values: Sequence[object]) -> Iterable[Operation]:
        """Return operations."""
        return map(_with_tuples, values)

    def decode_result(self, value: object) -> Result:
        """Return the result of an operation."""
        return _with_tuples(value)

    def decode_part(self, value: object) -> object:
        """Return a part of the machine's snapshot."""
        return _with_tuples(value)


def _with_tuples(value: object) -> object:
    return tuple(map(_with_tuples, value)) if isinstance(value, list) else value


_CODEC = _ObservedCodec()


def through_bytes(message: Message) -> Message:
    """Return what a node makes of the message that another one encoded."""
    body: dict[str, Any] = orjson.loads(json_body.encode(message))
    return json_body.decode(body, _CODEC)
