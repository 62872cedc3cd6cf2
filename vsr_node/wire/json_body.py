"""Protocol messages as Maelstrom bodies, and back.

A body's ``type`` names the message; its other fields are the message's: whole numbers, except for
``entries``, a list of [client, request_number, operation], ``parts``, a list of the parts of a
checkpoint, ``members``, a list of names, ``answers``, a list of [client, request_number, result or
null], and the ``nonce`` of a recovery, hexadecimal digits. A change of the members is an object, as
an operation and as a result, and what a state machine has never is. Nothing that other processes
send is trusted: a body that does not have just these fields and kinds is refused here, so the core
only ever sees well-formed messages.

What ``links/frames`` has is encoded the same way. A relay's ``body`` is that of its message.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Any, Protocol

import orjson

from vsr_node.core.messages import (
    Answer,
    Entry,
    Operation,
    Parts,
    Reason,
    Refusal,
    Result,
    change_of,
    object_of,
)
from vsr_node.links.frames import LinkRows, Relay, Row

from .shapes import (
    NONCE,
    NUMBER_MAX,
    SHAPES,
    SHAPES_BY_CLASS,
    Frame,
    MalformedMessageError,
    Shape,
)

LINE_LENGTH_MAX = 64 << 20
"""Bytes. No message is longer, and reading a longer line whole would fill the memory."""

_ONLY_TEXTS = frozenset({str})
_ONLY_NUMBERS = frozenset({int})


def encode(message: Frame) -> bytes:
    """Return the body's JSON text."""
    message_class = type(message)
    template = _TEMPLATES[message_class]
    others = SHAPES_BY_CLASS[message_class].others
    if not others:
        return template % message
    values: list[Any] = list(message)
    for position, field in others:
        values[position] = _ENCODERS.get(field, _encode_value)(values[position])
    return template % (*values,)


def _template_of(shape: Shape) -> bytes:
    """Return the text of a body, with places for the fields: much faster to fill than a dict."""
    places = (
        f'"{field}":{"%d" if field in shape.number_fields else "%b"}' for field in shape.fields
    )
    return f'{{"type":"{shape.type}",{",".join(places)}}}'.encode()


def _encode_value(value: object) -> bytes:
    return orjson.dumps(value, default=object_of)


_TEMPLATES = {
    message_class: _template_of(shape) for message_class, shape in SHAPES_BY_CLASS.items()
}

_ENCODERS: dict[str, Callable[[Any], bytes]] = {
    # Rows are named tuples, which orjson does not take.
    "rows": lambda rows: orjson.dumps([tuple(row) for row in rows]),
    "refusals": lambda refusals: orjson.dumps(
        [(client, number, reason.name) for client, number, reason in refusals]
    ),
    "body": encode,
}


class Codec(Protocol):
    """Makes values of a state machine from JSON. Each method raises ValueError if it is not one."""

    def decode_operations(self, values: Sequence[object]) -> Iterable[Operation]:
        """Return operations of clients."""

    def decode_result(self, value: object) -> Result:
        """Return the result of an operation."""

    def decode_part(self, value: object) -> object:
        """Return a part of the machine's snapshot."""


def decode(body: dict[str, Any], codec: Codec) -> Frame:
    """Return the message of a body. Raise MalformedMessageError."""
    message_type = body.get("type")
    shape = SHAPES.get(message_type) if type(message_type) is str else None
    if shape is None:
        raise MalformedMessageError("field type: no message of the protocol")
    try:
        values: Sequence[Any] = shape.values_of(body)
        numbers = shape.numbers_of(body)
    except KeyError:
        raise _wrong_fields(shape) from None
    if len(body) != 1 + len(values):
        raise _wrong_fields(shape)
    if numbers and not (
        _ONLY_NUMBERS.issuperset(map(type, numbers))
        and min(numbers) >= 0
        and max(numbers) <= NUMBER_MAX
    ):
        raise _wrong_number(shape, numbers)
    if body.get("first_op_number") == 0:
        raise MalformedMessageError("field first_op_number: op_numbers begin at 1")
    if shape.others:
        values = list(values)
        for position, field in shape.others:
            values[position] = _DECODERS[field](body, codec)
    message: Frame = shape.message_of(values)
    return message


def _wrong_fields(shape: Shape) -> MalformedMessageError:
    names = ", ".join(shape.fields)
    return MalformedMessageError(f"a {shape.type} has the fields type, {names}")


def _wrong_number(shape: Shape, numbers: Sequence[object]) -> MalformedMessageError:
    field = next(
        field
        for field, value in zip(shape.number_fields, numbers, strict=True)
        if type(value) is not int or not 0 <= value <= NUMBER_MAX
    )
    return MalformedMessageError(f"field {field}: expected a whole number")


def _decode_entries(body: dict[str, Any], codec: Codec) -> tuple[Entry, ...]:
    value = body["entries"]
    if type(value) is not list:
        raise MalformedMessageError("field entries: expected a list")
    if not value:
        return ()
    try:
        # Column by column, as a batch has many.
        clients, numbers, operations = zip(*value, strict=True)
        if not _ONLY_TEXTS.issuperset(map(type, clients)):
            raise ValueError("a client is no text")
        if not _ONLY_NUMBERS.issuperset(map(type, numbers)):
            raise ValueError("a request_number is no whole number")
        if min(numbers) < 0 or max(numbers) > NUMBER_MAX:
            raise ValueError("a request_number is out of bounds")
        try:
            decoded = codec.decode_operations(operations)
            # Not tuple(...): that makes one of 10 places and cuts it, and when they are freed
            # Python keeps thousands of each size, of which it then uses only those of 10.
            return (*zip(clients, numbers, decoded, strict=True),)
        except ValueError:
            if dict not in map(type, operations):
                raise
            decoded = [_decode_operation(operation, codec) for operation in operations]
            return (*zip(clients, numbers, decoded, strict=True),)
    except (TypeError, ValueError) as error:
        raise MalformedMessageError(f"field entries: {error}") from None


def _decode_operation(value: object, codec: Codec) -> Operation:
    if type(value) is dict:
        return change_of(value)
    (operation,) = codec.decode_operations((value,))
    return operation


def _decode_result(value: object, codec: Codec) -> Result:
    return change_of(value) if type(value) is dict else codec.decode_result(value)


def _decode_parts(body: dict[str, Any], codec: Codec) -> Parts:
    parts = body["parts"]
    client_count, position = body["client_count"], body["position"]
    if type(parts) is not list:
        raise MalformedMessageError("field parts: expected a list")
    try:
        clients = [_decode_client(part, codec) for part in parts[: max(0, client_count - position)]]
        return (*clients, *map(codec.decode_part, parts[len(clients) :]))
    except ValueError as error:
        raise MalformedMessageError(f"field parts: {error}") from None


def _decode_client(part: object, codec: Codec) -> object:
    """Return a client of the client table; a reply of an older version has no digest."""
    match part:
        case [str(name), int(forgotten_number), [*replies]]:
            return (name, forgotten_number, tuple(_decode_reply(reply, codec) for reply in replies))
    raise ValueError("expected [client, number, [[number, result, digest], ...]]")


def _decode_reply(reply: object, codec: Codec) -> object:
    match reply:
        case [int(number), result, int(digest)]:
            return (number, _decode_result(result, codec), digest)
        case [int(number), result]:
            return (number, _decode_result(result, codec))
    raise ValueError("expected [number, result, digest]")


def _decode_nonce(body: dict[str, Any], _: Codec) -> str:
    value = body["nonce"]
    if type(value) is not str or not NONCE.fullmatch(value):
        raise MalformedMessageError("field nonce: expected 32 hexadecimal digits")
    return value


def _decode_members(body: dict[str, Any], _: Codec) -> tuple[str, ...]:
    return _names("members", body["members"])


def _decode_answers(body: dict[str, Any], codec: Codec) -> tuple[Answer, ...]:
    value = body["answers"]
    if type(value) is not list:
        raise MalformedMessageError("field answers: expected a list")
    try:
        return tuple(_decode_answer(each, codec) for each in value)
    except ValueError as error:
        raise MalformedMessageError(f"field answers: {error}") from None


def _decode_answer(value: object, codec: Codec) -> Answer:
    match value:
        case [str(client), int(number), result] if (
            type(number) is int and 0 <= number <= NUMBER_MAX
        ):
            return client, number, None if result is None else _decode_result(result, codec)
    raise ValueError("expected [client, number, result or null]")


def _decode_refusals(body: dict[str, Any], _: Codec) -> tuple[Refusal, ...]:
    value = body["refusals"]
    if type(value) is not list:
        raise MalformedMessageError("field refusals: expected a list")
    return tuple(map(_decode_refusal, value))


def _decode_refusal(value: object) -> Refusal:
    match value:
        case [str(client), int(number), str(name)] if (
            type(number) is int and 0 <= number <= NUMBER_MAX and name in Reason.__members__
        ):
            return Refusal(client, number, Reason[name])
    raise MalformedMessageError("field refusals: expected [client, number, reason] of each")


def _decode_name(field: str) -> Callable[[dict[str, Any], Codec], str]:
    def decode_name(body: dict[str, Any], _: Codec) -> str:
        if type(body[field]) is not str:
            raise MalformedMessageError(f"field {field}: expected a text")
        return str(body[field])

    return decode_name


def _names(field: str, value: object) -> tuple[str, ...]:
    if type(value) is not list or not _ONLY_TEXTS.issuperset(map(type, value)):
        raise MalformedMessageError(f"field {field}: expected a list of names")
    return tuple(value)


def _decode_rows(body: dict[str, Any], _: Codec) -> tuple[Row, ...]:
    value = body["rows"]
    if type(value) is not list:
        raise MalformedMessageError("field rows: expected a list")
    return tuple(map(_decode_row, value))


def _decode_row(value: object) -> Row:
    match value:
        case [str(process), int(stamp), [*heard]] if 0 <= stamp <= NUMBER_MAX:
            return Row(process, stamp, _names("rows", heard))
    raise MalformedMessageError("field rows: expected [process, stamp, names] of each")


def _decode_relayed(body: dict[str, Any], codec: Codec) -> object:
    inner = body["body"]
    message = decode(inner, codec) if type(inner) is dict else None
    if message is None or isinstance(message, Relay | LinkRows):
        raise MalformedMessageError("field body: expected a message of the protocol")
    return message


_DECODERS: dict[str, Callable[[dict[str, Any], Codec], object]] = {
    "entries": _decode_entries,
    "parts": _decode_parts,
    "nonce": _decode_nonce,
    "members": _decode_members,
    "answers": _decode_answers,
    "refusals": _decode_refusals,
    "state": _decode_name("state"),
    "rows": _decode_rows,
    "origin": _decode_name("origin"),
    "route": lambda body, _: _names("route", body["route"]),
    "body": _decode_relayed,
}
