"""Strangers and bad peers: random bytes, changed frames, slow and silent ones, full buffers.

Whatever they do, the group serves, nothing of theirs is executed, and nobody ends.
"""

import asyncio
import os
import pathlib
from collections.abc import Awaitable, Callable
from random import Random

from tests.cluster.tcp import addresses, running
from vsr_node.client.asynchronous import Client, hello_of
from vsr_node.cluster import transport
from vsr_node.cluster.server import Server
from vsr_node.core.messages import Prepare, PrepareOk, StartView
from vsr_node.machines.library.counter import Counter
from vsr_node.wire.calls import Call, Query, Register
from vsr_node.wire.frames import encode
from vsr_node.wire.handshake import (
    FRAMES,
    HELLO_TIME_S,
    MEMBER,
    PROTOCOL_VERSION,
    Hello,
    Ping,
)

STREAMS = int(os.environ.get("VSR_ABUSE_STREAMS", "300"))
"""How many streams of each kind; the long check has 10,000."""

IDLE = int(os.environ.get("VSR_ABUSE_IDLE", str(3 * transport.UNPROVED_MAX)))
"""How many connections say nothing; the long check has 5,000."""


def rss_bytes() -> int:
    with pathlib.Path("/proc/self/statm").open(encoding="ascii") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


async def say(address: str, data: bytes, *, wait_s: float = 0.0) -> bytes:
    """Connect, send bytes, and return what comes back until the other side closes, or a time."""
    host, _, port = address.rpartition(":")
    try:
        reader, writer = await asyncio.open_connection(host, int(port))
    except OSError:
        return b""
    try:
        writer.write(data)
        await writer.drain()
        return await asyncio.wait_for(reader.read(1 << 16), wait_s) if wait_s else b""
    except (OSError, TimeoutError):
        return b""
    finally:
        writer.close()


def under_abuse(abuse: Callable[[dict[str, str], Random], Awaitable[None]]) -> None:
    """Run the abuse while a client counts; all that the client counted is there, and no more."""

    async def scene() -> None:
        members = addresses()
        async with running(members) as servers, Client.connect(Counter, members) as client:
            assert await Counter.add(client, 1) == 1
            count = 1
            task = asyncio.ensure_future(abuse(members, Random(7)))
            while not task.done():
                count += 1
                assert await Counter.add(client, 1) == count
                await asyncio.sleep(0.001)
            await task
            assert await Counter.add(client, 1) == count + 1
            assert_alive(servers)

    asyncio.run(scene())


def assert_alive(servers: dict[str, Server[Counter]]) -> None:
    for server in servers.values():
        assert server._running is not None
        assert server._running.failure is None


def client_hello() -> bytes:
    return FRAMES.encode(hello_of(Counter, "vsr"))


def test_random_streams_before_the_handshake() -> None:
    async def abuse(members: dict[str, str], random: Random) -> None:
        for number in range(STREAMS):
            address = random.choice(list(members.values()))
            await say(address, random.randbytes(random.randrange(1, 200)))
            if number % 50 == 0:
                await say(address, random.randbytes(1 << 20))

    before = rss_bytes()
    under_abuse(abuse)
    assert rss_bytes() - before < 64 << 20


def test_changed_frames_after_a_clients_handshake() -> None:
    async def abuse(members: dict[str, str], random: Random) -> None:
        frames = [
            FRAMES.encode(frame)
            for frame in (
                Register("0" * 16),
                Call("1-" + "0" * 16, 1, '["add",1000]'),
                Query(1, '["get"]'),
                Ping(1),
            )
        ]
        for _ in range(STREAMS):
            data = bytearray(b"".join(random.choices(frames, k=3)))
            for _ in range(random.randrange(1, 6)):
                data[random.randrange(len(data))] = random.randrange(256)
            await say(random.choice(list(members.values())), client_hello() + bytes(data))

    # A changed call may still be one, of a session that nobody has: it executes nothing.
    under_abuse(abuse)


def test_a_client_that_speaks_as_a_member_is_not_heard() -> None:
    async def abuse(members: dict[str, str], _random: Random) -> None:
        entry = ("1-" + "0" * 16, 1, '["add",1000]')
        for message in (
            Prepare(0, 9, 9, (entry,), 1, 1_000_000),
            PrepareOk(0, 99, 1),
            StartView(7, 1, 1, (entry,), 1, 1_000_000),
        ):
            for address in members.values():
                await say(address, client_hello() + encode(message), wait_s=0.2)

    under_abuse(abuse)


def test_a_member_of_other_settings_is_refused() -> None:
    async def abuse(members: dict[str, str], _random: Random) -> None:
        hello = FRAMES.encode(Hello(PROTOCOL_VERSION, "vsr", MEMBER, "b", "0" * 16, "Counter"))
        answer = await say(members["a"], hello, wait_s=2.0)
        assert b"founders and limits" in answer

    under_abuse(abuse)


def test_a_length_that_promises_much_takes_no_memory() -> None:
    async def abuse(members: dict[str, str], _random: Random) -> None:
        for _ in range(50):
            await say(members["a"], b"\x01\xff\xff\xff\x46", wait_s=0.05)
            await say(members["a"], client_hello() + b"\x01\xff\xff\xff\x46", wait_s=0.05)

    before = rss_bytes()
    under_abuse(abuse)
    assert rss_bytes() - before < 64 << 20


def test_idle_connections_are_bounded_and_closed() -> None:
    async def abuse(members: dict[str, str], _random: Random) -> None:
        host, port = members["a"].split(":")
        writers = []
        for _ in range(IDLE):
            writer = (await asyncio.open_connection(host, int(port)))[1]
            writers.append(writer)
        await asyncio.sleep(0.2)
        # A client gets in as soon as one of them has been closed.
        await asyncio.sleep(HELLO_TIME_S + 2 * transport.SWEEP_S)
        async with Client.connect(Counter, {"a": members["a"]}, timeout=5.0) as client:
            await Counter.get(client)
        for writer in writers:
            writer.close()

    before = rss_bytes()
    under_abuse(abuse)
    assert rss_bytes() - before < 64 << 20


def test_a_slow_one_is_closed() -> None:
    async def abuse(members: dict[str, str], _random: Random) -> None:
        host, port = members["a"].split(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        closed = asyncio.ensure_future(reader.read())
        for byte in client_hello():
            if closed.done():
                break
            writer.write(bytes((byte,)))
            await asyncio.sleep(0.25)
        await asyncio.wait_for(closed, 5)
        writer.close()

    under_abuse(abuse)


def test_a_client_that_reads_no_answers_is_not_read_from() -> None:
    async def abuse(members: dict[str, str], _random: Random) -> None:
        host, port = members["a"].split(":")
        writer = (await asyncio.open_connection(host, int(port)))[1]
        writer.write(client_hello())
        query = b"".join(FRAMES.encode(Query(number, '["get"]')) for number in range(1, 2_000))
        for _ in range(100):
            writer.write(query)
            try:
                await asyncio.wait_for(writer.drain(), 0.2)
            except TimeoutError:
                break
        writer.transport.abort()

    before = rss_bytes()
    under_abuse(abuse)
    assert rss_bytes() - before < 64 << 20
