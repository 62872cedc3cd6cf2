"""The command line of ``scripts/soak``."""

import argparse
import shlex
import signal
import sys
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from types import FrameType

from scripts.soaking.checks import CHECKS, Check
from scripts.soaking.runs import STATE, Journal, carry_out, command_line, content_key
from scripts.soaking.table import summarize, table

EXIT_OK, EXIT_FAILED, EXIT_USAGE, EXIT_INTERRUPTED = 0, 1, 2, 130


def main(words: Sequence[str]) -> int:
    """Carry out the requested checks; return the exit status."""
    arguments = _parser().parse_args(words)
    checks = [check for check in CHECKS if not arguments.names or _is_named(check, arguments.names)]
    unknown = [n for n in arguments.names if not any(_is_named(check, [n]) for check in CHECKS)]
    if unknown:
        print(f"soak: there is no check {', '.join(unknown)}; see --list", file=sys.stderr)
        return EXIT_USAGE
    if arguments.list:
        _list(checks, arguments.commands)
        return EXIT_OK
    key = content_key()
    try:
        journal = Journal(STATE / key)
    except BlockingIOError:
        print("soak: another one is running on this code", file=sys.stderr)
        return EXIT_USAGE
    with closing(journal):
        if arguments.again:
            journal.clear()
        status = _soak(checks, journal, arguments.jobs, STATE / key / "runs")
        if content_key() != key:
            print("soak: the code changed meanwhile; these runs do not count", file=sys.stderr)
            journal.clear()
            return EXIT_FAILED
    return status


def _soak(checks: Sequence[Check], journal: Journal, jobs: int, folder: Path) -> int:
    """Carry out the remaining runs, print the table, return the exit status."""
    signal.signal(signal.SIGTERM, _interrupt)
    interrupted = False
    try:
        carry_out(checks, journal, jobs, folder)
    except KeyboardInterrupt:
        interrupted = True
        print("stopped; the same command continues with the remaining runs", flush=True)
    rows = [summarize(check, journal.done) for check in checks]
    print(table(rows))
    if interrupted:
        return EXIT_INTERRUPTED
    return EXIT_OK if all(row.state == "ok" for row in rows) else EXIT_FAILED


def _is_named(check: Check, names: Sequence[str]) -> bool:
    return any(check.name == name or check.name.startswith(f"{name}-") for name in names)


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def _list(checks: Sequence[Check], with_commands: bool) -> None:
    for check in checks:
        print(f"{check.name} ({len(check.runs)} runs): {check.about}")
        for run in check.runs if with_commands else ():
            print(f"    {shlex.join(command_line(run))}")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="scripts/soak",
        description="Carries out the long checks and prints a table. If stopped, the next call "
        "continues with the remaining runs, as long as the code is the same.",
        epilog="Exit status: 0 all checks are ok, 1 something failed, 2 wrong usage, 130 stopped.",
    )
    parser.add_argument(
        "names",
        nargs="*",
        metavar="NAME",
        help="a check, or the beginning of several (matrix: all matrix-...); default: all checks",
    )
    parser.add_argument("--jobs", type=int, default=1, metavar="N", help="runs at a time (1)")
    parser.add_argument("--again", action="store_true", help="forget all runs on this code")
    parser.add_argument("--list", action="store_true", help="list the checks, carry out none")
    parser.add_argument("--commands", action="store_true", help="with --list: also their commands")
    return parser


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
