"""Viewstamped Replication: a node for Jepsen Maelstrom, and the tools that try to break it."""

import sys

__version__ = "0.1.0"

# True while Python imports the packages of the module that `python -m` names. This is the first
# of them, and the last place where no module of the caller's folder has been imported yet.
if sys.argv[:1] == ["-m"]:
    from vsr_node.start import restart_module

    restart_module()
