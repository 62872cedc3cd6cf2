"""The set-up of a workload: requests that each node gets before all others, as a topology."""

from collections.abc import Callable, Sequence
from functools import partial

from vsr_node.bench.nodes.clients import Body, Client, error_of, require_fields
from vsr_node.bench.nodes.mistakes import WireError


class SetUp:
    """Sends requests to each node, one at a time, from a client of its own."""

    def __init__(self, new_client: Callable[[], Client], time_out_ns: int) -> None:
        self.failure: str | None = None
        """Why a node could not be set up; None as long as nothing went wrong."""
        self._new_client = new_client
        self._time_out_ns = time_out_ns
        self._under_way = 0

    @property
    def done(self) -> bool:
        """Whether all nodes have answered everything, or one did not as it should."""
        return not self._under_way or self.failure is not None

    def start(self, nodes: Sequence[str], bodies: Sequence[Body]) -> None:
        """Begin to send ``bodies`` to each of the nodes."""
        self._under_way = len(nodes)
        for node in nodes:
            self._send(node, self._new_client(), bodies)

    def _send(self, node: str, client: Client, bodies: Sequence[Body]) -> None:
        if not bodies:
            self._under_way -= 1
            return
        on_reply = partial(self._on_reply, node, client, bodies)
        client.request(node, bodies[0], self._time_out_ns, on_reply)

    def _on_reply(
        self, node: str, client: Client, bodies: Sequence[Body], reply: Body | None
    ) -> None:
        """Take the reply to the first of ``bodies``. Raises WireError if it is malformed."""
        asked = bodies[0]["type"]
        if reply is None:
            self.failure = f"{node} did not answer {asked}"
        elif (error := error_of(reply)) is not None:
            self.failure = f"{node} answered {asked} with error {error[0]}: {error[1]}"
        else:
            try:
                require_fields(reply, f"{asked}_ok", frozenset())
            except WireError as wire_error:
                self.failure = f"{node} answered {asked} with {wire_error.detail}"
                raise
            self._send(node, client, bodies[1:])
