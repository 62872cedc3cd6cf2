"""Values as keys of a dict, and their order."""

from collections.abc import Sequence
from typing import TypeAlias

from vsr_node.checker.history import Json, canonical_text

ValueKey: TypeAlias = int | str | tuple[str]
"""Stands for a value in a dict: 1, 1.0 and true are different values. A tuple holds JSON text."""


def key_of(value: Json) -> ValueKey:
    """Return the key that stands for a value."""
    if type(value) is int or isinstance(value, str):
        return value
    return (canonical_text(value),)


def keys_of(values: Sequence[Json]) -> list[ValueKey]:
    """Return the keys that stand for values."""
    if all(kind is int or kind is str for kind in set(map(type, values))):
        return list(values)  # type: ignore[arg-type]  # It is what the condition has just found.
    return [key_of(value) for value in values]


def key_text(key: ValueKey) -> str:
    """Return the JSON text of the value that a key stands for."""
    return key[0] if isinstance(key, tuple) else canonical_text(key)


def value_order(value: Json) -> tuple[bool, float, str]:
    """Return the place of a value in a sorted list: numbers first, then by text."""
    if isinstance(value, int | float):
        return False, value, ""
    return True, 0.0, canonical_text(value)
