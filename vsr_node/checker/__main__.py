"""``vsr check FILE``: judge a recorded history."""

import argparse
import sys
from collections.abc import Sequence
from typing import NoReturn

from vsr_node.checker import MODELS, Bounds, HistoryError, check, load_history
from vsr_node.command import command_here

EXIT_VALID, EXIT_INVALID, EXIT_UNKNOWN = 0, 1, 2
EXIT_UNREADABLE, EXIT_MALFORMED, EXIT_USAGE = 3, 4, 5

_EPILOG = """\
The history is JSON Lines, Jepsen's or Maelstrom's history.edn, or Jepsen's text log.
Exit status: 0 linearizable, 1 not linearizable, 2 unknown (a limit was hit), 3 the file can't be
read, 4 the history is malformed or not of this model, 5 wrong arguments, 255 an error in this
program."""


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        # argparse's own status for this, 2, means that the verdict is unknown.
        self.print_usage(sys.stderr)
        self.exit(EXIT_USAGE, f"{self.prog}: {message}\n")


def main(arguments: Sequence[str]) -> int:
    """Judge the file that the command line names, print the verdict, return the exit status."""
    options = _parser().parse_args(arguments)
    bounds = Bounds(options.time_limit, int(options.memory_limit * 1_000_000))
    try:
        verdict = check(load_history(options.file), MODELS[options.model](), bounds)
    except OSError as error:
        print(f"{options.file}: {error.strerror or error}", file=sys.stderr)
        return EXIT_UNREADABLE
    except HistoryError as error:
        print(f"{options.file}: {error}", file=sys.stderr)
        return EXIT_MALFORMED
    print(verdict.explanation())
    return {True: EXIT_VALID, False: EXIT_INVALID, None: EXIT_UNKNOWN}[verdict.valid]


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog=command_here("check"),
        description="Judge whether a recorded history is linearizable.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("file", metavar="FILE", help="the history")
    parser.add_argument(
        "--model",
        choices=tuple(MODELS),
        default="register",
        help="register: read, write, cas (default); map: get, put, append; each for every key",
    )
    parser.add_argument(
        "--time-limit",
        type=_positive,
        default=60.0,
        metavar="S",
        help="most seconds of the search (default 60)",
    )
    parser.add_argument(
        "--memory-limit",
        type=_positive,
        default=1000.0,
        metavar="MB",
        help="most megabytes that the search holds (default 1000)",
    )
    return parser


def _positive(text: str) -> float:
    number = float(text)
    if not 0 < number < float("inf"):
        raise argparse.ArgumentTypeError(f"{text} is not a positive number")
    return number


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
