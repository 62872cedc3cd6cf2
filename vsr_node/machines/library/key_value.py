"""Texts by key."""

from dataclasses import field

from vsr_node.machines.errors import CommandError
from vsr_node.machines.typed import Machine, command, query


class KeyMissing(CommandError):  # noqa: N818
    """There is no such key."""


class OtherValue(CommandError):  # noqa: N818
    """The key has another value than expected; the argument is that value, None if it has none."""


class KeyValue(Machine):
    """A map from texts to texts."""

    values: dict[str, str] = field(default_factory=dict)

    @query
    def get(self, key: str) -> str:
        """Return a key's value. Raises KeyMissing."""
        if key not in self.values:
            raise KeyMissing(key)
        return self.values[key]

    @command
    def put(self, key: str, value: str) -> None:
        """Give a key a value."""
        self.values[key] = value

    @command
    def cas(self, key: str, expected: str | None, value: str) -> None:
        """Give a key a value if it has the expected one; None: if it has none.

        Raises OtherValue.
        """
        if self.values.get(key) != expected:
            raise OtherValue(self.values.get(key))
        self.values[key] = value

    @command
    def delete(self, key: str) -> None:
        """Remove a key. Raises KeyMissing."""
        if self.values.pop(key, None) is None:
            raise KeyMissing(key)
