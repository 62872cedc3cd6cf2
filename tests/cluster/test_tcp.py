"""Members and clients over TCP: calls, failures, restarts, time-outs, and pages."""

import asyncio
import socket
import urllib.error
import urllib.request
from collections import Counter as Counted
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.cluster.tcp import addresses, free_address, make_server, running
from tests.telemetry.trace_check import check_events, read_events
from vsr_node.client.asynchronous import Client
from vsr_node.client.blocking import SyncClient
from vsr_node.client.errors import (
    Closed,
    NotReady,
    OutcomeUnknown,
    TooBusy,
    Unavailable,
    WrongGroup,
    WrongVersion,
)
from vsr_node.cluster.network import LocalNetwork, LocalTransport, OnMessage
from vsr_node.cluster.server import Server
from vsr_node.machines.errors import DivergenceError, VsrError
from vsr_node.machines.host import DIGEST_INTERVAL
from vsr_node.machines.library.counter import Counter
from vsr_node.machines.library.key_value import KeyValue


def test_calls_and_queries_of_both_clients() -> None:
    async def scene() -> None:
        members = addresses()
        async with running(members), Client.connect(Counter, members) as client:
            assert await Counter.add(client, 5) == 5
            assert await Counter.get(client) == 5
            sums = await client.many(Counter.add.request(1) for _ in range(300))
            assert sorted(map(str, sums)) == sorted(map(str, range(6, 306)))

            def block() -> int:
                with SyncClient.connect(Counter, list(members.values())) as blocking:
                    Counter.add(blocking, 5)
                    return Counter.get(blocking)

            assert await asyncio.to_thread(block) == 310

    asyncio.run(scene())


def test_a_planned_restart_of_each_member_fails_no_call(tmp_path: Path) -> None:
    async def scene() -> None:
        members = addresses()
        async with (
            running(members, folder=tmp_path) as servers,
            Client.connect(Counter, members) as client,
        ):
            sums: list[int] = []
            is_over = asyncio.Event()

            async def work() -> None:
                while not is_over.is_set():
                    sums.append(await Counter.add(client, 1))

            workers = [asyncio.create_task(work()) for _ in range(4)]
            for name in members:
                await asyncio.sleep(0.1)
                await servers[name].stop()
                servers[name] = make_server(name, members, folder=tmp_path)
                await servers[name].start()
            is_over.set()
            await asyncio.gather(*workers)
            assert sorted(sums) == list(range(1, len(sums) + 1))

    asyncio.run(scene())


def test_a_group_without_a_quorum_leaves_the_outcome_unknown_until_it_is_settled() -> None:
    async def scene() -> None:
        members = addresses()
        async with running(members) as servers, Client.connect(Counter, members) as client:
            assert await Counter.add(client, 1) == 1
            await servers["b"].stop()
            await servers["c"].stop()
            with pytest.raises(OutcomeUnknown) as raised:
                await Counter.add(client.options(timeout=0.3), 1)
            assert isinstance(raised.value, TimeoutError)
            with pytest.raises(OutcomeUnknown):
                await raised.value.settle(0.1)

    asyncio.run(scene())


def test_nobody_there_is_surely_not_executed() -> None:
    members = addresses()

    async def scene() -> None:
        async with Client.connect(Counter, members, timeout=0.2) as client:
            with pytest.raises(Unavailable):
                await Counter.add(client, 1)

    asyncio.run(scene())
    with SyncClient.connect(Counter, members, timeout=0.2) as blocking, pytest.raises(Unavailable):
        Counter.add(blocking, 1)


def test_dialling_past_the_deadline_is_surely_not_executed() -> None:
    with socket.create_server(("127.0.0.1", 0)) as mute:
        silent = [f"127.0.0.1:{mute.getsockname()[1]}"]
        with SyncClient.connect(Counter, silent, timeout=0.2) as client, pytest.raises(Unavailable):
            Counter.add(client, 1)


def test_strangers_are_told_why_at_once() -> None:
    async def scene() -> None:
        members = addresses("a")
        async with running(members):
            async with Client.connect(KeyValue, members, timeout=3600) as other_machine:
                for _ in range(2):
                    with pytest.raises(WrongVersion, match=r"^this group runs Counter, not Key"):
                        await KeyValue.put(other_machine, "k", "v")
            async with Client.connect(Counter, members, timeout=3600, group="x") as other_group:
                with pytest.raises(WrongGroup):
                    await Counter.add(other_group, 1)

            def block() -> None:
                with SyncClient.connect(KeyValue, members, timeout=3600) as blocking:
                    for _ in range(2):
                        with pytest.raises(WrongVersion):
                            KeyValue.put(blocking, "k", "v")

            await asyncio.to_thread(block)

    asyncio.run(scene())


def test_bounds_and_ends_of_a_client() -> None:
    async def scene() -> None:
        members = addresses("a")
        async with running(members):
            async with Client.connect(Counter, members, in_flight=2) as client:
                results = await client.many(Counter.add.request(1) for _ in range(3))
                assert sum(isinstance(each, TooBusy) for each in results) == 1
            with pytest.raises(Closed):
                await Counter.add(client, 1)

    asyncio.run(scene())


def test_a_cancelled_call_stops_waiting_and_frees_its_number() -> None:
    async def scene() -> None:
        members = addresses("a")
        async with running(members), Client.connect(Counter, members) as client:
            for _ in range(100):
                task = asyncio.create_task(Counter.add(client, 1))
                await asyncio.sleep(0)
                task.cancel()
            await asyncio.sleep(0.2)
            assert await Counter.add(client, 0) <= 100

    asyncio.run(scene())


def test_a_member_alone_is_not_ready() -> None:
    async def scene() -> None:
        server = make_server("b", addresses())
        with pytest.raises(NotReady, match="b does not serve yet"):
            await server.start(timeout=0.1)
        await server.stop()

    asyncio.run(scene())


def test_what_goes_wrong_in_a_turn_ends_the_member_and_not_the_process() -> None:
    async def scene() -> None:
        members = addresses("a")
        async with running(members) as servers:
            servers["a"]._running._member.replica.commit_number = 10**6  # type: ignore[union-attr]
            async with Client.connect(Counter, members, timeout=0.3) as client:
                with pytest.raises((OutcomeUnknown, Unavailable)):
                    await Counter.add(client, 1)
            with pytest.raises(AssertionError):
                await servers["a"].wait()

    asyncio.run(scene())


@pytest.mark.parametrize(
    ("options", "why"),
    [
        ({"data_dir": None}, "forgets what it promised"),
        ({"volatile": True, "name": "x"}, "not among the members"),
        ({"volatile": True, "listen": "0.0.0.0:1"}, "security"),
        ({"volatile": True, "flush": "sometimes"}, "flush"),
        ({"volatile": True, "loop": "other"}, "loop"),
    ],
)
def test_what_a_server_refuses_to_be(options: dict[str, str], why: str) -> None:
    arguments: dict[str, object] = {"name": "a", "members": {"a": "127.0.0.1:1"}, **options}
    with pytest.raises(ValueError, match=why):
        Server(Counter, **arguments)  # type: ignore[arg-type]


def test_pages() -> None:
    def page(address: str, path: str) -> tuple[int, str]:
        try:
            with urllib.request.urlopen(f"http://{address}{path}", timeout=5) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()

    async def scene() -> None:
        http, members = free_address(), addresses()
        lone = make_server("a", members, http=http)
        await lone.start(timeout=None)
        assert await asyncio.to_thread(page, http, "/livez") == (200, "ok\n")
        assert (await asyncio.to_thread(page, http, "/readyz"))[0] == 503
        others = [make_server(name, members) for name in "bc"]
        await asyncio.gather(lone.start(), *(each.start() for each in others))
        async with Client.connect(Counter, members, prefer="a") as client:
            await Counter.add(client, 1)
        assert await asyncio.to_thread(page, http, "/readyz") == (200, "ok\n")
        status, text = await asyncio.to_thread(page, http, "/metrics")
        assert status == 200
        assert "vsr_commit_number" in text
        assert '"view_number": 0' in (await asyncio.to_thread(page, http, "/status"))[1]
        assert (await asyncio.to_thread(page, http, "/etc/passwd"))[0] == 404
        await asyncio.gather(*(each.stop() for each in (lone, *others)))

    asyncio.run(scene())


def test_a_trace_of_a_member_tells_a_call_from_start_to_stop(tmp_path: Path) -> None:
    async def scene() -> None:
        members = addresses()
        servers = [make_server(name, members, trace=tmp_path / name) for name in members]
        await asyncio.gather(*(each.start() for each in servers))
        async with Client.connect(Counter, members) as client:
            await Counter.add(client, 1)
        await asyncio.gather(*(each.stop() for each in servers))

    asyncio.run(scene())
    findings = [check_events(read_events([tmp_path / name])) for name in "abc"]
    assert [each.wrong for each in findings] == [[], [], []]
    seen = sum((each.seen for each in findings), Counted[str]())
    assert seen["protocol.client_request.stop"] >= 2  # A registration, and the call.
    assert seen["protocol.prepare.sent"] > 0


def test_a_member_that_differs_from_a_quorum_ends() -> None:
    async def scene() -> None:
        members = addresses()
        async with running(members) as servers, Client.connect(Counter, members) as client:
            await Counter.add(client, 1)
            running_c = servers["c"]._running
            assert running_c is not None

            async def spoil() -> None:
                running_c._host.digest ^= 1

            # In its own thread, which may be executing an operation just now.
            await servers["c"]._in_loop(spoil())
            ended, total = asyncio.create_task(servers["c"].wait()), 1
            # A digest may get lost with a connection; the next one has it in it.
            while not ended.done() and total < 4 * DIGEST_INTERVAL:
                await client.many(Counter.add.request(1) for _ in range(DIGEST_INTERVAL))
                total += DIGEST_INTERVAL
            with pytest.raises(DivergenceError):
                await asyncio.wait_for(ended, 5)
            await servers["c"].stop()
            with pytest.raises(DivergenceError):
                await servers["c"].wait()
            assert await Counter.add(client, 0) == total

    asyncio.run(scene())


@pytest.mark.parametrize("loop", ["own", "current"])
def test_a_client_in_the_members_process_needs_no_socket(loop: str) -> None:
    async def scene() -> None:
        members = addresses()
        async with running(members, loop=loop) as servers:
            async with servers["b"].client() as client:
                sums = await client.many(Counter.add.request(1) for _ in range(200))
                assert sorted(map(str, sums)) == sorted(map(str, range(1, 201)))
                assert await Counter.get(client) == 200
                assert '"name": "b"' in (await client.status())[0]
                assert '"clients": 0' in (await client.status())[0]
                await servers["b"].stop()
                with pytest.raises(Unavailable, match="the member has stopped"):
                    await Counter.add(client.options(timeout=0.1), 1)
            with pytest.raises(Closed):
                await Counter.add(client, 1)
        with pytest.raises(Closed):
            make_server("a", members).client()

    asyncio.run(scene())


def test_a_transport_of_the_users_own_carries_the_messages() -> None:
    network = LocalNetwork()

    async def join(name: str, _: Sequence[str], on_message: OnMessage) -> LocalTransport:
        return network.join(name, on_message)

    async def scene() -> None:
        members = addresses()
        async with (
            running(members, loop="current", transport=join) as servers,
            Client.connect(Counter, members, timeout=0.5) as client,
        ):
            assert await Counter.add(client, 5) == 5
            network.cut("a", "b", "c")
            with pytest.raises(VsrError):
                await Counter.add(client, 1)
            network.heal()
            await servers["a"].stop()
            assert await client.options(timeout=10).call(Counter.add.request(1)) in (6, 7)

    asyncio.run(scene())


def test_what_a_start_fails_with_is_raised(tmp_path: Path) -> None:
    async def scene() -> None:
        server = make_server("a", addresses("a"), trace=tmp_path / "nowhere" / "trace")
        with pytest.raises(FileNotFoundError, match="nowhere"):
            await server.start()

    asyncio.run(scene())
