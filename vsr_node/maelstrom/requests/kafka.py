"""Maelstrom's kafka (doc/workloads.md, "Workload: Kafka"); keys are texts."""

from typing import Any

from vsr_node.core.messages import Operation

from ..errors import malformed
from ..json_text import canonical
from .fields import (
    Body,
    DecodePart,
    Reading,
    Shape,
    canonical_field,
    check_text,
    decode_page,
    is_offset,
)


def _send(body: Body) -> Operation:
    message = canonical_field(body, "msg")
    if type(body.get("key")) is not str:
        raise malformed("key", "expected a text")
    return ("send", canonical(body["key"]), message)


def _poll(body: Body) -> Operation:
    return ("poll", _offsets(body))


def _commit_offsets(body: Body) -> Operation:
    return ("commit_offsets", _offsets(body))


def _offsets(body: Body) -> tuple[tuple[str, int], ...]:
    offsets = body.get("offsets")
    if type(offsets) is not dict or not all(map(is_offset, offsets.values())):
        raise malformed("offsets", "expected an object with a whole number from 0 on for each key")
    return tuple((canonical(key), offset) for key, offset in offsets.items())


def _list_committed_offsets(body: Body) -> Operation:
    keys = body.get("keys")
    if type(keys) is not list or not all(type(key) is str for key in keys):
        raise malformed("keys", "expected a list of texts")
    # A reply has each key once.
    return ("list_committed_offsets", tuple(map(canonical, dict.fromkeys(keys))))


def _decode_offsets(value: list[Any]) -> Operation:
    match value:
        case [("poll" | "commit_offsets") as word, [*offsets]]:
            return (word, tuple(map(_decode_offset, offsets)))
    raise ValueError("not offsets by key")


def _decode_offset(value: object) -> tuple[str, int]:
    match value:
        case [str(key), int(offset)] if is_offset(offset):
            _check_key(key)
            return (key, offset)
    raise ValueError("not a key with an offset")


def _decode_keys(value: list[Any]) -> Operation:
    match value:
        case [_, [*keys]]:
            for key in keys:
                _check_key(key)
            return ("list_committed_offsets", tuple(keys))
    raise ValueError("not a list of keys")


def _check_key(text: object) -> None:
    """Refuse what is not the JSON of a text: a reply has it as a field's name."""
    check_text(text)
    if not str(text).startswith('"'):
        raise ValueError("a key is no text")


def _decode_send(value: list[Any]) -> Operation:
    match value:
        case [_, key, message]:
            _check_key(key)
            check_text(message)
            return ("send", key, message)
    raise ValueError("not a send")


REQUESTS: dict[str, Reading] = {
    "send": _send,
    "poll": _poll,
    "commit_offsets": _commit_offsets,
    "list_committed_offsets": _list_committed_offsets,
}

OPERATIONS = (
    Shape("send", decode=_decode_send),
    Shape("poll", decode=_decode_offsets),
    Shape("commit_offsets", decode=_decode_offsets),
    Shape("list_committed_offsets", decode=_decode_keys),
)

REPLIES = {
    "send_ok": ("send_ok", "offset"),
    "poll_ok": ("poll_ok", "msgs"),
    "commit_offsets_ok": ("commit_offsets_ok", None),
    "list_committed_offsets_ok": ("list_committed_offsets_ok", "offsets"),
}


def _decode_log(value: list[Any]) -> object:
    match value:
        case [_, str(key), [*texts]]:
            _check_key(key)
            return ("log", key, decode_page(texts))
    raise ValueError("not a page of a log")


def _decode_committed(value: list[Any]) -> object:
    match value:
        case [_, str(key), offset] if is_offset(offset):
            _check_key(key)
            return tuple(value)
    raise ValueError("not a committed offset")


PARTS: dict[str, DecodePart] = {"log": _decode_log, "committed": _decode_committed}
