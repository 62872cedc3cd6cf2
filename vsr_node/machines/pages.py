"""Texts in the order in which they came, in pages that fit in a message.

A full page never changes, so a snapshot copies no more than the last one.
"""

from bisect import bisect_right
from collections.abc import Iterator

PAGE_COUNT_MAX = 512
"""Texts on a page."""

PAGE_LENGTH_MAX = 1 << 18
"""Characters on a page, unless its first text alone has more."""


class Pages:
    """A sequence of texts that only grows. Where a page ends follows from the texts alone."""

    __slots__ = ("_full", "_last", "_last_begin", "_last_length", "_starts")

    def __init__(self) -> None:
        self._full: list[tuple[str, ...]] = []
        # The place of each full page's first text in the sequence, and that of the last page's.
        self._starts: list[int] = []
        self._last_begin = 0
        self._last: list[str] = []
        self._last_length = 0

    def __len__(self) -> int:
        return self._last_begin + len(self._last)

    def append(self, text: str) -> None:
        """Add a text at the end."""
        last = self._last
        length = self._last_length + len(text)
        if last and (len(last) == PAGE_COUNT_MAX or length > PAGE_LENGTH_MAX):
            self._full.append(tuple(last))
            self._starts.append(self._last_begin)
            self._last_begin += len(last)
            last = self._last = []
            length = len(text)
        last.append(text)
        self._last_length = length

    def from_place(self, place: int) -> Iterator[str]:
        """Yield the texts from a place on; the first one's is 0."""
        index = max(0, bisect_right(self._starts, place) - 1)
        for start, page in zip(self._starts[index:], self._full[index:], strict=True):
            yield from page[max(0, place - start) :]
        yield from self._last[max(0, place - self._last_begin) :]

    def snapshot(self) -> tuple[tuple[str, ...], ...]:
        """Return all pages. None is empty."""
        return (*self._full, tuple(self._last)) if self._last else ()
