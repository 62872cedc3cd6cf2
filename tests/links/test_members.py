"""Links under whole members: a group in this process, and its readiness over TCP."""

import asyncio

from tests.links.group import SECOND
from vsr_node.cluster.local import LocalCluster
from vsr_node.links.links import Links
from vsr_node.machines.library.counter import Counter


def test_a_group_goes_on_in_its_view_when_the_primary_and_a_backup_lose_each_other() -> None:
    async def main() -> None:
        async with LocalCluster(Counter) as cluster, cluster.client() as counter:
            assert await Counter.add(counter, 1) == 1
            await asyncio.sleep(0.5)  # Until the round trip is known.
            (view_number,) = {cluster.dump(name).view_number for name in cluster.names}
            assert cluster.primary is not None
            backup = next(name for name in cluster.names if name != cluster.primary)
            cluster.cut({cluster.primary}, {backup})
            for value in range(2, 12):
                assert await Counter.add(counter, 1) == value
                await asyncio.sleep(0.1)
            states = [cluster.dump(name) for name in cluster.names]
            assert {(state.status, state.view_number) for state in states} == {
                ("normal", view_number)
            }
            assert {state.commit_number for state in states} == {states[0].commit_number}
            cluster.heal()
            assert await Counter.add(counter, 1) == 12

    asyncio.run(asyncio.wait_for(main(), 60))


def test_links_know_whom_they_reach_only_while_they_watch() -> None:
    links = Links("n0", ("n0", "n1", "n2"), 0, SECOND)
    assert not links.reaches("n1")
