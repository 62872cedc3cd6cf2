"""Reading the fields of a client's request, and the texts that another replica sent.

What a client gets wrong is a RequestError that names the field; what a replica does, a ValueError.
"""

from collections.abc import Callable
from typing import Any, NamedTuple, TypeAlias

import orjson

from vsr_node.core.messages import Operation
from vsr_node.wire.shapes import NUMBER_MAX

from ..errors import malformed
from ..json_text import canonical, parse

Body: TypeAlias = dict[str, Any]

Reading: TypeAlias = Callable[[Body], Operation]
"""Makes the operation of a request's body."""

DecodePart: TypeAlias = Callable[[list[Any]], object]
"""Makes a part of a snapshot from a list that begins with its word. Raises ValueError."""


def canonical_field(body: Body, field: str) -> str:
    """Return the canonical JSON of a field. Raises RequestError if it is missing or inexact."""
    try:
        return canonical(body[field])
    except KeyError:
        raise malformed(field, "missing") from None
    except ValueError as error:
        raise malformed(field, str(error)) from None


def canonical_within(value: object, field: str) -> str:
    """Return the canonical JSON of a value within a field. Raises RequestError if inexact."""
    return canonical_field({field: value}, field)


def is_offset(value: object) -> bool:
    """Return whether a value is a whole number from 0 on that every JSON reader keeps exact."""
    return type(value) is int and 0 <= value <= NUMBER_MAX


class Shape(NamedTuple):
    """What an operation is when another replica sends it: a list that begins with ``word``.

    Its parts are of ``kinds``, and the text at ``checked`` is copied into replies (0 if none is).
    If ``decode`` is there, it looks at more than that. It may be handed any list.
    """

    word: str
    kinds: tuple[type, ...] = ()
    checked: int = 0
    decode: Callable[[list[Any]], Operation] | None = None


def check_text(text: object) -> None:
    """Refuse a text that can't be copied unchanged into a reply, which is one line of JSON."""
    if type(text) is not str or not is_value(text):
        raise ValueError("a value's text is not one line of JSON")


REMEMBERED_LENGTH_MAX = 64
_REMEMBERED_COUNT_MAX = 4_096
remembered_values: set[str] = set()
"""Short texts that were checked: the same values come again and again."""


def is_value(text: str) -> bool:
    """Return whether a text is one line of JSON."""
    if len(text) > REMEMBERED_LENGTH_MAX:
        return _is_one_line_of_json(text)
    if text in remembered_values:
        return True
    if not _is_one_line_of_json(text):
        return False
    if len(remembered_values) == _REMEMBERED_COUNT_MAX:
        remembered_values.clear()
    remembered_values.add(text)
    return True


def _is_one_line_of_json(text: str) -> bool:
    if "\n" in text:
        return False
    try:
        orjson.loads(text)
    except orjson.JSONDecodeError:
        try:
            parse(text.encode())
        except ValueError:
            return False
    return True


def decode_page(texts: list[Any]) -> tuple[str, ...]:
    """Return a page of texts from another replica's snapshot. Raises ValueError."""
    # Imported late: registers have no pages.
    from vsr_node.machines.pages import PAGE_COUNT_MAX

    if not 0 < len(texts) <= PAGE_COUNT_MAX:
        raise ValueError("a page has no texts, or too many")
    for text in texts:
        check_text(text)
    return tuple(texts)
