"""What a test is asked to be, checked and complete."""

from dataclasses import dataclass
from pathlib import Path

from vsr_node.bench.nodes.links import LatencyDistribution
from vsr_node.bench.stored.script import Script
from vsr_node.checker import Bounds
from vsr_node.command import command_here

RUN_FOLDER = "{run}"
"""In the binary's arguments: the run's own folder, so that no run finds the data of another."""


def in_folder(command: tuple[str, ...], folder: Path) -> tuple[str, ...]:
    """Return a program and its arguments with a folder in `RUN_FOLDER`'s place."""
    program, *arguments = command
    absolute = str(folder.absolute())
    return (program, *(argument.replace(RUN_FOLDER, absolute) for argument in arguments))


@dataclass(frozen=True, slots=True)
class Options:
    """One test. Seconds where the name says so; `latency` is one way between servers."""

    workload: str
    command: tuple[str, ...]
    """The program and its arguments, ready to be started from any folder.

    `{run}` in an argument stands for the run's own folder.
    """
    nodes: tuple[str, ...]
    concurrency: int
    rate: float
    time_limit_s: float
    latency: LatencyDistribution
    nemeses: tuple[str, ...]
    nemesis_interval_s: float
    slow_ms: float | None
    """By how much messages take longer while links are slow; None: they never are."""
    head_of_line: bool
    loss: float
    duplication: float
    availability: float | None
    """The least fraction of operations that must be ok; None asks for nothing."""
    seed: int
    log_stderr: bool
    messages_kept: int
    store: Path
    check_bounds: Bounds
    """What judging may take."""
    require_faults: bool
    """Whether a run whose faults touched nothing must not pass."""
    arguments: tuple[str, ...]
    """The command line's own words that don't name the seed, for repeating the run."""
    script: Script | None = None
    """Operations and faults of a stored run to be done once more; None draws them."""

    def command_in(self, folder: Path) -> tuple[str, ...]:
        """Return the program and its arguments for a run in `folder`."""
        return in_folder(self.command, folder)

    def repeat_command(self, folder: Path) -> str:
        """Return the shell command that asks for this very test, stored in `folder`, again."""
        if self.script is not None:
            return command_here("bench", "replay", str(folder))
        return command_here("bench", "test", "--seed", str(self.seed), *self.arguments)
