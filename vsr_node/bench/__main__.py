"""``vsr bench``."""

import os
import sys
from collections.abc import Sequence


def main(words: Sequence[str]) -> int:
    """Run a command of the bench; return the exit status."""
    if os.name == "nt":
        print("the bench runs on Linux and macOS; on Windows use WSL", file=sys.stderr)
        return 254
    from vsr_node.bench.command_line.cli import main as run

    return run(words)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
