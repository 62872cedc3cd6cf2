"""Worker processes, which end when their parent does, however it ended."""

import multiprocessing
import os
import signal
import threading
from collections.abc import Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from contextlib import contextmanager, suppress
from typing import Any

from vsr_node.start import ending_signals


class WorkerPool(ProcessPoolExecutor):
    """A pool whose workers never see a signal before they know what to do with it."""

    def submit(self, *arguments: Any, **named: Any) -> Future[Any]:
        """Hand a task over; this may start a worker, which inherits the blocked signals."""
        before = signal.pthread_sigmask(signal.SIG_BLOCK, ending_signals())
        try:
            return super().submit(*arguments, **named)
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)


@contextmanager
def worker_pool(jobs: int) -> Iterator[WorkerPool]:
    """Yield a pool of ``jobs`` processes. An exception, such as Ctrl-C, ends them at once."""
    with WorkerPool(jobs, initializer=_follow_parent) as pool:
        try:
            yield pool
        except BaseException:
            stop_workers()
            raise


def stop_workers() -> None:
    """End the worker processes of this one with SIGTERM."""
    for process in multiprocessing.active_children():
        process.terminate()


def interrupt_workers() -> None:
    """Send SIGINT to the worker processes of this one, which only a task may notice."""
    for process in multiprocessing.active_children():
        with suppress(ProcessLookupError):
            os.kill(process.pid or 0, signal.SIGINT)


def _follow_parent() -> None:
    """Leave the terminal to the parent, end at SIGTERM, and end when the parent has ended."""
    os.setsid()
    for number in ending_signals():
        signal.signal(number, signal.SIG_DFL)
    signal.signal(signal.SIGINT, lambda number, frame: None)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, ending_signals())
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    """Wait for the parent's end. A pool does not notice it: its workers share the pipe's ends."""
    parent = multiprocessing.parent_process()
    assert parent is not None, "a worker has a parent"
    parent.join()
    os._exit(1)
