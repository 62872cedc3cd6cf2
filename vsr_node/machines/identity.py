"""What a machine is known by: its name, and a digest of each command's name and types.

Members and clients that differ would misread each other's operations. The texts are made here, so
they are the same with each version of Python and of the packages.
"""

import dataclasses
import types
import typing
from enum import Enum
from hashlib import sha256
from typing import Any

from .typed import Command, Machine, commands_of

DIGEST_DIGITS = 16


def identity_of(machine: type[Machine]) -> str:
    """Return ``NAME/DIGEST``; the digest is of all commands."""
    return f"{machine.__name__}/{_digest(repr(sorted(digests_of(machine).items())))}"


def digests_of(machine: type[Machine]) -> dict[str, str]:
    """Return a digest of each command's kind, parameters and result, by the command's name."""
    return {name: _digest(_signature(each)) for name, each in commands_of(machine).items()}


def _digest(text: str) -> str:
    return sha256(text.encode()).hexdigest()[:DIGEST_DIGITS]


def _signature(command: Command[Any, Any, Any]) -> str:
    kinds = ",".join(f"{name}:{_type(kind)}" for name, kind in command.codec.kinds.items())
    returned = _type(command.codec.returned)
    return f"{command.is_read} {command.takes_context} ({kinds}) {returned}"


def _type(kind: Any, outer: tuple[Any, ...] = ()) -> str:
    """Return a type as a text. ``outer`` are the dataclasses that it stands in."""
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if origin is typing.Annotated:
        return _type(arguments[0], outer)
    if origin in (typing.Union, types.UnionType):
        return "|".join(sorted(_type(each, outer) for each in arguments))
    if origin is typing.Literal:
        return f"Literal[{','.join(map(repr, arguments))}]"
    if origin is not None:
        return f"{origin.__name__}[{','.join(_type(each, outer) for each in arguments)}]"
    if dataclasses.is_dataclass(kind) and kind not in outer:
        hints = typing.get_type_hints(kind)
        fields = (f"{name}:{_type(hints[name], (*outer, kind))}" for name in hints)
        return f"{getattr(kind, '__name__', '')}{{{','.join(fields)}}}"
    if isinstance(kind, type) and issubclass(kind, Enum):
        return f"{kind.__name__}({','.join(repr(each.value) for each in kind)})"
    return str(getattr(kind, "__name__", kind))
