"""A group in this process: what its clients see while members die, pause and lose messages."""

import asyncio
import re
import subprocess
import sys
import threading
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

import pytest

from vsr_node.client.errors import Closed, OutcomeUnknown, Unavailable
from vsr_node.cluster.local import LocalCluster
from vsr_node.machines.errors import BadArguments, DivergenceError
from vsr_node.machines.host import DIGEST_INTERVAL
from vsr_node.machines.library.counter import Counter
from vsr_node.machines.library.key_value import KeyMissing, KeyValue
from vsr_node.machines.typed import Machine, command

EXAMPLES = Path(__file__).parents[2] / "examples"


def run(main: Coroutine[Any, Any, None]) -> None:
    asyncio.run(asyncio.wait_for(main, 60))


@pytest.mark.parametrize("size", [1, 2, 3, 5])
def test_a_call_is_executed_at_all_members(size: int) -> None:
    async def main() -> None:
        async with LocalCluster(Counter, size=size) as cluster, cluster.client() as counter:
            assert await Counter.add(counter, 5) == 5
            assert await Counter.get(counter) == 5
            await asyncio.sleep(0.2)
            assert [cluster.look(name).value for name in cluster.names] == [5] * size
            assert cluster.dump("n0").operation_number == 1

    run(main())


def test_each_call_is_executed_once_while_members_die_and_messages_get_lost() -> None:
    async def main() -> None:
        async with LocalCluster(Counter, delay=0.001, loss=0.05) as cluster:
            clients = [cluster.client(timeout=30, patience=0.05) for _ in range(4)]

            async def add(position: int) -> None:
                for _ in range(25):
                    await Counter.add(clients[position], 1)

            calls = asyncio.gather(*map(add, range(4)))
            for _ in range(3):
                await asyncio.sleep(0.1)
                victim = cluster.primary or "n1"
                cluster.kill(victim)
                await asyncio.sleep(0.4)
                cluster.start(victim)
            await calls
            assert await Counter.get(clients[0]) == 100

    run(main())


def test_a_group_without_a_quorum_says_that_it_did_nothing_or_that_nobody_knows() -> None:
    async def main() -> None:
        async with LocalCluster(Counter) as cluster:
            counter = cluster.client(timeout=0.3)
            await Counter.add(counter, 1)
            cluster.cut({"n0"}, {"n1"}, {"n2"})
            with pytest.raises(OutcomeUnknown) as caught:
                await Counter.add(counter, 1)
            with pytest.raises(Unavailable):
                await Counter.get(counter)
            cluster.heal()
            assert await caught.value.settle(timeout=20) == 2
            assert await Counter.get(cluster.client()) == 2

    run(main())


def test_the_smaller_side_of_a_cut_does_not_serve() -> None:
    async def main() -> None:
        async with LocalCluster(KeyValue) as cluster:
            texts = cluster.client(timeout=20)
            first = cluster.primary
            assert first is not None
            cluster.cut({first}, set(cluster.names) - {first})
            await KeyValue.put(texts, "a", "1")
            assert cluster.primary != first
            cluster.heal()
            assert await KeyValue.get(texts, "a") == "1"
            with pytest.raises(KeyMissing):
                await KeyValue.get(texts, "b")

    run(main())


def test_a_paused_primary_is_replaced_and_comes_back() -> None:
    async def main() -> None:
        async with LocalCluster(Counter) as cluster:
            counter = cluster.client(timeout=20)
            await Counter.add(counter, 1)
            first = cluster.primary
            assert first is not None
            cluster.pause(first)
            assert await Counter.add(counter, 1) == 2
            cluster.resume(first)
            assert await Counter.add(counter, 1) == 3
            await asyncio.sleep(0.5)
            assert cluster.look(first).value == 3

    run(main())


def test_data_survives_a_new_group_in_the_same_folder(tmp_path: Path) -> None:
    async def main(expected: int) -> None:
        async with LocalCluster(Counter, data_dir=tmp_path) as cluster:
            assert await Counter.add(cluster.client(), 1) == expected

    run(main(1))
    run(main(2))


def test_a_machine_that_differs_between_members_is_found() -> None:
    made: list[int] = []

    class Differs(Machine):
        own: int = 0

        @command
        def get(self) -> int:
            return self.own

    def make() -> Differs:
        made.append(0)
        return Differs(own=int(len(made) == 1))

    async def main() -> None:
        async with LocalCluster(make) as cluster, cluster.client(timeout=30) as client:
            for _ in range(DIGEST_INTERVAL):
                await Differs.get(client)
            await asyncio.sleep(0.5)
            assert "n0" not in cluster.running

    with pytest.raises(DivergenceError, match="n0 differs"):
        run(main())


def test_a_failing_machine_ends_its_member_and_the_block_raises_why() -> None:
    class Broken(Machine):
        @command
        def fail(self) -> None:
            raise MemoryError

    async def main() -> None:
        async with LocalCluster(Broken, size=1) as cluster:
            with pytest.raises(OutcomeUnknown):
                await Broken.fail(cluster.client(timeout=0.2))
            assert cluster.running == ()

    with pytest.raises(MemoryError):
        run(main())


def test_a_blocking_client_serves_other_threads() -> None:
    results: list[int] = []

    async def main() -> None:
        async with LocalCluster(Counter) as cluster:
            client = cluster.sync()
            threads = [
                threading.Thread(target=lambda: results.append(Counter.add(client, 1)))
                for _ in range(5)
            ]
            for thread in threads:
                thread.start()
            while any(thread.is_alive() for thread in threads):
                await asyncio.sleep(0.01)

    run(main())
    assert sorted(results) == [1, 2, 3, 4, 5]


def test_a_closed_client_and_wrong_arguments_send_nothing() -> None:
    async def main() -> None:
        async with LocalCluster(Counter) as cluster:
            client = cluster.client()
            unchecked: Any = Counter
            with pytest.raises(BadArguments):
                await unchecked.add(client, "five")
            await client.close()
            with pytest.raises(Closed):
                await Counter.add(client, 5)
            assert cluster.dump("n0").operation_number == 0

    run(main())


def test_a_cancelled_call_stops_waiting() -> None:
    async def main() -> None:
        async with LocalCluster(Counter) as cluster:
            client = cluster.client()
            await Counter.add(client, 1)
            cluster.cut({"n0"}, {"n1"}, {"n2"})
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(Counter.add(client, 1), 0.05)
            cluster.heal()
            assert await Counter.add(client, 1) in (2, 3)

    run(main())


@pytest.mark.parametrize(
    ("example", "printed"),
    [("counter", r"5\n"), ("shop", r"receipt: \d{8}-[0-9a-f]{8}\nsold out: tea\nleft: 0\n")],
)
def test_the_examples_run_as_printed(example: str, printed: str) -> None:
    done = subprocess.run(
        [sys.executable, EXAMPLES / f"{example}.py"], capture_output=True, text=True, check=True
    )
    assert re.fullmatch(printed, done.stdout), done.stdout
