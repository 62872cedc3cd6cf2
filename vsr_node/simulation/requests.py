"""What a simulated client asks for, as it travels to a replica."""

from typing import NamedTuple

from vsr_node.core.messages import Operation

RequestId = tuple[str, int]


class ClientRequest(NamedTuple):
    """A request on its way; the fields are those of the log's entries."""

    client: str
    request_number: int
    operation: Operation
