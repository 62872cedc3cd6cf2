"""What the types of commands and fields say."""

import typing
from typing import Any


def has_set(kind: Any) -> bool:
    """Return whether a type is one of sets, or has one inside."""
    if (typing.get_origin(kind) or kind) in (set, frozenset):
        return True
    return any(map(has_set, typing.get_args(kind)))
