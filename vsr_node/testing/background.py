"""Groups for tests that are no coroutines: their loop runs in a thread of its own."""

import asyncio
import threading
from collections.abc import Callable
from contextlib import AsyncExitStack
from typing import Self

from vsr_node.cluster.local import LocalCluster
from vsr_node.machines.typed import M, SyncCaller

STOP_TIMEOUT_S = 10.0


class BackgroundClusters:
    """Starts groups, and stops them all at the end."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._resources = AsyncExitStack()

    def __enter__(self) -> Self:
        """Start the thread."""
        self._thread.start()
        return self

    def start(self, machine: Callable[[], M]) -> SyncCaller[M]:
        """Start a group of three members, and return a client of it."""
        return asyncio.run_coroutine_threadsafe(self._start(machine), self._loop).result()

    async def _start(self, machine: Callable[[], M]) -> SyncCaller[M]:
        cluster = await self._resources.enter_async_context(LocalCluster(machine))
        return cluster.sync()

    def __exit__(self, *_: object) -> None:
        """Stop all groups. Raises why a member had failed."""
        try:
            stopping = asyncio.run_coroutine_threadsafe(self._resources.aclose(), self._loop)
            stopping.result(STOP_TIMEOUT_S)
        finally:
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join(STOP_TIMEOUT_S)
            self._loop.close()
