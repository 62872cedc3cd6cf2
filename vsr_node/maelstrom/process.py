"""The process of a node: stdin, stdout, signals, time. The rest is in ``node``."""

import contextlib
import os
import select
import signal
import time
from collections import deque
from collections.abc import Sequence
from itertools import islice
from random import Random

from vsr_node.storage.protocol import StorageError
from vsr_node.wire.json_body import LINE_LENGTH_MAX

from .node import Node
from .options import parse_options

READ_SIZE = 1 << 16
"""Bytes: the capacity of a pipe, so that one read takes everything that waits."""

PIECES_MAX = 256
"""Pieces that are written together; systems take 1,024."""

STANDSTILL_US = 20_000
"""A turn that takes longer, as one that saves a large checkpoint, is a standstill."""

EXIT_STORAGE = os.EX_IOERR
"""The exit status if the node can't read or keep its data."""

EXIT_USAGE = 2
"""The exit status of a node that is started in a wrong way."""

MICROSECONDS_PER_MILLISECOND = 1_000

WAIT_MAX_MS = 3_600_000


def log(text: str) -> None:
    """Write a line to stderr; a closed stderr is no reason to stop."""
    with contextlib.suppress(OSError):
        os.write(2, text.encode(errors="replace") + b"\n")


class Stdin:
    """Whole lines of stdin."""

    def __init__(self, node: Node) -> None:
        self._node = node
        # Reused: a new buffer for each read would cost more time than the read, and leave holes in
        # the memory.
        self._buffer = bytearray(READ_SIZE)
        self._view = memoryview(self._buffer)
        # Grows in place: joined to each new piece, a long line would be copied at every read.
        self._partial = bytearray()
        self._is_too_long = False

    def read_lines(self) -> list[bytes] | None:
        """Return all complete lines that wait, None at the end of stdin. Block if nothing waits."""
        size = os.readv(0, (self._view,))
        if not size:
            return None
        if self._buffer.find(b"\n", 0, size) < 0:
            # Most of a long line. Splitting it would take far longer than all else.
            self._add(self._view[:size])
            return []
        lines = bytes(self._view[:size]).split(b"\n")
        rest = lines.pop()
        if self._is_too_long:
            del lines[0]
            self._is_too_long = False
        elif self._partial:
            self._partial += lines[0]
            lines[0] = bytes(self._partial)
            self._partial = bytearray()
        if rest:
            self._add(rest)
        return lines

    def _add(self, piece: bytes | memoryview) -> None:
        """Add a piece to a line that has not ended, unless it is too long."""
        if self._is_too_long:
            return
        self._partial += piece
        if len(self._partial) > LINE_LENGTH_MAX:
            self._node.drop(bytes(self._partial), f"longer than {LINE_LENGTH_MAX} bytes")
            self._partial = bytearray()
            self._is_too_long = True


def write_some(descriptor: int, unsent: deque[bytes | memoryview]) -> None:
    """Write once, and drop what was written. Raises BlockingIOError and BrokenPipeError."""
    size = os.writev(descriptor, [*islice(unsent, PIECES_MAX)])
    while unsent and size >= len(unsent[0]):
        size -= len(unsent.popleft())
    if size:
        unsent[0] = memoryview(unsent[0])[size:]


class Stdout:
    """Whole lines to stdout. ``signals`` becomes readable when a signal comes."""

    def __init__(self, signals: int) -> None:
        self._signals = signals

    def write(self, pieces: Sequence[bytes]) -> None:
        """Write pieces of lines in order. Raises BrokenPipeError if nobody reads them any more."""
        if sum(map(len, pieces)) > READ_SIZE:
            self._write_long(deque(pieces))
            return
        data = memoryview(b"".join(pieces))
        while data:
            try:
                data = data[os.write(1, data) :]
            except BlockingIOError:
                self._wait()

    def _write_long(self, unsent: deque[bytes | memoryview]) -> None:
        """Write pieces without copying them into one, which short ones are written faster as."""
        while unsent:
            try:
                write_some(1, unsent)
            except BlockingIOError:
                self._wait()

    def _wait(self) -> None:
        """Wait until a full stdout that does not block has room; give up when a signal comes."""
        poll = select.poll()
        poll.register(1, select.POLLOUT)
        poll.register(self._signals, select.POLLIN)
        if 1 not in dict(poll.poll()):
            raise BrokenPipeError


def open_missing_descriptors() -> bool:
    """Put the null device in the place of stdin, stdout and stderr where they are closed.

    Other files would get their numbers otherwise. Return whether stdout is there.
    """
    has_stdout = True
    for descriptor in range(3):
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, os.O_RDWR)
            has_stdout = has_stdout and descriptor != 1
    return has_stdout


def wake_on_signals() -> int:
    """Let SIGTERM and SIGINT end the node between two turns; return what they make readable."""
    readable, writable = os.pipe()
    os.set_blocking(writable, False)
    signal.set_wakeup_fd(writable)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: None)
    return readable


def now_microseconds() -> int:
    """Return the time of a clock that never goes back."""
    return time.monotonic_ns() // 1_000


def serve(node: Node, signals: int) -> None:
    """Take turns until stdin ends or ``signals`` becomes readable."""
    stdin = Stdin(node)
    poll = select.poll()
    poll.register(0, select.POLLIN)
    poll.register(signals, select.POLLIN)
    begun = now_microseconds()
    while True:
        now = now_microseconds()
        if now - begun > STANDSTILL_US:
            node.note_standstill(now - begun)
        # Rounded up, so that the timer is due then.
        wait_ms = -((now - node.next_timer) // MICROSECONDS_PER_MILLISECOND)
        ready = poll.poll(min(max(0, wait_ms), WAIT_MAX_MS))
        # Of two, one is ``signals``.
        if ready and (len(ready) > 1 or ready[0][0] == signals):
            return
        lines = stdin.read_lines() if ready else []
        if lines is None:
            return
        begun = now_microseconds()
        # A piece of a long line is nothing to act on.
        if lines or begun >= node.next_timer:
            node.turn(begun, lines)


def _serve_to_the_end(node: Node, signals: int) -> int:
    """Serve; return the exit status. Raises BrokenPipeError."""
    try:
        serve(node, signals)
        node.shut_down()
    except StorageError as error:
        log(f"this node ends, as what it says must be true after a crash: {error}")
        return EXIT_STORAGE
    return 0


def run(arguments: Sequence[str]) -> int:
    """Run the node. Exit status 0 also when stdout is closed: Maelstrom ends nodes so."""
    has_stdout = open_missing_descriptors()
    options = parse_options(arguments)
    if not has_stdout:
        log("stdout is closed, so nobody can read what this node answers")
        return EXIT_USAGE
    listeners = None
    if options.has_listeners:
        # Imported late: most starts have none and need not wait for them.
        from .listeners import Listeners

        listeners = Listeners(options, log, time.monotonic_ns)
    signals = wake_on_signals()
    write = Stdout(signals).write
    node = Node(random=Random(), log=log, write=write, options=options, listeners=listeners)
    try:
        return _serve_to_the_end(node, signals)
    except BrokenPipeError:
        # Nobody reads the answers any more.
        os._exit(0)
