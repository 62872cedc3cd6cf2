"""Our own members and clients, as a process of the bench."""

import asyncio
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import cycle
from pathlib import Path

from vsr_node.bench.embedding.cells import Journal, Load
from vsr_node.bench.embedding.load import NANOSECONDS, Ends
from vsr_node.bench.embedding.worker import VALUE, Worker, keys
from vsr_node.client.asynchronous import Client
from vsr_node.cluster.server import Server, new_loop
from vsr_node.machines.errors import VsrError
from vsr_node.machines.library.key_value import KeyMissing, KeyValue

TIMEOUT_S = 10.0


class OwnWorker:
    """Clients, in a loop of their own, and the member of their process if there is one."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        server: Server[KeyValue] | None,
        clients: list[Client[KeyValue]],
    ) -> None:
        self._loop = loop
        self._server = server
        self._clients = clients

    def is_ready(self) -> bool:
        """Return whether a member serves; clients find out by themselves."""
        return self._server is None or not self._server.status().get("not_ready", "it starts")

    def is_primary(self) -> bool:
        """Return whether it is a member that leads."""
        return self._server is not None and bool(self._server.status().get("is_primary"))

    def load(self, client_count: int, seconds: float, *, reads: bool) -> Load:
        """Let clients ask for so long, each one call after the other."""
        return self._loop.run_until_complete(self._load(client_count, seconds, reads=reads))

    async def _load(self, client_count: int, seconds: float, *, reads: bool) -> Load:
        ends = Ends()
        began = time.monotonic_ns()
        end = began + int(seconds * NANOSECONDS)
        clients = cycle(self._clients)
        asking = (_ask(next(clients), ends, end, reads=reads) for _ in range(client_count))
        await asyncio.gather(*asking)
        return ends.figures(began, time.monotonic_ns())


async def _ask(client: Client[KeyValue], ends: Ends, end: int, *, reads: bool) -> None:
    names = keys()
    began = time.monotonic_ns()
    while began < end:
        try:
            if reads:
                await KeyValue.get(client, next(names))
            else:
                await KeyValue.put(client, next(names), VALUE)
        except KeyMissing:
            pass
        except VsrError:
            began = time.monotonic_ns()
            continue
        ended = time.monotonic_ns()
        ends.add(began, ended)
        began = ended


@contextmanager
def open_worker(
    name: str, peers: dict[str, str], journal: Journal, folder: Path
) -> Iterator[Worker]:
    """Start the member ``name``; clients that prefer it where the name ends with ``'``."""
    loop = new_loop()
    asyncio.set_event_loop(loop)
    if name.endswith("'"):
        prefer = (name.removesuffix("'"),)
        clients = [
            Client.connect(KeyValue, peers, timeout=TIMEOUT_S, prefer=prefer) for _ in range(32)
        ]
        server = None
    else:
        server = Server(
            KeyValue,
            name=name,
            members=peers,
            data_dir=None if journal is Journal.MEMORY else folder,
            volatile=journal is Journal.MEMORY,
            flush="always" if journal is Journal.FLUSHED else "never",
        )
        loop.run_until_complete(server.start(timeout=None))
        clients = [server.client(timeout=TIMEOUT_S)]
    try:
        for client in clients:
            loop.run_until_complete(client.__aenter__())
        yield OwnWorker(loop, server, clients)
    finally:
        for client in clients:
            loop.run_until_complete(client.close())
        if server is not None:
            loop.run_until_complete(server.stop())
