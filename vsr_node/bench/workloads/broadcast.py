"""broadcast: what one node was handed reaches all of them. Elements are 0, 1, 2, ..."""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from vsr_node.bench.workloads.additions import Elements, elements_step
from vsr_node.bench.workloads.examiner import Body, Examiner
from vsr_node.bench.workloads.workload import Function

Neighbours = dict[str, list[str]]


def _line(nodes: Sequence[str]) -> Neighbours:
    return {
        name: [*nodes[max(0, place - 1) : place], *nodes[place + 1 : place + 2]]
        for place, name in enumerate(nodes)
    }


def _grid(nodes: Sequence[str]) -> Neighbours:
    """Return a grid that is about as wide as it is high."""
    width = math.ceil(math.sqrt(len(nodes)))

    def at(row: int, column: int) -> Sequence[str]:
        place = row * width + column
        return nodes[place : place + 1] if row >= 0 and 0 <= column < width else ()

    neighbours = {}
    for place, name in enumerate(nodes):
        row, column = divmod(place, width)
        around = (
            at(row + 1, column),
            at(row - 1, column),
            at(row, column + 1),
            at(row, column - 1),
        )
        neighbours[name] = [neighbour for found in around for neighbour in found]
    return neighbours


def _tree(branches: int) -> Callable[[Sequence[str]], Neighbours]:
    """Return what makes a tree in the order of a heap: a node's parent comes first."""

    def tree(nodes: Sequence[str]) -> Neighbours:
        return {
            name: [
                *([nodes[(place - 1) // branches]] if place else []),
                *nodes[place * branches + 1 : place * branches + 1 + branches],
            ]
            for place, name in enumerate(nodes)
        }

    return tree


def _total(nodes: Sequence[str]) -> Neighbours:
    return {name: [other for other in nodes if other != name] for name in nodes}


TOPOLOGIES: dict[str, Callable[[Sequence[str]], Neighbours]] = {
    "line": _line,
    "grid": _grid,
    "tree": _tree(2),
    "tree2": _tree(2),
    "tree3": _tree(3),
    "tree4": _tree(4),
    "total": _total,
}
"""The neighbours of each node, by the names of ``--topology``."""


def topology(examiner: Examiner) -> None:
    """Hand a topology to each node."""
    body = {"type": "topology", "topology": _grid(examiner.names)}
    for name in examiner.names:
        examiner.expect("topology", name, body, text=f"{name} takes it")


class Broadcast(Elements):
    """The workload."""

    name = "broadcast"
    document = "workloads.md, Workload: Broadcast"
    functions = (
        Function("broadcast", "hand an element to the node", ("message",)),
        Function("read", "ask for all elements", reply_field="messages", idempotent=True),
    )
    addition = "broadcast"
    doctor_steps = (topology, elements_step("broadcast"))
    options = ("strict", "topology")

    @classmethod
    def goals(
        cls, figures: Mapping[str, Any], messages_per_operation: float | None
    ) -> Sequence[str]:
        """Return how far the run is from the goals of Gossip Glomers' challenges 3d and 3e."""
        stable = figures.get("stable-latencies")
        if stable is None or messages_per_operation is None:
            return ()
        messages = f"{messages_per_operation:.1f} messages an operation between servers"
        median = f"median {stable['0.5']} (3d: below 400, 3e: 1000)"
        maximum = f"maximum {stable['1']} (3d: below 600, 3e: 2000)"
        return (
            f"broadcast     {messages} (3d: below 30, 3e: below 20)",
            f"  known everywhere after, ms: {median}, {maximum}",
        )

    @classmethod
    def requests(cls) -> tuple[Function, ...]:
        """Return all requests, the topology among them."""
        topology = Function("topology", "name the neighbours of each node", ("topology",))
        return (topology, *cls.functions)

    def set_up(self, nodes: Sequence[str]) -> Sequence[Body]:
        """Return the topology."""
        return [{"type": "topology", "topology": TOPOLOGIES[self.parameters.topology](nodes)}]
