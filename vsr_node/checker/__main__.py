"""``vsr check FILE``: judge a recorded history."""

import argparse
import json
import shlex
import sys
from collections.abc import Sequence

from vsr_node.checker import (
    MODELS,
    Bounds,
    Event,
    HistoryError,
    Model,
    Verdict,
    check,
    load_history,
    pair_operations,
)
from vsr_node.checker.first_value import unwritten_first_value
from vsr_node.checker.foreign import is_transaction
from vsr_node.checker.history import NEMESIS, Json, canonical_text
from vsr_node.command import Parser, command_here

EXIT_VALID, EXIT_INVALID, EXIT_UNKNOWN = 0, 1, 2
EXIT_UNREADABLE, EXIT_MALFORMED, EXIT_USAGE = 3, 4, 5

_EPILOG = """\
The history may be JSON Lines, a JSON array, Jepsen's or Maelstrom's history.edn or history.txt, or
Jepsen's log of any year; docs/HISTORIES.md has an example of each.
Exit status: 0 linearizable, 1 not linearizable, 2 unknown (a limit was hit), 3 the file can't be
read, 4 the history is malformed or not of this model, 5 wrong arguments, 255 an error in this
program."""


class _Parser(Parser):
    exit_usage = EXIT_USAGE
    """That of argparse, 2, means that the verdict is unknown."""


def main(arguments: Sequence[str]) -> int:
    """Judge the file that the command line names, print the verdict, return the exit status."""
    parser = _parser()
    options = parser.parse_args(arguments)
    bounds = Bounds(options.time_limit, int(options.memory_limit * 1_000_000))
    try:
        model = MODELS[options.model](options.initial)
    except HistoryError as error:
        parser.error(f"argument --initial: {error}")
    try:
        events = load_history(options.file)
        verdict = _judge(events, model, bounds)
    except OSError as error:
        print(f"{options.file}: {error.strerror or error}", file=sys.stderr)
        return EXIT_UNREADABLE
    except HistoryError as error:
        print(f"{options.file}: {error}", file=sys.stderr)
        return EXIT_MALFORMED
    print(verdict.explanation())
    _print_hint(unwritten_first_value(events, verdict))
    return {True: EXIT_VALID, False: EXIT_INVALID, None: EXIT_UNKNOWN}[verdict.valid]


def _judge(events: list[Event], model: Model, bounds: Bounds) -> Verdict:
    if all(event.process == NEMESIS for event in events):
        raise HistoryError("there is no operation of a client in it, only faults")
    for operation in pair_operations(events):
        if is_transaction(operation.value):
            raise model.unknown(operation)
    return check(events, model, bounds)


def _print_hint(value: Json) -> None:
    if value is not None:
        text = canonical_text(value)
        print(
            f"Nobody wrote {text}. If it was there before the first operation, judge again with "
            f"--initial {shlex.quote(text)}."
        )


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
        "--initial",
        type=_json,
        metavar="VALUE",
        help='the first value of every key, as JSON: 0, or \'"a"\' (default: null; map: "")',
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


def _json(text: str) -> Json:
    try:
        value: Json = json.loads(text)
    except (ValueError, RecursionError):
        raise argparse.ArgumentTypeError(
            f"{text} is not JSON; a text needs quotes, as in {shlex.quote(json.dumps(text))}"
        ) from None
    return value


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
