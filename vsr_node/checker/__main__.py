"""``vsr check FILE``: judge a recorded history, by a model or as a workload."""

import argparse
import json
import re
import shlex
import sys
from collections.abc import Sequence
from dataclasses import replace

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
from vsr_node.checker.judgement import Demands
from vsr_node.checker.transactions.anomalies import WEAKER, model_name
from vsr_node.checker.validity import Validity
from vsr_node.checker.workloads import JUDGES, judge
from vsr_node.checker.workloads.printed import as_json, counted_validity, text_lines
from vsr_node.shell_command import Parser, command_here

EXIT_VALID, EXIT_INVALID, EXIT_UNKNOWN = (validity.exit_status for validity in Validity)
EXIT_UNREADABLE, EXIT_MALFORMED, EXIT_USAGE = 3, 4, 5

MEMORY_MEGABYTES = 1000
"""How much memory a search may use where the command line does not say."""

_EPILOG = """\
The history may be JSON Lines, a JSON array, Jepsen's or Maelstrom's history.edn or history.txt, or
Jepsen's log of any year; docs/HISTORIES.md has an example of each.
With --workload it is judged as a history of that workload of Maelstrom.
Exit status: 0 linearizable, 1 not linearizable, 2 unknown (a limit was hit), 3 the file can't be
read, 4 the history is malformed or not of this model or workload, 5 wrong arguments, 255 an error
in this program; 0, 1 and 2 are valid, not valid and unknown for a workload."""

_OF_MODELS = ("model", "initial", "memory_limit")
_OF_WORKLOADS = ("consistency_models", "strict", "json")


class _Parser(Parser):
    exit_usage = EXIT_USAGE
    """That of argparse, 2, means that the verdict is unknown."""


def main(arguments: Sequence[str]) -> int:
    """Judge the file that the command line names, print the verdict, return the exit status."""
    parser = _parser()
    options = parser.parse_args(arguments)
    _require_one_kind(parser, options)
    try:
        if options.workload is None:
            return _check_model(parser, options)
        return _check_workload(options)
    except OSError as error:
        print(f"{options.file}: {error.strerror or error}", file=sys.stderr)
        return EXIT_UNREADABLE
    except HistoryError as error:
        print(f"{options.file}: {error}", file=sys.stderr)
        return EXIT_MALFORMED


def _require_one_kind(parser: _Parser, options: argparse.Namespace) -> None:
    """Refuse options of models with a workload, and options of workloads without one."""
    of_the_other = _OF_WORKLOADS if options.workload is None else _OF_MODELS
    for name in of_the_other:
        if getattr(options, name) is not None:
            option = f"--{name.replace('_', '-')}"
            rule = "needs" if options.workload is None else "can't be combined with"
            parser.error(f"{option} {rule} --workload")


def _check_model(parser: _Parser, options: argparse.Namespace) -> int:
    seconds = options.time_limit
    megabytes = MEMORY_MEGABYTES if options.memory_limit is None else options.memory_limit
    try:
        model = MODELS[options.model or "register"](options.initial)
    except HistoryError as error:
        parser.error(f"argument --initial: {error}")
    events = _load(options.file)
    verdict = _judge(events, model, Bounds(seconds, int(megabytes * 1_000_000)))
    print(verdict.explanation())
    _print_hint(unwritten_first_value(events, verdict))
    return Validity.of(verdict.valid).exit_status


def _check_workload(options: argparse.Namespace) -> int:
    demands = Demands(options.consistency_models or Demands().consistency_models)
    demands = replace(demands, seconds=options.time_limit)
    judgement = judge(options.workload, _load(options.file), demands)
    strict = bool(options.strict)
    if options.json:
        print(json.dumps(as_json(options.workload, judgement, strict)))
    else:
        print("\n".join(text_lines(judgement, strict)))
    return counted_validity(judgement, strict).exit_status


def _load(path: str) -> list[Event]:
    events = load_history(path)
    if all(event.process == NEMESIS for event in events):
        raise HistoryError("there is no operation of a client in it, only faults")
    return events


def _judge(events: list[Event], model: Model, bounds: Bounds) -> Verdict:
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


def _parser() -> _Parser:
    parser = _Parser(
        prog=command_here("check"),
        description="Judge whether a recorded history is linearizable, or valid for a workload.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("file", metavar="FILE", help="the history")
    parser.add_argument(
        "--model",
        choices=tuple(MODELS),
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
        metavar="MB",
        help=f"most megabytes that the search holds (default {MEMORY_MEGABYTES})",
    )
    parser.add_argument(
        "--workload",
        choices=tuple(sorted(JUDGES)),
        help="judge it as Maelstrom's workload of that name",
    )
    parser.add_argument(
        "--consistency-models",
        type=_models,
        metavar="MODELS",
        help="what transactions have to satisfy (default strict-serializable)",
    )
    parser.add_argument(
        "--strict",
        action="store_true",
        default=None,
        help="demand linearizable sets and counters, strictly serializable transactions",
    )
    parser.add_argument(
        "--json", action="store_true", default=None, help="print the verdict as one JSON object"
    )
    return parser


def _models(text: str) -> tuple[str, ...]:
    """Return the models, as Maelstrom splits them: "a,b" stays one text, which it does not know."""
    for name in text.split(","):
        if model_name(name.strip()) is None:
            known = ", ".join(WEAKER)
            raise argparse.ArgumentTypeError(
                f"there is no model {name.strip()!r}; these are: {known}"
            )
    return tuple(re.split(r"\s+,\s+", text))


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
