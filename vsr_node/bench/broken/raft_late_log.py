#!/usr/bin/env python3
"""A lie: the log is written a little after the answer, and a kill in between loses its end."""

from typing import Any

from small_raft import Raft

DELAY_S = 0.2


class LateLog(Raft):
    """Keeps lines for a while, but not term and vote."""

    def __init__(self) -> None:
        super().__init__()
        self.unwritten: list[tuple[Any, ...]] = []

    def save(self, *line: Any) -> None:
        """Write later, or at once with all before it."""
        self.unwritten.append(line)
        if line[0] == "promise":
            self.write()
        elif len(self.unwritten) == 1:
            self.after(DELAY_S, self.write)

    def write(self) -> None:
        """Write what is kept."""
        lines, self.unwritten = self.unwritten, []
        for line in lines:
            super().save(*line)


if __name__ == "__main__":
    LateLog().run()
