"""A replicated counter: three replicas in this process."""

import asyncio

from vsr_node import LocalCluster, Machine, command


class Counter(Machine):
    value: int = 0

    @command
    def add(self, n: int) -> int:
        self.value += n
        return self.value


async def main() -> None:
    async with LocalCluster(Counter) as cluster, cluster.client() as counter:
        print(await Counter.add(counter, 5))


if __name__ == "__main__":
    asyncio.run(main())
