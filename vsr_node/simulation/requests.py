"""A simulated client's request as it travels to a replica."""

from typing import NamedTuple

from vsr_node.core.messages import Operation

RequestId = tuple[str, int]

REGISTER = ("register",)
"""In place of the operation of a client that registers."""


ADMIN = "admin"
"""The client that asks for other members."""


class WantedMembers(NamedTuple):
    """In place of an operation: other members are wanted, if the epoch is that, or any (None)."""

    members: tuple[str, ...]
    epoch: int | None


class ClientRequest(NamedTuple):
    """A request on its way. It has the fields of a log's entry."""

    client: str
    request_number: int
    operation: Operation


def registration(nonce: str) -> ClientRequest:
    """Return the request of a client that registers."""
    return ClientRequest(nonce, 0, ((nonce, 0), REGISTER))
