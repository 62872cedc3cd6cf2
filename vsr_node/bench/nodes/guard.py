"""The guard: it ends the nodes if the bench ends without doing so, as by kill -9.

A node that reads its stdin notices that itself, unless it is paused. The guard is a small process
with a pipe from the bench. It is started with the first node, and holds the process groups that
the bench has started and not ended yet. When the pipe ends, it kills them.
"""

import atexit
import subprocess
import sys
from contextlib import suppress

END_S = 1.0
"""How long the end of the guard is awaited."""

_PROGRAM = """
import os, signal, sys
groups = set()
for line in sys.stdin:
    group = int(line)
    if group > 0:
        groups.add(group)
    else:
        groups.discard(-group)
for group in groups:
    try:
        os.killpg(group, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        pass
"""


class Guard:
    """The guard of this process, once there is something to guard.

    Ctrl-C ends one that has just been started, before it has a session of its own. So it is the
    bench that knows the groups, and hands all of them to the next guard.
    """

    def __init__(self) -> None:
        self._process: subprocess.Popen[str] | None = None
        self._groups: dict[int, None] = {}

    def add(self, group: int) -> None:
        """Guard a process group."""
        self._groups[group] = None
        if self._process is None:
            self._start()
        try:
            self._write(group)
        except BrokenPipeError:
            self._start()
            for each in self._groups:
                self._write(each)

    def remove(self, group: int) -> None:
        """Forget a process group that was ended: its number may soon be another's."""
        self._groups.pop(group, None)
        if self._process is not None:
            with suppress(BrokenPipeError):
                self._write(-group)

    def _start(self) -> None:
        self._process = subprocess.Popen(
            (sys.executable, "-I", "-S", "-c", _PROGRAM),
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            text=True,
            start_new_session=True,
        )
        atexit.register(self._end, self._process)

    @staticmethod
    def _end(process: "subprocess.Popen[str]") -> None:
        """End a guard with the process that it belongs to."""
        assert process.stdin is not None
        with suppress(BrokenPipeError, subprocess.TimeoutExpired):
            process.stdin.close()
            process.wait(END_S)

    def _write(self, number: int) -> None:
        assert self._process is not None
        assert self._process.stdin is not None
        print(number, file=self._process.stdin, flush=True)


GUARD = Guard()
