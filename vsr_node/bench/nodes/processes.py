"""Nodes as processes: started, read, written to, and ended with all that they started.

Each node leads a process group of its own, so a Ctrl-C on the terminal reaches the bench alone,
and ending the group ends what the node started, too. A node's stderr is read as it comes, so that
each line of its log has the time of its arrival.
"""

import errno
import os
import selectors
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from vsr_node.bench.nodes.guard import GUARD
from vsr_node.bench.nodes.loop import NANOSECONDS_PER_MILLISECOND, NANOSECONDS_PER_SECOND, Loop
from vsr_node.bench.nodes.mistakes import Kind, Mistakes
from vsr_node.bench.nodes.node_logs import NodeLogs

READ_BYTES = 1 << 16
LINE_BYTES_MAX = 16 << 20
UNREAD_BYTES_MAX = 64 << 20

FIRST_LINE_BYTES_MAX = 200

EXIT_GRACE_NS = NANOSECONDS_PER_SECOND
"""Between the end of a node's output and the end of its process."""

EXIT_POLL_NS = 5 * NANOSECONDS_PER_MILLISECOND

STOP_GRACE_S = 0.5
"""How long nodes have to end by themselves once their input has ended."""


@dataclass(frozen=True, slots=True)
class Launch:
    """How nodes are started."""

    command: Sequence[str]
    logs: NodeLogs
    """Take the stderr of the nodes."""


class NodeProcess:
    """One node. ``on_line(name, line)`` takes each line that it prints."""

    def __init__(
        self,
        name: str,
        launch: Launch,
        loop: Loop,
        mistakes: Mistakes,
        on_line: Callable[[str, bytes], None],
    ) -> None:
        self.name = name
        self.running = True
        """Whether it can still be written to."""
        self.ended = False
        """Whether it was killed, or it closed a pipe and the cause is recorded."""
        self.held_count = 0
        """How many lines came while it was paused."""
        self.is_paused = False
        self._loop = loop
        self._mistakes = mistakes
        self._on_line = on_line
        self._logs = launch.logs
        self._partial: list[bytes] = []
        self._partial_bytes = 0
        self._skips_line = False
        self._unsent = memoryview(b"")
        self._pending: list[bytes] = []
        self._pending_bytes = 0
        self._watches_input = False
        self._group_ended = False
        self._process = _started(launch.command)
        GUARD.add(self._process.pid)
        self._logs.open(name)
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        assert self._process.stderr is not None
        self._input = self._process.stdin.fileno()
        self._output: int | None = self._process.stdout.fileno()
        self._log: int | None = self._process.stderr.fileno()
        for pipe in (self._input, self._output, self._log):
            os.set_blocking(pipe, False)
        loop.watch(self._log, selectors.EVENT_READ, self._on_log)
        loop.watch(self._output, selectors.EVENT_READ, self._on_output)

    def write(self, payload: bytes) -> bool:
        """Take a line for the node; ``flush`` sends it. Return False if the node takes no more."""
        if not self.running:
            return False
        if self.is_paused:
            self.held_count += 1
        if self._pending_bytes + len(self._unsent) > UNREAD_BYTES_MAX:
            if self.is_paused:
                return False
            waiting = UNREAD_BYTES_MAX >> 20
            self._mistakes.record(
                Kind.INPUT_NOT_READ, self.name, f"{waiting} MiB wait to be read from its stdin"
            )
            return False
        self._pending.append(payload)
        self._pending_bytes += len(payload) + 1
        return True

    def flush(self) -> None:
        """Send the lines taken since the last time, as far as the pipe takes them."""
        if self._pending and not self._unsent and self.running:
            self._send()

    def _send(self) -> None:
        """Send until nothing is left or the pipe is full; then wait for the pipe."""
        while self._unsent or self._pending:
            if not self._unsent:
                self._unsent = memoryview(b"\n".join(self._pending) + b"\n")
                self._pending = []
                self._pending_bytes = 0
            try:
                self._unsent = self._unsent[os.write(self._input, self._unsent) :]
            except BlockingIOError:
                break
            except BrokenPipeError:
                self._on_pipe_closed()
                return
        if bool(self._unsent) != self._watches_input:
            self._watches_input = bool(self._unsent)
            if self._watches_input:
                self._loop.watch(self._input, selectors.EVENT_WRITE, self._send)
            else:
                self._loop.forget(self._input)

    def _on_output(self) -> None:
        self._read_output()

    def _read_output(self) -> bool:
        """Read once; return whether there may be more to read."""
        assert self._output is not None
        try:
            data = os.read(self._output, READ_BYTES)
        except BlockingIOError:
            return False
        if not data:
            self._on_output_closed()
            return False
        *lines, rest = data.split(b"\n")
        if lines:
            lines[0] = self.unfinished_line + lines[0]
            whole = lines[1:] if self._skips_line else lines
            self._forget_line()
            self._skips_line = False
            for line in whole:
                self._on_line(self.name, line)
        self._add_to_line(rest)
        return True

    def _add_to_line(self, data: bytes) -> None:
        """Take a part of a line; of one that is too long no more is kept."""
        if self._skips_line or not data:
            return
        self._partial.append(data)
        self._partial_bytes += len(data)
        if self._partial_bytes > LINE_BYTES_MAX:
            text = f"more than {LINE_BYTES_MAX >> 20} MiB without a newline"
            self._mistakes.record(Kind.LINE_TOO_LONG, self.name, text, self.unfinished_line)
            self._skips_line = True
            self._forget_line()

    def _forget_line(self) -> None:
        self._partial = []
        self._partial_bytes = 0

    def _on_log(self) -> None:
        self._read_log()

    def _read_log(self) -> bool:
        """Read stderr once; return whether there may be more to read."""
        if self._log is None:
            return False
        try:
            data = os.read(self._log, READ_BYTES)
        except BlockingIOError:
            return False
        if data:
            self._logs.take(self.name, data)
        else:
            self._forget_log()
        return bool(data)

    def read_log(self) -> None:
        """Read all that the node has written to stderr so far."""
        while self._read_log():
            pass

    def _on_output_closed(self) -> None:
        self._forget_output()
        self._on_pipe_closed()

    def _on_pipe_closed(self) -> None:
        """Find out whether the node, which closed a pipe, ends or merely can't go on.

        The output that it wrote before is still read.
        """
        if self.running:
            self.running = False
            self._forget_input()
            self._look_for_exit(self._loop.timers.now() + EXIT_GRACE_NS)

    def _look_for_exit(self, deadline: int) -> None:
        now = self._loop.timers.now()
        if self.poll() is not None:
            self.read_log()
            self._mistakes.record(Kind.EXITED, self.name, f"it ended, {self.status_text}")
            self.ended = True
        elif now >= deadline:
            self._mistakes.record(Kind.OUTPUT_CLOSED, self.name, "it closed its stdin or stdout")
            self.ended = True
        else:
            self._loop.timers.call_at(now + EXIT_POLL_NS, self._look_for_exit, deadline)

    def _forget_output(self) -> None:
        if self._output is not None:
            self._loop.forget(self._output)
            self._output = None

    def _forget_log(self) -> None:
        if self._log is not None:
            self._loop.forget(self._log)
            self._log = None
            self._logs.end_line(self.name)

    def _forget_input(self) -> None:
        if self._watches_input:
            self._loop.forget(self._input)
            self._watches_input = False

    def poll(self) -> int | None:
        """Return the exit status, a negative signal number, or None while the node runs.

        Once a process is reaped, its group's number is free as soon as the group is empty. So the
        rest of the group is ended here, and the number is never used again.
        """
        status = self._process.poll()
        if status is not None and not self._group_ended:
            self._end_group()
        return status

    def pause(self) -> None:
        """Stop the node where it is (SIGSTOP)."""
        self.is_paused = True
        self._send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Continue a paused node (SIGCONT)."""
        if self.is_paused:
            self.is_paused = False
            self._send_signal(signal.SIGCONT)

    def crash(self) -> None:
        """End the node with kill -9. ``bury`` reads the output that it had written."""
        self.running = False
        self.ended = True
        self._forget_input()
        self._end_group()

    def bury(self) -> None:
        """Read the last output of a node that crashed, and release its resources."""
        self._process.wait()
        while self._output is not None and self._read_output():
            pass
        self._forget_output()
        self._close_pipes()

    @property
    def process_id(self) -> int:
        """The node's process, and its process group."""
        return self._process.pid

    @property
    def status_text(self) -> str:
        """How the node ended, for people, or that it is running."""
        status = self._process.returncode
        if status is None:
            return "running"
        if status >= 0:
            return f"exit status {status}"
        return f"by signal {-status} ({signal.Signals(-status).name})"

    def end_input(self) -> None:
        """Close the node's stdin, so that it ends by itself, and read nothing more from it."""
        self.resume()
        self._forget_output()
        self.close_input()

    def close_input(self) -> None:
        """Close the node's stdin, but read its output until it closes its stdout."""
        self.running = False
        self._forget_input()
        assert self._process.stdin is not None
        self._process.stdin.close()

    def _send_signal(self, number: signal.Signals) -> None:
        if self.poll() is None:
            os.killpg(self._process.pid, number)

    @property
    def unfinished_line(self) -> bytes:
        """The output of the node since its last newline."""
        return b"".join(self._partial)

    def kill(self) -> None:
        """End the node and all that it started, and release its resources."""
        if not self._group_ended:
            self._end_group()
        self._process.wait()
        self._close_pipes()

    def _close_pipes(self) -> None:
        self.read_log()
        self._forget_log()
        for pipe in (self._process.stdin, self._process.stdout, self._process.stderr):
            assert pipe is not None
            pipe.close()

    def _end_group(self) -> None:
        self._group_ended = True
        # macOS answers EPERM for a group of which only an unreaped process is left.
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)
        GUARD.remove(self._process.pid)


def _started(command: Sequence[str]) -> "subprocess.Popen[bytes]":
    """Start a node. Raises OSError that names what is missing."""
    try:
        return subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd=tempfile.gettempdir(),
            bufsize=0,
            start_new_session=True,
        )
    except OSError as error:
        raise OSError(error.errno, _obstacle(error, Path(command[0])), command[0]) from None


def _obstacle(error: OSError, program: Path) -> str:
    """Describe why a program can't be started; it may lack its first line, or its interpreter."""
    if error.errno == errno.ENOEXEC:
        return "it has no #! line with its interpreter, and is not a program of this machine"
    with suppress(OSError), program.open("rb") as file:
        first = file.readline(FIRST_LINE_BYTES_MAX).decode(errors="backslashreplace").rstrip()
        if error.errno == errno.ENOENT and first.startswith("#!"):
            return f"the interpreter of its first line is missing: {first}"
    return error.strerror or str(error)


def stop_nodes(nodes: Sequence[NodeProcess]) -> None:
    """End the nodes' input, wait a moment for them to end, and kill the rest."""
    for node in nodes:
        node.end_input()
    deadline = time.monotonic() + STOP_GRACE_S
    while time.monotonic() < deadline and any(node.poll() is None for node in nodes):
        for node in nodes:
            node.read_log()  # A node that waits for room in this pipe could not end.
        time.sleep(EXIT_POLL_NS / NANOSECONDS_PER_SECOND)
    for node in nodes:
        node.kill()
