"""A real node process whose network is the test itself."""

import json
import select
import subprocess
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

ROOT = Path(__file__).parents[2]
PATIENCE_SECONDS = 30.0


class NodeProcess:
    """``./run-vsr-node`` with lines going in and messages coming out.

    As a context manager it ends with the process gone, whatever the test did. ``through`` is a
    command that starts the one which follows it. ``message_ids`` numbers what goes in.
    """

    def __init__(
        self,
        *arguments: str,
        through: Sequence[str] = (),
        message_ids: Iterator[int] | None = None,
    ) -> None:
        self._message_ids = message_ids
        self.process = subprocess.Popen(
            [*through, ROOT / "run-vsr-node", *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        self._unread = b""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.process.kill()
        self.process.communicate()

    def write(self, data: bytes) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(data)
        self.process.stdin.flush()

    def send(self, source: str, body: object, destination: str = "n0") -> None:
        message = {"src": source, "dest": destination, "body": body}
        if self._message_ids is not None:
            message["id"] = next(self._message_ids)
        self.write(json.dumps(message).encode() + b"\n")

    def receive(self) -> dict[str, Any]:
        """The next message on stdout."""
        assert self.process.stdout is not None
        deadline = time.monotonic() + PATIENCE_SECONDS
        while b"\n" not in self._unread:
            descriptor = self.process.stdout.fileno()
            ready, _, _ = select.select([descriptor], [], [], deadline - time.monotonic())
            assert ready, "the node said nothing"
            data = self.process.stdout.read1()  # type: ignore[attr-defined]
            assert data, "the node ended"
            self._unread += data
        line, self._unread = self._unread.split(b"\n", 1)
        message: dict[str, Any] = json.loads(line)
        return message

    def receive_for(self, destination: str) -> dict[str, Any]:
        """The next body for ``destination``; what goes elsewhere meanwhile is read over."""
        while True:
            message = self.receive()
            if message["dest"] == destination:
                body: dict[str, Any] = message["body"]
                return body

    def receive_type(self, message_type: str) -> dict[str, Any]:
        """The next body of a type."""
        while True:
            body: dict[str, Any] = self.receive()["body"]
            if body["type"] == message_type:
                return body

    def ask(self, body: dict[str, Any], source: str = "c1") -> dict[str, Any]:
        """The answer to a request."""
        self.send(source, body)
        return self.receive_for(source)

    def init(self, node_id: str = "n0", node_ids: tuple[str, ...] = ("n0",)) -> dict[str, Any]:
        body = {"type": "init", "msg_id": 1, "node_id": node_id, "node_ids": node_ids}
        self.send("c0", body, node_id)
        return self.receive_for("c0")

    def end(self) -> tuple[list[dict[str, Any]], str, int]:
        """Ends stdin: all that is still said, stderr, and the exit status."""
        output, errors = self.process.communicate(timeout=PATIENCE_SECONDS)
        lines = (self._unread + output).splitlines()
        return [json.loads(line) for line in lines], errors.decode(), self.process.returncode
