"""`python -m vsr_node.bench`."""

import os
import sys

if os.name == "nt":
    print("the bench runs on Linux and macOS; on Windows use WSL", file=sys.stderr)
    sys.exit(254)

from vsr_node.bench.command_line.cli import main

sys.exit(main(sys.argv[1:]))
