"""Faults by hand: what a kind of fault adds to the commands of the shell."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

from vsr_node.bench.nodes.network import Network
from vsr_node.bench.nodes.processes import NodeProcess


class CommandError(Exception):
    """A command that can't be carried out; the text says why."""


class HandDriven(Protocol):
    """The group that the shell drives."""

    names: tuple[str, ...]
    network: Network
    nodes: dict[str, NodeProcess]

    def start_again(self, name: str) -> None:
        """Start a node that has ended, and init it."""


Command = Callable[[HandDriven, list[str]], None]
"""Carries out a line, whose words it takes. Raises CommandError."""


@dataclass(frozen=True, slots=True)
class ByHand:
    """The commands of a kind of fault by their first words, and their lines in the help."""

    commands: Mapping[str, Command]
    help: str


def require_node(group: HandDriven, name: str) -> str:
    """Return the name if it is a node's. Raises CommandError."""
    if name not in group.names:
        raise CommandError(f"there is no node {name}; there are {', '.join(group.names)}")
    return name


def only_node(group: HandDriven, words: list[str]) -> str:
    """Return the node that a command's only argument names. Raises CommandError."""
    if len(words) != 2:
        raise CommandError(f"{words[0]} takes NODE, one of {', '.join(group.names)}")
    return require_node(group, words[1])
