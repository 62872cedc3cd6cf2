"""What is replicated in a run: how to make the machine, and what makes a run's answers right.

Operations are tuples of a kind and its arguments. A ``read`` changes nothing, and any machine must
bear ``("read", '"k0"')``, which floods consist of. Results are tuples; only those of a call that
surely changed nothing begin with ``error``.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Protocol

from vsr_node.checker import Bounds, RegisterModel, check
from vsr_node.core.replica import StateMachine
from vsr_node.machines.maelstrom_machine import MaelstromMachine
from vsr_node.maelstrom.requests import codec
from vsr_node.simulation.invariants import Violation
from vsr_node.simulation.model import Model
from vsr_node.wire.json_body import Codec

if TYPE_CHECKING:
    from vsr_node.simulation.clients import History

NO_BOUNDS = Bounds(seconds=None, memory_bytes=None)


class Subject(Protocol):
    """The subject of one run."""

    codec: Codec
    """Decodes what the machine is handed and returns."""

    def make(self) -> StateMachine:
        """Return a new machine."""

    def model(self) -> Model | None:
        """Return what says which answers are right; None if only ``judge`` can."""

    def judge(self, history: History, applied: Sequence[tuple[Any, Any]]) -> None:
        """Raise Violation if what clients saw is wrong.

        ``applied`` are all operations that were executed, in the order of the log, with results.
        """


class Maelstrom:
    """The node's machine: a model judges each answer, and what clients saw of registers counts."""

    codec: Codec = codec

    def make(self) -> StateMachine:
        """Return a new machine."""
        return MaelstromMachine()

    def model(self) -> Model:
        """Return the model."""
        return Model()

    def judge(self, history: History, _: Sequence[tuple[Any, Any]]) -> None:
        """Raise Violation if the history of the registers is not linearizable."""
        verdict = check(history.events(), RegisterModel(), NO_BOUNDS)
        if verdict.valid is not True:
            raise Violation("linearizability", verdict.explanation())


MAELSTROM = Maelstrom()
