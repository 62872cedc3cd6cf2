"""A simulated client's request as it travels to a replica."""

from typing import NamedTuple

from vsr_node.core.messages import Operation

RequestId = tuple[str, int]


class ClientRequest(NamedTuple):
    """A request on its way. It has the fields of a log's entry."""

    client: str
    request_number: int
    operation: Operation
