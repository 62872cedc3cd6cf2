"""Digests that members compare: who differs from a quorum stops, in memory and over TCP."""

import asyncio
import socket
from collections import OrderedDict
from collections.abc import Callable

import pytest

from vsr_node.client.asynchronous import Client
from vsr_node.cluster.divergence import KEPT_MAX, Digests
from vsr_node.cluster.server import Server
from vsr_node.machines.errors import DivergenceError
from vsr_node.machines.host import DIGEST_INTERVAL
from vsr_node.machines.typed import Machine, command


def test_new_digests_are_taken_once() -> None:
    digests = Digests("n0", 3)
    own: OrderedDict[int, int] = OrderedDict()
    assert digests.take_new(own) == {}
    own[1_024] = 5
    assert digests.take_new(own) == {1_024: 5}
    own[2_048] = 6
    assert digests.take_new(own) == {2_048: 6}
    assert digests.take_new(own) == {}


@pytest.mark.parametrize(
    ("own", "others", "differs"),
    [
        (5, {"n1": 5, "n2": 5}, False),
        (5, {"n1": 6}, False),
        (5, {"n1": 6, "n2": 7}, False),
        (5, {"n1": 6, "n2": 5}, False),
        (5, {"n1": 6, "n2": 6}, True),
    ],
)
def test_a_member_that_differs_from_a_quorum_is_wrong(
    own: int, others: dict[str, int], differs: bool
) -> None:
    digests = Digests("n0", 3)
    digests.take_new(OrderedDict({1_024: own}))
    for member, digest in others.items():
        digests.note(member, {1_024: digest})
    if differs:
        with pytest.raises(DivergenceError, match="n0 differs from a quorum after 1024"):
            digests.assert_agreed()
    else:
        digests.assert_agreed()


def test_a_member_without_a_digest_of_its_own_waits() -> None:
    digests = Digests("n0", 3)
    digests.note("n1", {1_024: 5})
    digests.note("n2", {1_024: 5})
    digests.assert_agreed()


def test_few_digests_are_kept() -> None:
    digests = Digests("n0", 3)
    for number in range(3 * KEPT_MAX):
        digests.note("n1", {number: 1})
        digests.note("n2", {number: 1})
    digests.take_new(OrderedDict({1: 2}))
    digests.assert_agreed()


class Differs(Machine):
    own: int = 0

    @command
    def get(self) -> int:
        return self.own


def with_own(own: int) -> Callable[[], Differs]:
    return lambda: Differs(own=own)


def test_over_tcp_the_member_ends_and_the_others_serve_on() -> None:
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(3)]
    members = {
        f"n{number}": f"127.0.0.1:{each.getsockname()[1]}" for number, each in enumerate(sockets)
    }
    for each in sockets:
        each.close()

    async def main() -> None:
        servers = [
            Server(
                with_own(int(name == "n2")),
                name=name,
                members=members,
                volatile=True,
                log=lambda _: None,
            )
            for name in members
        ]
        await asyncio.gather(*(server.start() for server in servers))
        async with Client.connect(Differs, members, timeout=30) as client:
            # A digest may get lost while not all are connected: the next one has it in it.
            ended = asyncio.create_task(servers[2].wait())
            async with asyncio.timeout(20):
                while not ended.done():
                    await client.many([Differs.get.request() for _ in range(DIGEST_INTERVAL)])
            with pytest.raises(DivergenceError, match="n2 differs"):
                await ended
            assert await Differs.get(client) == 0
        for server in servers:
            await server.stop()

    asyncio.run(main())
