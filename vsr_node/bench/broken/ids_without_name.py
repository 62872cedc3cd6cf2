#!/usr/bin/env python3
"""A lie: ids are a plain count, which each node begins at 1."""

from small_workloads import AllStore


class IdsWithoutName(AllStore):
    """Leaves its name out of its ids."""

    def new_id(self) -> int:
        """Return the count alone."""
        return self.id_count


if __name__ == "__main__":
    IdsWithoutName().run()
