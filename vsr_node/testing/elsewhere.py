"""The log executed again in another process: other hashes of texts, time zone and locale."""

import os
import pickle
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing import get_context
from multiprocessing.connection import Connection
from types import TracebackType
from typing import Any, Self

from vsr_node.machines.host import Host
from vsr_node.machines.typed import Machine

ELSEWHERE = {"PYTHONHASHSEED": "1234", "TZ": "Pacific/Chatham", "LC_ALL": "C"}
"""A time zone with three quarters of an hour, in winter and in summer another."""


class Elsewhere:
    """Another process that executes logs. ``is_possible`` says whether it can import the machine.

    It can't if the machine is made within a function.
    """

    def __init__(self, make: Callable[[], Machine]) -> None:
        self._make = make
        try:
            pickle.dumps(make)
            self.is_possible = True
        except (pickle.PicklingError, AttributeError):
            self.is_possible = False
        self._connection: Connection | None = None

    def __enter__(self) -> Self:
        """Start the process."""
        if self.is_possible:
            context = get_context("spawn")
            self._connection, other = context.Pipe()
            with _environment():
                self._process = context.Process(
                    target=_serve, args=(self._make, other), daemon=True
                )
                self._process.start()
            other.close()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, _: BaseException | None, __: TracebackType | None
    ) -> None:
        """End it."""
        if self._connection is not None:
            self._connection.close()
            self._process.join()

    def results_of(self, log: list[str]) -> list[str] | None:
        """Return the results of a log there; None if there is no such process."""
        if self._connection is None:
            return None
        self._connection.send(log)
        results: list[str] = self._connection.recv()
        return results


@contextmanager
def _environment() -> Iterator[None]:
    own = {name: os.environ.get(name) for name in ELSEWHERE}
    os.environ.update(ELSEWHERE)
    try:
        yield
    finally:
        for name, value in own.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def _serve(make: Callable[[], Machine], connection: Any) -> None:
    while True:
        try:
            log = connection.recv()
        except EOFError:
            return
        host = Host(make)
        connection.send([host.apply(text) for text in log])
