"""How to type ``vsr``, and what it answers to a wrong command line.

Printed commands work as they are, where they are printed.
"""

import argparse
import shlex
import shutil
import sys
from contextlib import suppress
from pathlib import Path
from typing import NoReturn

_CLONE = Path(__file__).resolve().parent.parent
_NAME = "vsr"


class Parser(argparse.ArgumentParser):
    """A parser of a command line that prints what is wrong in a line, and then the usage."""

    exit_usage = 2
    """The exit status for a wrong command line."""

    def error(self, message: str) -> NoReturn:
        """Print the error, then the usage, and exit."""
        self.exit(self.exit_usage, f"{self.prog}: {message}\n{self.format_usage()}")


def command_here(*words: str) -> str:
    """Return the shell command ``vsr WORDS``, as it can be typed in the current folder."""
    return shlex.join((*_vsr_here(), *words))


def command_elsewhere(command: str) -> str:
    """Return a command of ``command_here`` for a machine where ``vsr`` is installed."""
    return _NAME + command.removeprefix(command_here())


def _vsr_here() -> tuple[str, ...]:
    script = _CLONE / "scripts/vsr"
    if script.is_file():
        return (_path_here(script),)
    beside_python = str(Path(sys.executable).with_name(_NAME))
    for name in (_NAME, beside_python):
        found = shutil.which(name)
        if found is not None and _runs_this_python(found):
            return (name,)
    return (sys.executable, "-m", "vsr_node")


def _path_here(script: Path) -> str:
    """Return a path that a shell takes for a path: relative below the current folder."""
    here = Path.cwd()
    if not script.is_relative_to(here):
        return str(script)
    path = str(script.relative_to(here))
    return path if "/" in path else f"./{path}"


def _runs_this_python(path: str) -> bool:
    """Return whether an installed script names this interpreter, so that it is this package's."""
    with suppress(OSError):
        return sys.executable.encode() in Path(path).read_bytes()
    return False
