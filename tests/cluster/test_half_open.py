"""Half-open connections: the other side is gone, and nobody has said so."""

import asyncio
import json
from collections.abc import Callable

from tests.cluster.tcp import addresses, free_address
from vsr_node.client.asynchronous import Client
from vsr_node.client.connection import SILENCE_S
from vsr_node.cluster.server import Server
from vsr_node.machines.library.counter import Counter


class Wire:
    """Carries bytes from an address to another one, until the connections of today are cut."""

    def __init__(self, source: str, target: str) -> None:
        self._source, self._target = source, target
        self._era = 0
        self._tasks: list[asyncio.Task[None]] = []
        self._writers: list[asyncio.StreamWriter] = []
        self._server: asyncio.Server

    async def start(self) -> None:
        host, port = self._source.split(":")
        self._server = await asyncio.start_server(self._accept, host, int(port))

    def cut(self) -> None:
        """Let the connections that stand carry nothing more; they stay open at both ends."""
        self._era += 1

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        host, port = self._target.split(":")
        try:
            far_reader, far_writer = await asyncio.open_connection(host, int(port))
        except OSError:
            writer.close()
            return
        self._writers += (writer, far_writer)
        for one, other in ((reader, far_writer), (far_reader, writer)):
            self._tasks.append(asyncio.create_task(self._carry(one, other, self._era)))

    async def _carry(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, era: int
    ) -> None:
        try:
            while data := await reader.read(1 << 16):
                if era == self._era:
                    writer.write(data)
                    await writer.drain()
        except OSError:
            pass
        if era == self._era:
            writer.close()

    async def stop(self) -> None:
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for writer in self._writers:
            writer.close()
        closing = (writer.wait_closed() for writer in self._writers)
        await asyncio.gather(*closing, return_exceptions=True)


async def until(condition: Callable[[], bool], seconds: float) -> None:
    async with asyncio.timeout(seconds):
        while not condition():
            await asyncio.sleep(0.05)


def test_half_open_peers_are_dialled_again_and_do_not_pile_up() -> None:
    async def scene() -> None:
        members, listening = addresses(), {name: free_address() for name in "abc"}
        wires = {name: Wire(members[name], listening[name]) for name in members}
        for wire in wires.values():
            await wire.start()
        servers = {
            name: Server(
                Counter,
                name=name,
                members=members,
                volatile=True,
                listen=listening[name],
                log=lambda _: None,
            )
            for name in members
        }

        def states() -> list[dict[str, object]]:
            return [server.status() for server in servers.values()]

        try:
            await asyncio.gather(*(server.start() for server in servers.values()))
            async with Client.connect(Counter, members, timeout=30) as client:
                assert await Counter.add(client, 1) == 1
                for wire in wires.values():
                    wire.cut()
                # Everybody is half-open to everybody now. Nobody ends, and all of it mends.
                assert await Counter.add(client, 1) == 2
                await until(lambda: not any(s["not_ready"] for s in states()), 4 * SILENCE_S)
                assert await Counter.get(client) == 2
                texts = await client.status()
                assert {json.loads(text)["name"] for text in texts} == set(members)
            # A member that dials anew takes the place of its older connection.
            for server in servers.values():
                assert server._running is not None
                assert len(server._running._transport._peers) == len(members) - 1
        finally:
            await asyncio.gather(*(server.stop() for server in servers.values()))
            for wire in wires.values():
                await wire.stop()

    asyncio.run(scene())
