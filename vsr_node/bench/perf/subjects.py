"""Subjects: the programs that are put under load, with their arguments."""

import shlex
from dataclasses import dataclass
from pathlib import Path

from vsr_node.bench.stored.options import RUN_FOLDER
from vsr_node.start import isolated_script

FOLDER = Path(__file__).parent.parent / "yardsticks"

ECHO = "bare echo"
REPLICATION = "bare replication"

DEFAULT_SETS = {
    "memory": "--data-dir none",
    "journal": "",
    "durable": f"--data-dir {RUN_FOLDER}/data",
}
"""The option sets of this project's node: keep nothing, the default, and flush everything."""


@dataclass(frozen=True, slots=True)
class Subject:
    """A name and a command, in which ``{run}`` stands for the folder of its group."""

    name: str
    command: tuple[str, ...]


YARDSTICKS = (
    Subject(ECHO, isolated_script(str(FOLDER / "echo.py"))),
    Subject(REPLICATION, isolated_script(str(FOLDER / "replication.py"))),
)


def subjects_of(
    program: tuple[str, ...] | None, option_sets: dict[str, str], versus: Subject | None
) -> list[Subject]:
    """Return the yardsticks, the program with each set of options, and the other program.

    Each of the two programs may be None.
    """
    subjects = [*YARDSTICKS]
    if program is not None:
        for name, words in option_sets.items():
            subjects.append(Subject(name, (*program, *shlex.split(words))))
    if versus is not None:
        subjects.append(versus)
    return subjects
