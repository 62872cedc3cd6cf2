"""``vsr node``: switch the garbage collector off, then load the node and run it."""

import gc
import sys
from collections.abc import Sequence


def main(arguments: Sequence[str]) -> int:
    """Run the node; return the exit status."""
    # Nothing in a node makes cycles (a test holds it), so the collector would search in vain: first
    # the modules while they are loaded, and then the whole log, again and again.
    gc.disable()
    from .process import run

    return run(arguments)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
