"""Frozen dataclasses as JSON, and back."""

from dataclasses import MISSING, fields, is_dataclass
from enum import Enum
from types import UnionType
from typing import Any, TypeVar, get_args, get_origin, get_type_hints

T = TypeVar("T")


def as_json(value: Any) -> Any:
    """Return a value as JSON. A field that has a default is left out while it is None."""
    if is_dataclass(value):
        pairs = [(field, getattr(value, field.name)) for field in fields(value)]
        return {
            field.name: as_json(each)
            for field, each in pairs
            if each is not None or field.default is MISSING
        }
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, dict):
        return {as_json(key): as_json(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [as_json(each) for each in value]
    return value


def from_json(kind: type[T], value: Any) -> T:
    """Return the value that ``as_json`` made JSON of.

    Raises KeyError, TypeError or ValueError if the JSON is not that of such a value.
    """
    result: T = _from_json(kind, value)
    return result


def _from_json(kind: Any, value: Any) -> Any:
    if is_dataclass(kind):
        return _dataclass_from_json(kind, value)
    origin, parameters = get_origin(kind), get_args(kind)
    if origin is UnionType:
        return None if value is None else _from_json(parameters[0], value)
    if origin is tuple:
        return tuple(_from_json(parameters[0], each) for each in value)
    if origin is dict:
        return {key: _from_json(parameters[1], each) for key, each in value.items()}
    return kind(value) if isinstance(kind, type) and issubclass(kind, Enum) else value


def _dataclass_from_json(kind: Any, value: dict[str, Any]) -> Any:
    hints = get_type_hints(kind)
    present = [field for field in fields(kind) if field.name in value or field.default is MISSING]
    return kind(
        **{field.name: _from_json(hints[field.name], value[field.name]) for field in present}
    )
