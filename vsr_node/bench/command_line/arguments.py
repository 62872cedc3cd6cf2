"""What the commands of the command line share: exit statuses, wrong usage, and kinds of values."""

import argparse
import math
import os
import shutil
import sys
from pathlib import Path
from typing import NoReturn

from vsr_node.bench.workshop.broken_nodes import BROKEN_PREFIX, broken_command
from vsr_node.checker import Bounds
from vsr_node.start import EXIT_ERROR as EXIT_ERROR
from vsr_node.start import NODE

EXIT_USAGE = 254
MESSAGES_KEPT = 1_000_000

OWN_NODE = "vsr-node"
"""What --bin names this project's own node by, wherever the package is installed."""

CHECK_SECONDS = 60.0
CHECK_MEGABYTES = 1000.0
BYTES_PER_MEGABYTE = 1_000_000
EXIT_STATUS_OF_VERDICT: dict[bool | str, int] = {True: 0, False: 1, "unknown": 2}


class UsageError(Exception):
    """The command line asks for something that can't be; the text says what and why."""


class Parser(argparse.ArgumentParser):
    """A parser whose complaint is no verdict: argparse would exit with status 2, unknown."""

    def error(self, message: str) -> NoReturn:
        """Complain and exit."""
        self.print_usage(sys.stderr)
        self.exit(EXIT_USAGE, f"{self.prog}: {message}\n")


def add_bin(parser: argparse.ArgumentParser, *, required: bool = True) -> None:
    """Let the command line name the node's program."""
    parser.add_argument(
        "--bin",
        required=required,
        metavar="BIN",
        help=f"the node's program; {OWN_NODE} for the node of this project, {BROKEN_PREFIX}NAME "
        "for one of its broken nodes",
    )


def add_bounds(parser: argparse.ArgumentParser) -> None:
    """Let the command line bound what judging may take."""
    parser.add_argument(
        "--check-time",
        type=positive,
        default=CHECK_SECONDS,
        metavar="S",
        help=f"seconds that judging may take ({CHECK_SECONDS:g}); what is left open then is told "
        "key by key",
    )
    parser.add_argument(
        "--check-memory",
        type=positive,
        default=CHECK_MEGABYTES,
        metavar="MB",
        help=f"megabytes that judging may hold ({CHECK_MEGABYTES:g})",
    )


def bounds(arguments: argparse.Namespace) -> Bounds:
    """Return what `add_bounds` let the command line say."""
    return Bounds(arguments.check_time, int(arguments.check_memory * BYTES_PER_MEGABYTE))


def program(text: str) -> tuple[str, ...]:
    """Return how to start the binary that --bin names from any folder. Raises UsageError."""
    if text.startswith(BROKEN_PREFIX):
        try:
            return broken_command(text.removeprefix(BROKEN_PREFIX))
        except KeyError as error:
            raise UsageError(error.args[0]) from None
    if text == OWN_NODE:
        return NODE
    path = Path(text)
    if path.is_file():
        if not os.access(path, os.X_OK):
            raise UsageError(f"--bin {text} is not executable: chmod +x {text}")
        return (str(path.absolute()),)
    found = shutil.which(text)
    if found is None:
        raise UsageError(f"--bin {text}: there is no such file")
    return (found,)


def positive(text: str) -> float:
    """A finite number above 0."""
    number = float(text)
    if not (number > 0 and math.isfinite(number)):
        raise ValueError(text)
    return number


def not_negative(text: str) -> float:
    """A finite number, 0 or more."""
    number = float(text)
    if not (number >= 0 and math.isfinite(number)):
        raise ValueError(text)
    return number


def probability(text: str) -> float:
    """A number from 0 to 1."""
    number = float(text)
    if not 0 <= number <= 1:
        raise ValueError(text)
    return number


def count(text: str) -> int:
    """A whole number, 1 or more."""
    number = int(text)
    if number < 1:
        raise ValueError(text)
    return number
