"""Protocol messages as Maelstrom bodies, and back.

A body's ``type`` names the message; its other fields are the message's: whole numbers, but for
``entries``, a list of [client, request_number, operation], ``parts``, a list of the parts of a
checkpoint, and the ``nonce`` of a recovery, hexadecimal digits. Of what other processes send
nothing is believed: a body that does not have just these fields and kinds is refused here, so that
the core only ever sees well-formed messages.
"""

import re
from collections.abc import Callable
from typing import Any, Protocol

import orjson

from vsr_node.core.messages import (
    Commit,
    DoViewChange,
    Entry,
    GetCheckpoint,
    GetState,
    Message,
    NewCheckpoint,
    NewState,
    Operation,
    Parts,
    Prepare,
    PrepareOk,
    Read,
    ReadOk,
    Recovery,
    RecoveryResponse,
    Request,
    Result,
    StartView,
    StartViewChange,
)

_CLASSES: dict[str, type[Message]] = {
    "request": Request,
    "prepare": Prepare,
    "prepare_ok": PrepareOk,
    "commit": Commit,
    "start_view_change": StartViewChange,
    "do_view_change": DoViewChange,
    "start_view": StartView,
    "get_state": GetState,
    "new_state": NewState,
    "get_checkpoint": GetCheckpoint,
    "new_checkpoint": NewCheckpoint,
    "recovery": Recovery,
    "recovery_response": RecoveryResponse,
    "read_index": Read,
    "read_index_ok": ReadOk,
}
_TYPES = {message_class: name for name, message_class in _CLASSES.items()}
_FIELDS: dict[type[Message], tuple[str, ...]] = {
    message_class: tuple(message_class.__dataclass_fields__) for message_class in _TYPES
}
_KEYS = {message_class: {"type", *fields} for message_class, fields in _FIELDS.items()}


def _positions(*, of_numbers: bool) -> dict[type[Message], tuple[tuple[int, str], ...]]:
    return {
        message_class: tuple(
            (position, name)
            for position, (name, field) in enumerate(message_class.__dataclass_fields__.items())
            if (field.type is int) is of_numbers
        )
        for message_class in _TYPES
    }


_NUMBERS = _positions(of_numbers=True)
_OTHERS = _positions(of_numbers=False)

_NONCE = re.compile("[0-9a-f]{32}")

NUMBER_MAX = 2**53 - 1
"""The largest whole number that every JSON reader keeps exactly."""

MESSAGE_TYPES = frozenset(_CLASSES)


class MalformedMessageError(ValueError):
    """A body that is no protocol message."""


def encode(message: Message) -> bytes:
    """The body's JSON text."""
    message_class = type(message)
    body: dict[str, object] = {"type": _TYPES[message_class]}
    for field in _FIELDS[message_class]:
        value = getattr(message, field)
        # orjson takes plain tuples but no named ones.
        body[field] = [tuple(entry) for entry in value] if field == "entries" else value
    return orjson.dumps(body)


class Codec(Protocol):
    """The values of a state machine, out of JSON. Each raises ValueError for what is none."""

    def decode_operation(self, value: object) -> Operation:
        """What a client may ask for."""

    def decode_result(self, value: object) -> Result:
        """What it may be answered."""

    def decode_part(self, value: object) -> object:
        """A part of the machine's snapshot."""


def decode(body: dict[str, Any], codec: Codec) -> Message:
    """The message that a body is. Raises MalformedMessageError."""
    message_type = body.get("type")
    message_class = _CLASSES.get(message_type) if type(message_type) is str else None
    if message_class is None:
        raise MalformedMessageError("field type: no message of the protocol")
    fields = _FIELDS[message_class]
    if body.keys() != _KEYS[message_class]:
        raise MalformedMessageError(f"a {message_type} has the fields type, {', '.join(fields)}")
    values = [body[field] for field in fields]
    for position, field in _NUMBERS[message_class]:
        value = values[position]
        if type(value) is not int or not 0 <= value <= NUMBER_MAX:
            raise MalformedMessageError(f"field {field}: expected a whole number")
        if value == 0 and field == "first_op_number":
            raise MalformedMessageError("field first_op_number: op_numbers begin at 1")
    for position, field in _OTHERS[message_class]:
        values[position] = _DECODERS[field](body, codec)
    return message_class(*values)


def _decode_entries(body: dict[str, Any], codec: Codec) -> tuple[Entry, ...]:
    value = body["entries"]
    if type(value) is not list:
        raise MalformedMessageError("field entries: expected a list")
    entries = []
    try:
        for client, number, operation in value:
            if type(client) is not str or type(number) is not int or not 0 <= number <= NUMBER_MAX:
                raise ValueError("expected [client, request_number, operation] each")
            entries.append(Entry(client, number, codec.decode_operation(operation)))
    except (TypeError, ValueError) as error:
        raise MalformedMessageError(f"field entries: {error}") from None
    return tuple(entries)


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
    """A client of the client table: (name, forgotten number, ((number, result), ...))."""
    match part:
        case [str(name), int(forgotten_number), [*replies]]:
            return (name, forgotten_number, tuple(_decode_reply(reply, codec) for reply in replies))
    raise ValueError("expected [client, number, [[number, result], ...]]")


def _decode_reply(reply: object, codec: Codec) -> object:
    match reply:
        case [int(number), result]:
            return (number, codec.decode_result(result))
    raise ValueError("expected [number, result]")


def _decode_nonce(body: dict[str, Any], _: Codec) -> str:
    value = body["nonce"]
    if type(value) is not str or not _NONCE.fullmatch(value):
        raise MalformedMessageError("field nonce: expected 32 hexadecimal digits")
    return value


_DECODERS: dict[str, Callable[[dict[str, Any], Codec], object]] = {
    "entries": _decode_entries,
    "parts": _decode_parts,
    "nonce": _decode_nonce,
}
