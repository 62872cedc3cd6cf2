"""A number that all members agree on."""

from vsr_node.machines.typed import Machine, command, query


class Counter(Machine):
    """A counter."""

    value: int = 0

    @command
    def add(self, n: int) -> int:
        """Add ``n`` and return the sum."""
        self.value += n
        return self.value

    @query
    def get(self) -> int:
        """Return the sum."""
        return self.value
