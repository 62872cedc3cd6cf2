"""Draw arguments of a type, out of small pools, so that calls meet each other."""

import dataclasses
import enum
import types
import typing
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any
from uuid import UUID

from vsr_node.machines.typed import Machine, Request, commands_of

_POOLS: dict[Any, tuple[Any, ...]] = {
    bool: (False, True),
    bytes: (b"", b"a", b"\x00\xff"),
    datetime: tuple(datetime(2024, 2, 29, tzinfo=UTC) + timedelta(days=day) for day in range(3)),
    float: (0.0, 0.1, 0.2, 0.7, 1.5, 1e20, -2.5),
    int: (0, 1, 1, 2, 3, 10, -1),
    str: ("a", "b", "c", "", "é"),
    type(None): (None,),
    Any: (0, "a"),
    UUID: tuple(UUID(int=number) for number in range(3)),
}

ITEMS_MAX = 3


def draw_value(random: Random, kind: Any) -> Any:
    """Draw a value of a type. Raises TypeError for a type that needs ``calls`` of one's own."""
    if kind in _POOLS:
        return random.choice(_POOLS[kind])
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if origin is typing.Annotated:
        return draw_value(random, arguments[0])
    if origin is typing.Literal:
        return random.choice(arguments)
    if origin in (typing.Union, types.UnionType):
        return draw_value(random, random.choice(arguments))
    if isinstance(kind, type) and issubclass(kind, enum.Enum):
        return random.choice(list(kind))
    if dataclasses.is_dataclass(kind):
        hints = typing.get_type_hints(kind, include_extras=True)
        names = [field.name for field in dataclasses.fields(kind)]
        return typing.cast("Any", kind)(**{name: draw_value(random, hints[name]) for name in names})
    return _draw_items(random, kind, origin or kind, arguments)


def _draw_items(random: Random, kind: Any, origin: Any, arguments: tuple[Any, ...]) -> Any:
    if origin is tuple and not (arguments and arguments[-1] is Ellipsis):
        return tuple(draw_value(random, each) for each in arguments)
    count = random.randrange(ITEMS_MAX + 1)
    if origin is dict:
        key, value = arguments or (str, int)
        return {draw_value(random, key): draw_value(random, value) for _ in range(count)}
    if origin in (list, set, frozenset, tuple):
        item = arguments[0] if arguments else int
        return origin(draw_value(random, item) for _ in range(count))
    raise TypeError(f"no arguments can be drawn of {kind}; hand simulate() calls of your own")


def draw_call(random: Random, machine: type[Machine]) -> Request[Any, Any]:
    """Draw a call of any command or query, with arguments of its annotations."""
    commands = commands_of(machine)
    command = commands[random.choice(sorted(commands))]
    kinds = command.codec.kinds
    return command.request(**{name: draw_value(random, kind) for name, kind in kinds.items()})
