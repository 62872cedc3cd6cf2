"""The names and fields of the protocol's messages, the same for every encoding."""

import re
from collections.abc import Callable, Sequence
from functools import partial
from operator import itemgetter
from typing import Any, TypeAlias, get_args

from vsr_node.core.messages import Message, name_of
from vsr_node.links.frames import LinkRows, Relay

Frame: TypeAlias = Message | LinkRows | Relay
"""What processes send each other: a message as it is, or on its way, or rows of links."""

# Clients of lin-kv ask with ``read``, and are answered with ``read_ok``.
_OTHER_NAMES = {"read": "read_index", "read_ok": "read_index_ok", "link_rows": "links"}

NUMBER_MAX = 2**53 - 1
"""The largest whole number that every JSON reader keeps exact."""

NONCE = re.compile("[0-9a-f]{32}")
"""The nonce of a recovery."""


class MalformedMessageError(ValueError):
    """Bytes or a body that are not a message of the protocol."""


class Shape:
    """The fields of a message: which are numbers, and at which position the others are."""

    def __init__(self, message_class: type[Any]) -> None:
        fields = message_class.__annotations__
        name = name_of(message_class)
        self.type = _OTHER_NAMES.get(name, name)
        self.message_of: Callable[[Sequence[Any]], Any] = partial(tuple.__new__, message_class)
        """Makes a message of all its values, in a third of the time that its class takes."""
        self.fields = tuple(fields)
        self.values_of = _values_getter(self.fields)
        self.number_fields = tuple(name for name, kind in fields.items() if kind is int)
        self.numbers_of = _values_getter(self.number_fields)
        self.others = tuple(
            (position, name) for position, name in enumerate(fields) if fields[name] is not int
        )


def _values_getter(fields: Sequence[str]) -> Callable[[dict[str, Any]], tuple[Any, ...]]:
    """Return what gets the values of ``fields`` from a body, and raises KeyError without one."""
    if len(fields) > 1:
        return itemgetter(*fields)
    # With a single field ``itemgetter`` returns no tuple. No generator here: Python cuts a tuple
    # of ten that it makes of one, which lets its free lists grow.
    return lambda body: tuple([body[field] for field in fields])


SHAPES_BY_CLASS = {message_class: Shape(message_class) for message_class in get_args(Frame)}
SHAPES = {shape.type: shape for shape in SHAPES_BY_CLASS.values()}

MESSAGE_TYPES = frozenset(SHAPES)
