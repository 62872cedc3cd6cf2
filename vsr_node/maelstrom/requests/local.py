"""Requests that a node answers by itself, without a message: echo, generate, topology."""

from collections.abc import Callable
from random import Random

import orjson

from ..errors import malformed
from .fields import Body, canonical_field

INCARNATION_BITS = 64


class LocalRequests:
    """Ids need no agreement: a name, what no other process of that name has drawn, and a count."""

    def __init__(self, name: str, random: Random) -> None:
        self._name = name
        self._random = random
        self._incarnation = ""
        self._id_count = 0
        self.has_topology = False
        """Whether the workload is broadcast, as far as this node knows."""

    def answer(self, message_type: str, body: Body) -> dict[str, object] | None:
        """Return the body of a reply, None if the type is another. Raises RequestError."""
        answer = _ANSWERS.get(message_type)
        return None if answer is None else answer(self, body)

    def _echo(self, body: Body) -> dict[str, object]:
        text = canonical_field(body, "echo")
        return {"type": "echo_ok", "echo": orjson.Fragment(text)}

    def _generate(self, _: Body) -> dict[str, object]:
        if not self._incarnation:
            self._incarnation = f"{self._random.getrandbits(INCARNATION_BITS):016x}"
        self._id_count += 1
        return {"type": "generate_ok", "id": f"{self._name}-{self._incarnation}-{self._id_count}"}

    def _topology(self, body: Body) -> dict[str, object]:
        """Note that there is a topology, not which: the log needs none."""
        topology = body.get("topology")
        if type(topology) is not dict or not all(map(_is_list_of_names, topology.values())):
            raise malformed("topology", "expected an object with a list of names for each node")
        self.has_topology = True
        return {"type": "topology_ok"}


def _is_list_of_names(value: object) -> bool:
    return type(value) is list and all(type(each) is str for each in value)


_ANSWERS: dict[str, Callable[[LocalRequests, Body], dict[str, object]]] = {
    "echo": LocalRequests._echo,
    "generate": LocalRequests._generate,
    "topology": LocalRequests._topology,
}
