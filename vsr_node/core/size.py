"""How large entries and parts are, so that no message and no memory grows without bound.

A size is the number of characters of all texts, and a little for all else. JSON needs at most 6
bytes for a character: that is a control character's escape, and inside a text that is JSON itself
an ASCII character takes at most 2 bytes and any other at most 4.
"""

from collections.abc import Callable, Iterable, Sequence
from itertools import chain
from typing import TypeVar, cast

from .messages import Entry, Parts

Item = TypeVar("Item")

OVERHEAD = 8
"""What is counted for each text, number or tuple, with its comma, quotes or brackets."""

LONG_TEXT = 4 << 10
"""Characters of a text that takes longer to copy than to look at."""

ENTRY_OVERHEAD = 16 * OVERHEAD
"""The same for an entry, at the most."""


def size_of(value: object) -> int:
    """Return the size of an operation, a result or a part."""
    if type(value) is str:
        return OVERHEAD + len(value)
    if type(value) is not tuple:
        return size_of(tuple(value)) if isinstance(value, tuple) else OVERHEAD
    # Most tuples have texts only, but for a flag at the end, and joining is the fastest way.
    texts = value[:-1] if value and type(value[-1]) is bool else value
    try:
        return OVERHEAD * (1 + len(value)) + len("".join(cast("tuple[str, ...]", texts)))
    except TypeError:
        return OVERHEAD + sum(map(size_of, value))


def size_of_entry(entry: Entry) -> int:
    """Return the size of an entry."""
    client, _, operation = entry
    return 3 * OVERHEAD + len(client) + size_of(operation)


def size_of_all(entries: Sequence[Entry]) -> int:
    """Return the size of all entries, or a little more: most turns have no time to be exact."""
    if not entries:
        return 0
    clients, _, operations = zip(*entries, strict=True)
    try:
        # A machine's operations are all texts, or all tuples of them.
        is_text = type(operations[0]) is str
        texts = operations if is_text else chain.from_iterable(operations)
        last = operations[-1] if is_text else operations[-1][-1]
        # Joining is the fastest way for short texts, but copies long ones.
        if len(last) > LONG_TEXT:
            length = sum(map(str.__len__, chain(clients, texts)))
        else:
            length = len("".join(clients)) + len("".join(texts))
    except TypeError:  # A flag or a number is among the texts.
        members = [each if type(each) is tuple else (each,) for each in operations]
        length = sum(map(len, map(str, chain(clients, *members))))
    return ENTRY_OVERHEAD * len(entries) + length


def size_of_parts(parts: Parts) -> int:
    """Return the size of a state, each part counted like an entry: both take time to write."""
    return ENTRY_OVERHEAD * len(parts) + sum(map(size_of, parts))


def count_within(sizes: Iterable[int], size_max: int) -> int:
    """Return how many of the first sizes add up to at most ``size_max``."""
    count = total = 0
    for size in sizes:
        total += size
        if total > size_max:
            break
        count += 1
    return count


def fitting(
    items: tuple[Item, ...], size_max: int, measure: Callable[[Item], int]
) -> tuple[Item, ...]:
    """Return the first ones that fit in one message: the very first in any case."""
    return items[: max(1, count_within(map(measure, items), size_max))]
