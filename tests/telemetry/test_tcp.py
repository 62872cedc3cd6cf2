"""The events of members over TCP."""

import asyncio
from collections import Counter as Counted
from pathlib import Path

from tests.cluster.tcp import addresses, make_server
from tests.telemetry.trace_check import check_events, read_events
from vsr_node.client.asynchronous import Client
from vsr_node.cluster.transport import CALLS_MAX
from vsr_node.machines.library.counter import Counter
from vsr_node.telemetry.dispatch import names_under


async def call_as_a_stranger(address: str) -> None:
    """Send what is no frame, and wait until the member hangs up."""
    host, _, port = address.rpartition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(b"GET / HTTP/1.1\r\n\r\n")
    await reader.read()
    writer.close()


def watch_connections(folder: Path) -> list[Path]:
    """Let two members of three serve a client and a stranger; return their traces."""

    async def scene() -> None:
        members = addresses()
        # While c is not there, what the others send it is dropped.
        servers = [make_server(name, members, trace=folder / name) for name in "ab"]
        await asyncio.gather(*(each.start() for each in servers))
        async with Client.connect(Counter, members) as client:
            await Counter.add(client, 1)
            await client.many(Counter.get.request() for _ in range(4 * CALLS_MAX))
        await call_as_a_stranger(members["a"])
        await asyncio.gather(*(each.stop() for each in servers))

    asyncio.run(scene())
    return [folder / name for name in "ab"]


def test_every_event_of_connections_is_seen_with_its_fields(tmp_path: Path) -> None:
    findings = [check_events(read_events([path])) for path in watch_connections(tmp_path)]
    assert [each.wrong for each in findings] == [[], []]
    seen = sum((each.seen for each in findings), Counted[str]())
    assert names_under(["transport", "session.registered"]) <= set(seen)
