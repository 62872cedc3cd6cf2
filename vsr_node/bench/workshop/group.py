"""A group of nodes that is driven by hand, for the doctor and the shell."""

from collections.abc import Callable, Sequence
from pathlib import Path
from random import Random
from typing import Any

from vsr_node.bench.nodes.links import LatencyDistribution, Links
from vsr_node.bench.nodes.loop import NANOSECONDS_PER_SECOND, Loop, Timers, clock_from_now
from vsr_node.bench.nodes.mistakes import Kind, Mistakes, WireError
from vsr_node.bench.nodes.network import Journal, Network
from vsr_node.bench.nodes.node_logs import NodeLogs
from vsr_node.bench.nodes.processes import Launch, NodeProcess, stop_nodes
from vsr_node.bench.nodes.services import offer_services

Body = dict[str, Any]
Printed = Callable[[str, bytes], None]


class Asker:
    """A client that may have several requests under way, and keeps all replies.

    ``replies`` has, by ``msg_id``, the senders and bodies of the replies, in order.
    """

    def __init__(self, name: str, network: Network) -> None:
        self.name = name
        self.replies: dict[int, list[tuple[str, Body]]] = {}
        self._network = network
        self._last_msg_id = 0
        network.add_client(name, self)

    def ask(self, node: str, body: Body, msg_id: int | None = None) -> int:
        """Send a request; return its msg_id. None takes the next one."""
        self._last_msg_id = self._last_msg_id + 1 if msg_id is None else msg_id
        self.replies[self._last_msg_id] = []
        self._network.request(self.name, node, body | {"msg_id": self._last_msg_id})
        return self._last_msg_id

    def on_reply(self, source: str, body: Body) -> None:
        """Take a message. Raises WireError if it answers no request."""
        in_reply_to = body.get("in_reply_to")
        if type(in_reply_to) is not int or in_reply_to not in self.replies:
            raise WireError(
                Kind.REPLY_TO_NOBODY,
                f'{source} sent {self.name} a body whose "in_reply_to" is {in_reply_to!r}, '
                "no msg_id of a request",
            )
        self.replies[in_reply_to].append((source, body))


class Group:
    """Processes and the network between them. A context manager that leaves no process behind.

    ``printed`` takes each line that a node prints before it is routed, ``tell`` takes mistakes as
    text, and ``journal`` takes each message at the end of its way.
    """

    def __init__(
        self,
        command: Sequence[str],
        names: Sequence[str],
        folder: Path,
        *,
        tell: Callable[[str], None],
        printed: Printed,
        journal: Journal,
        latency: LatencyDistribution,
    ) -> None:
        self.names = tuple(names)
        self.timers = Timers(clock_from_now())
        self.loop = Loop(self.timers)
        self._logs = NodeLogs(folder, self.timers.now)
        self.mistakes = Mistakes(self.timers.now, tell, self._logs.last_lines)
        self.network = Network(self.timers, Links(Random(0), latency), self.mistakes, journal)
        offer_services(self.network, self.timers, Random(0))
        self.nodes: dict[str, NodeProcess] = {}
        self._launch = Launch(command, self._logs)
        self._printed = printed

    def __enter__(self) -> "Group":
        try:
            for name in self.names:
                self.start(name)
        except OSError:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        stop_nodes(list(self.nodes.values()))
        self.loop.close()
        self._logs.close()

    def start(self, name: str) -> None:
        """Start a node's process. Raises OSError if it can't be started."""
        node = NodeProcess(name, self._launch, self.loop, self.mistakes, self._on_line)
        self.nodes[name] = node
        self.network.add_node(name, node)
        self.loop.after_turn.append(node.flush)

    def wait(self, done: Callable[[], bool], seconds: float) -> bool:
        """Let messages flow until ``done()``, or until the time is up; return ``done()``."""
        end = self.timers.now() + int(seconds * NANOSECONDS_PER_SECOND)
        self.timers.call_at(end, lambda: None)
        self.loop.run_until(lambda: done() or self.timers.now() >= end)
        return done()

    def _on_line(self, node: str, line: bytes) -> None:
        self._printed(node, line)
        self.network.on_line(node, line)
