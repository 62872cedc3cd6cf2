"""Members over TCP in this process, each in a thread of its own."""

import asyncio
import socket
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Literal

from vsr_node.client.security import TLS
from vsr_node.cluster.network import MakeTransport
from vsr_node.cluster.server import Server
from vsr_node.machines.library.counter import Counter


def free_address() -> str:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"127.0.0.1:{probe.getsockname()[1]}"


def addresses(names: str = "abc") -> dict[str, str]:
    return {name: free_address() for name in names}


def make_server(
    name: str,
    members: dict[str, str],
    *,
    founders: Sequence[str] | None = None,
    folder: Path | None = None,
    security: TLS | None = None,
    log: list[str] | None = None,
    http: str = "",
    trace: Path | None = None,
    loop: Literal["own", "current"] = "own",
    transport: MakeTransport | None = None,
) -> Server[Counter]:
    lines: list[str] = [] if log is None else log
    return Server(
        Counter,
        name=name,
        members=members,
        founders=founders,
        data_dir=folder,
        volatile=folder is None,
        security=security,
        http=http,
        trace=trace,
        loop=loop,
        transport=transport,
        log=lines.append,
    )


@asynccontextmanager
async def running(
    members: dict[str, str], **options: Any
) -> AsyncIterator[dict[str, Server[Counter]]]:
    """All members, serving."""
    servers = {name: make_server(name, members, **options) for name in members}
    try:
        founders = options.get("founders") or members
        for name, server in servers.items():
            if name not in founders:
                await server.start(timeout=None)
        await asyncio.gather(*(servers[name].start() for name in founders))
        yield servers
    finally:
        await asyncio.gather(*(server.stop() for server in servers.values()))
