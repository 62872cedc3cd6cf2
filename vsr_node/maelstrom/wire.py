"""Protocol messages as Maelstrom bodies, and back.

A body's ``type`` names the message; its other fields are the message's, whole numbers all but
``entries``, a list of [client, request_number, operation]. Of what other processes send nothing
is believed: a body that does not have just these fields and kinds is refused here, so that the
core only ever sees well-formed messages.
"""

from collections.abc import Callable
from typing import Any

import orjson

from vsr_node.core.messages import (
    Commit,
    DoViewChange,
    Entry,
    GetState,
    Message,
    NewState,
    Operation,
    Prepare,
    PrepareOk,
    Request,
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
}
_TYPES = {message_class: name for name, message_class in _CLASSES.items()}
_FIELDS: dict[type[Message], tuple[str, ...]] = {
    message_class: tuple(message_class.__dataclass_fields__) for message_class in _TYPES
}

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


def decode(body: dict[str, Any], decode_operation: Callable[[object], Operation]) -> Message:
    """The message that a body is.

    ``decode_operation`` makes an operation of its JSON value. Raises MalformedMessageError, also
    for the ValueError of ``decode_operation``.
    """
    message_type = body.get("type")
    if type(message_type) is not str or message_type not in _CLASSES:
        raise MalformedMessageError("field type: no message of the protocol")
    message_class = _CLASSES[message_type]
    fields = _FIELDS[message_class]
    if len(body) != len(fields) + 1:
        raise MalformedMessageError(f"a {message_type} has the fields type, {', '.join(fields)}")
    values: list[Any] = []
    for field in fields:
        value = body.get(field)
        if field == "entries":
            values.append(_decode_entries(value, decode_operation))
        elif type(value) is int and 0 <= value <= NUMBER_MAX:
            values.append(value)
        else:
            raise MalformedMessageError(f"field {field}: expected a whole number")
    message = message_class(*values)
    if isinstance(message, Prepare | DoViewChange | StartView | NewState):
        _check_first_op_number(message.first_op_number)
    return message


def _check_first_op_number(first_op_number: int) -> None:
    if first_op_number < 1:
        raise MalformedMessageError("field first_op_number: op_numbers begin at 1")


def _decode_entries(
    value: object, decode_operation: Callable[[object], Operation]
) -> tuple[Entry, ...]:
    if type(value) is not list:
        raise MalformedMessageError("field entries: expected a list")
    entries = []
    for item in value:
        match item:
            case [str(client), int(number), operation] if 0 <= number <= NUMBER_MAX:
                if number is True or number is False:
                    raise MalformedMessageError("field entries: true and false are no numbers")
            case _:
                raise MalformedMessageError(
                    "field entries: expected [client, request_number, operation] each"
                )
        try:
            entries.append(Entry(client, number, decode_operation(operation)))
        except ValueError as error:
            raise MalformedMessageError(f"field entries: {error}") from None
    return tuple(entries)
