"""Groups over TCP whose members change: nothing is lost, and clients follow."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.cluster.tcp import addresses, make_server, running
from vsr_node.client.asynchronous import Client
from vsr_node.client.blocking import SyncClient
from vsr_node.cluster.server import Server
from vsr_node.machines.errors import NotExecuted
from vsr_node.machines.library.counter import Counter


@asynccontextmanager
async def adding(client: Client[Counter]) -> AsyncIterator[list[int]]:
    """Four callers that add 1 again and again; the sums that they were answered, in the end all."""
    sums: list[int] = []
    is_over = asyncio.Event()

    async def work() -> None:
        while not is_over.is_set():
            sums.append(await Counter.add(client, 1))

    workers = [asyncio.create_task(work()) for _ in range(4)]
    yield sums
    is_over.set()
    await asyncio.gather(*workers)


def assert_each_once(sums: list[int]) -> None:
    assert sorted(sums) == list(range(1, len(sums) + 1))


async def until(is_true: Any, seconds: float = 20.0) -> None:
    deadline = asyncio.get_running_loop().time() + seconds
    while not is_true():
        assert asyncio.get_running_loop().time() < deadline, "it takes too long"
        await asyncio.sleep(0.02)


def test_all_members_are_replaced_one_by_one_and_no_call_is_lost_or_done_twice(
    tmp_path: Path,
) -> None:
    """The old ones are stopped when they are released, and the client was told of those only."""

    async def scene() -> None:
        members = addresses()
        all_of_them = dict(members)
        async with (
            running(members, folder=tmp_path) as servers,
            Client.connect(Counter, members) as client,
            adding(client) as sums,
        ):
            for old, new in zip("abc", "def", strict=True):
                joining = addresses(new)
                all_of_them |= joining
                present = servers[min(servers)].status()["members"]
                assert isinstance(present, list)
                known = {name: all_of_them[name] for name in present} | joining
                servers[new] = make_server(new, known, founders="abc", folder=tmp_path)
                await servers[new].start(timeout=None)
                wanted = {name: address for name, address in known.items() if name != old}
                changed = await client.reconfigure(wanted)
                assert sorted(changed["members"]) == sorted(wanted)
                await until(lambda name=old: servers[name].status()["is_released"])
                await servers.pop(old).stop()
                count = len(sums)
                await until(lambda count=count: len(sums) > count + 20)
            assert set(servers) == set("def")
        assert_each_once(sums)

    asyncio.run(scene())


def test_a_group_of_one_grows_to_three_and_shrinks_again(tmp_path: Path) -> None:
    async def scene() -> None:
        members = addresses()
        first = {"a": members["a"]}
        async with running(first, folder=tmp_path) as servers:
            for name in "bc":
                known = first | {name: members[name]}
                servers[name] = make_server(name, known, founders="a", folder=tmp_path)
                await servers[name].start(timeout=None)
            async with Client.connect(Counter, first) as client, adding(client) as sums:
                await until(lambda: len(sums) > 20)
                await client.reconfigure(members)
                count = len(sums)
                await until(lambda: len(sums) > count + 20)
                assert all(server.status()["epoch"] == 1 for server in servers.values())
                await client.reconfigure({"b": members["b"]}, epoch=1)
                count = len(sums)
                await until(lambda: len(sums) > count + 20)
            assert_each_once(sums)

    asyncio.run(scene())


def test_clients_of_a_standby_are_served_and_both_kinds_of_client_follow_the_group() -> None:
    async def scene() -> None:
        members = addresses("abcd")
        async with running(members, founders="abc") as servers:
            async with Client.connect(Counter, {"d": members["d"]}) as client:
                assert await Counter.add(client, 2) == 2
                assert await Counter.get(client) == 2
            blocking = SyncClient.connect(Counter, {"a": members["a"]})
            assert await asyncio.to_thread(Counter.add, blocking, 3) == 5
            async with Client.connect(Counter, {"a": members["a"]}) as client:
                assert await Counter.get(client) == 5
                await client.reconfigure({"d": members["d"]})
                await until(lambda: servers["a"].status()["is_released"])
                assert await asyncio.to_thread(Counter.add, blocking, 1) == 6
                for name in "abc":
                    await servers[name].stop()
                assert await Counter.add(client, 4) == 10
            assert await asyncio.to_thread(Counter.add, blocking, 5) == 15
            blocking.close()

    asyncio.run(scene())


def test_what_makes_no_sense_or_comes_too_late_is_declined(tmp_path: Path) -> None:
    async def scene() -> None:
        members = addresses()
        async with running(members), Client.connect(Counter, members) as client:
            with pytest.raises(NotExecuted, match="one member or more"):
                await client.reconfigure({})
            with pytest.raises(NotExecuted, match="HOST:PORT"):
                await client.reconfigure({"a": "here"})
            with pytest.raises(NotExecuted, match="the epoch is 0, and its members are a, b, c"):
                await client.reconfigure({"a": members["a"]}, epoch=3)
            with pytest.raises(NotExecuted, match="no progress of d"):
                await client.reconfigure(members | addresses("d"))
            assert await client.reconfigure(members) == {"epoch": 0, "members": ["a", "b", "c"]}

    asyncio.run(scene())


def test_a_process_knows_again_the_addresses_that_it_was_told(tmp_path: Path) -> None:
    async def scene() -> None:
        members = addresses()
        async with running({"a": members["a"]}, folder=tmp_path) as servers:
            for name in "bc":
                known = {each: members[each] for each in ("a", name)}
                servers[name] = make_server(name, known, founders="a", folder=tmp_path)
                await servers[name].start(timeout=None)
            async with Client.connect(Counter, [members["a"]]) as client:
                await client.reconfigure(members)
            await until(lambda: servers["b"].status()["addresses"] == members)
        again: dict[str, Server[Counter]] = {
            name: make_server(name, {name: members[name]}, founders="a", folder=tmp_path)
            for name in members
        }
        try:
            await asyncio.gather(*(server.start() for server in again.values()))
            async with Client.connect(Counter, [members["c"]]) as client:
                assert await Counter.add(client, 1) == 1
        finally:
            await asyncio.gather(*(server.stop() for server in again.values()))

    asyncio.run(scene())
