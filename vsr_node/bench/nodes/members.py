"""The nodes of a test together: started and initialized, killed, started again, paused, ended."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from vsr_node.bench.nodes.clients import Client, require_plain_init_ok, require_type
from vsr_node.bench.nodes.ground import Ground
from vsr_node.bench.nodes.loop import NANOSECONDS_PER_SECOND, Loop
from vsr_node.bench.nodes.mistakes import Kind, WireError
from vsr_node.bench.nodes.processes import Launch, NodeProcess, stop_nodes

INIT_TIME_OUT_NS = 10 * NANOSECONDS_PER_SECOND


class Members:
    """Nodes as processes. A client of its own initializes each start of each node."""

    def __init__(
        self,
        ground: Ground,
        loop: Loop,
        names: Sequence[str],
        launch: Launch,
        new_client: Callable[[], Client],
    ) -> None:
        self.names = names
        self.network = ground.network
        self.has_failed = False
        """Whether some node did not answer its init as it should."""
        self._launch = launch
        self._loop = loop
        self._mistakes = ground.mistakes
        self._new_client = new_client
        self._processes: dict[str, NodeProcess] = {}
        self._starting: dict[str, NodeProcess] = {}
        self._down: list[str] = []
        self._held_before = 0
        loop.after_turn.append(self._flush)

    def start(self) -> None:
        """Start all nodes at once, and init them."""
        for name in self.names:
            self.network.add_node(name, self._spawn(name))
        for name in self.names:
            self._initialize(name, self._new_client())

    def _spawn(self, name: str) -> NodeProcess:
        process = self._processes[name] = NodeProcess(
            name, self._launch, self._loop, self._mistakes, self.network.on_line
        )
        return process

    def _initialize(self, name: str, client: Client) -> None:
        process = self._starting[name] = self._processes[name]
        body = {"type": "init", "node_id": name, "node_ids": self.names}
        client.request(name, body, INIT_TIME_OUT_NS, partial(self._on_answer, name, process))

    def _on_answer(self, name: str, process: NodeProcess, body: dict[str, Any] | None) -> None:
        """Take the answer to an init, unless the process was killed meanwhile."""
        if self._starting.get(name) is not process:
            return
        del self._starting[name]
        try:
            if body is None:
                seconds = INIT_TIME_OUT_NS // NANOSECONDS_PER_SECOND
                raise WireError(Kind.NO_INIT_OK, f"no answer to init within {seconds} s")
            if body.get("type") == "error":
                raise WireError(Kind.NO_INIT_OK, "an error in answer to init")
            require_type(body, "init_ok")
        except WireError as error:
            self.has_failed = True
            if body is not None:
                raise
            if not process.ended:  # Else the end and its cause are recorded already.
                self._mistakes.record(error.kind, name, error.detail)
        else:
            if name in self._down:
                self._down.remove(name)
                self.network.bring_up(name)
            require_plain_init_ok(body)

    @property
    def is_up(self) -> bool:
        """Whether all nodes run and are initialized."""
        return not self._starting and not self._down and not self.has_failed

    @property
    def is_settled(self) -> bool:
        """Whether no answer to an init is awaited, and each end of a node has a known cause."""
        return all(process.ended for process in self._starting.values()) and all(
            process.running or process.ended for process in self._processes.values()
        )

    @property
    def is_gone(self) -> bool:
        """Whether all nodes ended, none of them because it was killed."""
        return not self._down and all(process.ended for process in self._processes.values())

    @property
    def has_ended_node(self) -> bool:
        """Whether some node ended."""
        return any(process.ended for process in self._processes.values())

    @property
    def held_count(self) -> int:
        """Lines that came for nodes while they were paused."""
        return self._held_before + sum(each.held_count for each in self._processes.values())

    @property
    def process_ids(self) -> dict[str, int]:
        """The process of each node."""
        return {name: process.process_id for name, process in self._processes.items()}

    def kill(self, names: Sequence[str]) -> list[str]:
        """Kill (-9) those of the nodes that run; return them. Messages for them are kept or lost.

        The output that they had written is still read.
        """
        hit = [name for name in names if self._processes[name].running]
        for name in hit:
            self._starting.pop(name, None)
            self.network.take_down(name)
            self._processes[name].crash()
            if name not in self._down:
                self._down.append(name)
        for name in hit:
            self._processes[name].bury()
        return hit

    def start_again(self) -> list[str]:
        """Start the nodes that were killed and are not started yet; return them."""
        names = [name for name in self._down if self._processes[name].ended]
        for name in names:
            before = self._processes[name]
            self._held_before += before.held_count
            stop_nodes([before])  # It may have ended by itself, and still hold its pipes.
            client = self._new_client()
            self.network.expect(name, self._spawn(name), client.name)
            self._initialize(name, client)
        return names

    def pause(self, names: Sequence[str]) -> list[str]:
        """Pause those of the nodes that run and are initialized; return them."""
        running = [name for name in names if self._processes[name].running]
        hit = [name for name in running if name not in self._starting]
        for name in hit:
            self._processes[name].pause()
        return hit

    def resume(self) -> None:
        """Continue all paused nodes."""
        for process in self._processes.values():
            process.resume()

    def _flush(self) -> None:
        for process in self._processes.values():
            process.flush()

    def stop(self) -> None:
        """End all nodes."""
        stop_nodes(list(self._processes.values()))
