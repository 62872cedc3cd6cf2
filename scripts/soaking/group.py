"""Nodes as processes, and a network between them that passes every message on at once.

For checks that control exactly when a node is killed or started, or whose load a simulated network
would slow down.
"""

import os
import re
import selectors
import signal
import subprocess
import time
from collections import Counter, deque
from collections.abc import Callable, Mapping, Sequence
from itertools import count
from pathlib import Path
from typing import Any

import orjson

from vsr_node.maelstrom.process import write_some

PATIENCE_S = 20.0
READ_BYTES = 1 << 16

_DESTINATION = re.compile(rb'\{"src":"[^"\\]*","dest":"([^"\\]*)",')
"""The beginning of each line of these nodes, of which no more need be read to pass it on."""

Message = Mapping[str, Any]


class _Node:
    """A process with pipes that never block, and the data still to be read or written."""

    def __init__(self, command: Sequence[str], folder: Path, log: Path) -> None:
        with log.open("ab") as stderr:
            self.process = subprocess.Popen(
                command,
                cwd=folder,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=stderr,
                # The default place of a node's data.
                env={**os.environ, "TMPDIR": str(folder)},
                bufsize=0,
            )
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.input = self.process.stdin.fileno()
        self.output = self.process.stdout.fileno()
        os.set_blocking(self.input, False)
        os.set_blocking(self.output, False)
        self.unsent: deque[bytes | memoryview] = deque()
        self.pieces: list[bytes] = []
        self.waits_to_write = False

    def close(self) -> None:
        """Close the pipes."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.close()
        self.process.stdout.close()


class Group:
    """Nodes n0, n1, ... of one command, which run in ``folder``. A context manager.

    Their stderr goes to n0.log, n1.log, ... there. ``on_reply`` receives messages to clients.
    """

    def __init__(
        self,
        command: Sequence[str],
        node_count: int,
        folder: Path,
        on_reply: Callable[[Message], object],
    ) -> None:
        self.names = tuple(f"n{number}" for number in range(node_count))
        self.folder = folder
        self._command = command
        self._on_reply = on_reply
        self._selector = selectors.DefaultSelector()
        self._nodes: dict[str, _Node] = {}
        self._msg_ids: Counter[str] = Counter()
        self._message_ids = count()
        self._awaited: dict[str, int] = {}
        self.cut: set[str] = set()
        """Nodes whose messages from and to other nodes are lost."""

    def __enter__(self) -> "Group":
        return self

    def __exit__(self, *_: object) -> None:
        for name in list(self._nodes):
            self.kill(name)
        self._selector.close()

    def process_id(self, name: str) -> int:
        """Return the process id of a node."""
        return self._nodes[name].process.pid

    def start(self, names: Sequence[str] = ()) -> None:
        """Start nodes (default: all), and wait for their init_ok. Raises TimeoutError."""
        for name in names or self.names:
            self.begin_to_start(name)
        self.wait(lambda: self.is_up, "init_ok of all nodes")

    def begin_to_start(self, name: str) -> None:
        """Start a node without waiting; it counts for ``is_up``."""
        node = _Node(self._command, self.folder, self.folder / f"{name}.log")
        self._nodes[name] = node
        self._selector.register(node.output, selectors.EVENT_READ, name)
        body = {"type": "init", "node_id": name, "node_ids": self.names}
        self._awaited[name] = self.ask("c0", name, body)

    @property
    def is_up(self) -> bool:
        """Whether all started nodes have answered init."""
        return not self._awaited

    def pause(self, name: str) -> None:
        """Stop a node with SIGSTOP; what is sent to it waits."""
        self._nodes[name].process.send_signal(signal.SIGSTOP)

    def resume(self, name: str) -> None:
        """Let a paused node go on."""
        self._nodes[name].process.send_signal(signal.SIGCONT)

    def kill(self, name: str) -> None:
        """Kill a node with SIGKILL; messages under way to and from it are lost."""
        node = self._nodes.pop(name)
        self._awaited.pop(name, None)
        node.process.kill()
        node.process.wait()
        self._selector.unregister(node.output)
        if node.waits_to_write:
            self._selector.unregister(node.input)
        node.close()

    def end(self, name: str) -> int:
        """Close a node's stdin, wait for its end, return its exit status."""
        node = self._nodes[name]
        assert node.process.stdin is not None
        node.process.stdin.close()
        self.wait(lambda: node.process.poll() is not None, f"the end of {name}")
        return node.process.returncode

    def ask(self, client: str, node: str, body: Message) -> int:
        """Send a client's request; return its msg_id."""
        self._msg_ids[client] += 1
        msg_id = self._msg_ids[client]
        message = {"src": client, "dest": node, "body": {**body, "msg_id": msg_id}}
        self._deliver(node, orjson.dumps(message))
        return msg_id

    def wait(self, is_done: Callable[[], bool], what: str) -> None:
        """Pass messages on until ``is_done()``. Raises TimeoutError."""
        if not self.run_until(is_done, time.monotonic() + PATIENCE_S):
            raise TimeoutError(f"{what}: not within {PATIENCE_S:g} s")

    def run_until(self, is_done: Callable[[], bool], deadline: float) -> bool:
        """Pass messages on until ``is_done()`` or ``deadline`` (monotonic); return the former."""
        while not is_done():
            left = deadline - time.monotonic()
            if left <= 0:
                return False
            for key, events in self._selector.select(left):
                node = self._nodes.get(key.data)
                if node is None:
                    continue
                if events & selectors.EVENT_READ:
                    self._read(key.data, node)
                else:
                    self._write(key.data, node)
        return True

    def _read(self, name: str, node: _Node) -> None:
        data = os.read(node.output, READ_BYTES)
        if not data:
            raise RuntimeError(f"{name} has ended by itself: see {self.folder / name}.log")
        if b"\n" not in data:  # Splitting it would take far longer.
            node.pieces.append(data)
            return
        first, *others, rest = data.split(b"\n")
        lines = [b"".join([*node.pieces, first]), *others]
        node.pieces = [rest]
        for line in lines:
            self._pass_on(name, line)

    def _pass_on(self, name: str, line: bytes) -> None:
        begin = _DESTINATION.match(line)
        assert begin is not None, "all nodes write the fields of a message in this order"
        destination = begin[1].decode()
        if destination in self.names:
            if not self.cut & {name, destination}:
                self._deliver(destination, line)
        elif destination == "c0":
            self._take_init_ok(orjson.loads(line))
        else:
            self._on_reply(orjson.loads(line))

    def _take_init_ok(self, message: Message) -> None:
        name, body = message["src"], message["body"]
        if body["type"] != "init_ok":
            raise RuntimeError(f"{name} refuses to start: {body}")
        if self._awaited.get(name) == body["in_reply_to"]:
            del self._awaited[name]

    def _deliver(self, name: str, line: bytes) -> None:
        """Send a message to a node, with the network's own number, as the default journal needs."""
        node = self._nodes.get(name)
        message_id = next(self._message_ids)
        if node is not None:
            node.unsent += (b'{"id":%d,' % message_id, memoryview(line)[1:], b"\n")
            if not node.waits_to_write:
                self._write(name, node)

    def _write(self, name: str, node: _Node) -> None:
        try:
            while node.unsent:
                write_some(node.input, node.unsent)
        except BlockingIOError:
            pass
        except BrokenPipeError:
            node.unsent.clear()  # Reading its stdout reports its end.
        if bool(node.unsent) != node.waits_to_write:
            node.waits_to_write = not node.waits_to_write
            if node.waits_to_write:
                self._selector.register(node.input, selectors.EVENT_WRITE, name)
            else:
                self._selector.unregister(node.input)
