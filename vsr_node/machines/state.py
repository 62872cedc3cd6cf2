"""The state of a machine as texts: its fields, and a text for each item of a large one.

``["value",5]`` is a field. A dict, list or set begins with ``["stock"]``, and then has a text for
each item: ``["stock","tea",3]``. A dict keeps its order; the items of a set are sorted.
"""

import dataclasses
import typing
from collections.abc import Callable, Iterator
from typing import Any, Protocol

import msgspec

from .types import has_set

_ENCODE = msgspec.json.Encoder().encode
_RAW = msgspec.json.Decoder(list[msgspec.Raw])
_NAME = msgspec.json.Decoder(str)


class _Field(Protocol):
    """How a field's value becomes texts, and back."""

    def parts(self, value: Any) -> Iterator[tuple[Any, ...]]:
        """Yield what stands behind the name in each text."""

    def add(self, value: Any, part: list[msgspec.Raw]) -> Any:
        """Return the value with what stands in one more text."""


class _Whole:
    """A field in one text."""

    def __init__(self, kind: Any) -> None:
        self._decode = msgspec.json.Decoder(kind).decode

    def parts(self, value: Any) -> Iterator[tuple[Any, ...]]:
        yield (value,)

    def add(self, _: Any, part: list[msgspec.Raw]) -> Any:
        return self._decode(part[0])


class _Items:
    """A field with a text for each item of its dict, list or set."""

    def __init__(self, kind: type, item_kinds: tuple[Any, ...]) -> None:
        self._empty: Callable[[], Any] = kind
        self._decoders = [msgspec.json.Decoder(each) for each in item_kinds]

    def parts(self, value: Any) -> Iterator[tuple[Any, ...]]:
        yield ()
        if isinstance(value, dict):
            yield from value.items()
        elif isinstance(value, list):
            yield from ((item,) for item in value)
        else:
            yield from sorted(((item,) for item in value), key=_ENCODE)

    def add(self, value: Any, part: list[msgspec.Raw]) -> Any:
        if not part:
            return self._empty()
        item = [decoder.decode(raw) for decoder, raw in zip(self._decoders, part, strict=True)]
        if isinstance(value, dict):
            value[item[0]] = item[1]
        elif isinstance(value, list):
            value.append(item[0])
        else:
            value.add(item[0])
        return value


_ITEM_COUNTS = {dict: 2, list: 1, set: 1}


def _field_of(name: str, kind: Any) -> _Field:
    own_kind, item_kinds = typing.get_origin(kind) or kind, typing.get_args(kind)
    count = _ITEM_COUNTS.get(own_kind)
    if any(map(has_set, item_kinds if count else (kind,))):
        raise TypeError(f"field {name}: only a whole field can be a set, as its items get sorted")
    if count is None:
        return _Whole(kind)
    return _Items(own_kind, item_kinds or (Any,) * count)


_FIELDS: dict[type, dict[str, _Field]] = {}


def _fields_of(machine: type[Any]) -> dict[str, _Field]:
    if machine not in _FIELDS:
        _FIELDS[machine] = _read_fields(machine)
    return _FIELDS[machine]


def _read_fields(machine: type[Any]) -> dict[str, _Field]:
    hints = typing.get_type_hints(machine, include_extras=True)
    names = [field.name for field in dataclasses.fields(machine)]
    return {name: _field_of(name, hints[name]) for name in names}


def parts_of(machine: Any) -> tuple[str, ...]:
    """Return the state of a machine. Raises TypeError if a field can't be kept."""
    return tuple(
        _ENCODE((name, *part)).decode()
        for name, field in _fields_of(type(machine)).items()
        for part in field.parts(getattr(machine, name))
    )


def set_parts(machine: Any, parts: tuple[str, ...]) -> None:
    """Make the state of a machine what ``parts_of`` returned. Raises ValueError."""
    fields = _fields_of(type(machine))
    for text in parts:
        name_text, *part = _RAW.decode(text)
        name = _NAME.decode(name_text)
        if name not in fields:
            raise ValueError(f"{type(machine).__name__} has no field {name}")
        setattr(machine, name, fields[name].add(getattr(machine, name), part))
