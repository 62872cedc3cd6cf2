"""The command ``vsr``."""

import sys
from collections.abc import Sequence

from vsr_node import __version__

EXIT_USAGE = 254

_HELP = """\
usage: {vsr} COMMAND ...

  node      a Viewstamped Replication node: JSON lines on stdin and stdout, for Maelstrom
  bench     try a node: real processes, a simulated network, faults, and a verdict
  check     judge whether a recorded history is linearizable
  simulate  attack the protocol in virtual time, every run from its seed

  serve     be a member of a group over TCP, with a machine of your own
  call      execute a command of that machine; get, put, cas: of KeyValue
  status    the state of all members
  pki       certificates for trying TLS

{vsr} COMMAND --help describes each; {vsr} --version prints the version."""


def main(arguments: Sequence[str]) -> int:
    """Run the command that the first argument names; return the exit status.

    Each command imports only what it needs, so that a node starts fast.
    """
    match arguments:
        case ["node", *rest]:
            from vsr_node.maelstrom.__main__ import main as node

            return node(rest)
        case ["bench", *rest]:
            from vsr_node.bench.__main__ import main as bench

            return bench(rest)
        case ["check", *rest]:
            from vsr_node.checker.__main__ import main as check

            return check(rest)
        case ["simulate", *rest]:
            from vsr_node.simulation.__main__ import main as simulate

            return simulate(rest)
        case ["serve" | "call" | "get" | "put" | "cas" | "status" | "members" | "pki", *_]:
            from vsr_node.cluster.command_line import main as cluster

            return cluster(arguments)
        case _:
            return _explain(arguments)


def _explain(arguments: Sequence[str]) -> int:
    """Print the version or the help; as an error where neither was asked for."""
    from vsr_node.shell_command import command_here

    if arguments == ["--version"]:
        print(f"vsr {__version__}")
        return 0
    is_help = arguments in (["--help"], ["-h"])
    text = _HELP.format(vsr=command_here())
    if arguments and not is_help:
        text += f"\n\nvsr: there is no command {arguments[0]}"
    print(text, file=sys.stdout if is_help else sys.stderr)
    return 0 if is_help else EXIT_USAGE


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
