"""Messages as bytes, as nodes send them: encoded and decoded on the way in some seeds."""

from collections.abc import Iterable, Sequence
from typing import Any

import orjson

from vsr_node.core.messages import Operation, Result
from vsr_node.simulation.requests import REGISTER
from vsr_node.wire import json_body
from vsr_node.wire.json_body import Codec
from vsr_node.wire.shapes import Frame


class TupleCodec:
    """Takes any values of a state machine: tuples, which JSON has as lists."""

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


class _ObservedCodec:
    """A machine's codec, for what the ``ObservedMachine`` adds: a request, and a count."""

    def __init__(self, codec: Codec) -> None:
        self._codec = codec

    def decode_operations(self, values: Sequence[object]) -> Iterable[Operation]:
        """Return operations, each with its request."""
        requests: list[tuple[str, int]] = []
        operations: list[object] = []
        for value in values:
            match value:
                case [[str(client), int(request_number)], operation]:
                    requests.append((client, request_number))
                    if request_number:
                        operations.append(operation)
                case _:
                    raise ValueError("not an operation with its request")
        decoded = iter(self._codec.decode_operations(operations))
        for request in requests:
            # A registration asks nothing of the machine.
            yield request, next(decoded) if request[1] else REGISTER

    def decode_result(self, value: object) -> Result:
        """Return the result of an operation."""
        return self._codec.decode_result(value)

    def decode_part(self, value: object) -> object:
        """Return a part of the machine's snapshot."""
        return value if type(value) is int else self._codec.decode_part(value)


class Encoding:
    """The way of messages through bytes, with the codec of a run's machine."""

    def __init__(self, codec: Codec) -> None:
        self._codec = _ObservedCodec(codec)

    def through_bytes(self, message: Frame) -> Frame:
        """Return what a node makes of the message that another one encoded."""
        body: dict[str, Any] = orjson.loads(json_body.encode(message))
        return json_body.decode(body, self._codec)
