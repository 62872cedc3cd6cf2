"""What the commands share: exit statuses, wrong usage, and common options."""

import argparse
import os
import shutil
from pathlib import Path

from vsr_node import shell_command
from vsr_node.bench.stored.option_values import positive
from vsr_node.bench.workshop.broken_nodes import BROKEN_PREFIX, broken_command
from vsr_node.checker import Bounds
from vsr_node.start import EXIT_ERROR as EXIT_ERROR
from vsr_node.start import NODE

EXIT_USAGE = 254

OWN_NODE = "vsr-node"
"""The name of this project's own node for --bin, wherever the package is installed."""

CHECK_SECONDS = 60.0
CHECK_MEGABYTES = 1000.0
BYTES_PER_MEGABYTE = 1_000_000


class UsageError(Exception):
    """The command line asks for something impossible; the text says what and why."""


class Parser(shell_command.Parser):
    """A parser whose errors do not look like a verdict: argparse's exit status 2 means unknown."""

    exit_usage = EXIT_USAGE


def add_bin(parser: argparse.ArgumentParser, *, required: bool = True) -> None:
    """Add the option that names the node's program."""
    parser.add_argument(
        "--bin",
        required=required,
        metavar="BIN",
        help=f"the node's program; {OWN_NODE} for the node of this project, {BROKEN_PREFIX}NAME "
        "for one of its broken nodes",
    )


def add_store(parser: argparse.ArgumentParser) -> None:
    """Add the option that names the folder of all runs."""
    parser.add_argument(
        "--store", type=Path, default=Path("store"), metavar="DIR", help="folder of runs (store)"
    )


def add_bounds(parser: argparse.ArgumentParser) -> None:
    """Add the options that bound what judging may take."""
    parser.add_argument(
        "--check-time",
        type=positive,
        default=CHECK_SECONDS,
        metavar="S",
        help=f"seconds that judging may take ({CHECK_SECONDS:g}); keys left undecided are listed",
    )
    parser.add_argument(
        "--check-memory",
        type=positive,
        default=CHECK_MEGABYTES,
        metavar="MB",
        help=f"megabytes that judging may hold in memory ({CHECK_MEGABYTES:g})",
    )


def bounds(arguments: argparse.Namespace) -> Bounds:
    """Return the bounds that the options of ``add_bounds`` set."""
    return Bounds(arguments.check_time, int(arguments.check_memory * BYTES_PER_MEGABYTE))


def command_of(arguments: argparse.Namespace) -> tuple[str, ...]:
    """Return the command that starts the node. Raises UsageError."""
    return (*program(arguments.bin), *arguments.node_arguments)


def program(text: str) -> tuple[str, ...]:
    """Return the command that starts the binary of --bin from any folder. Raises UsageError."""
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
        raise UsageError(f"--bin {text}: no such file")
    return (found,)
