"""A machine with an error of its own, and with time and chance that all members share."""

import asyncio
from dataclasses import field

from vsr_node import CommandError, Context, LocalCluster, Machine, command, query


class OutOfStock(CommandError):
    """There is none left."""


class Shop(Machine):
    stock: dict[str, int] = field(default_factory=dict)

    @command
    def deliver(self, item: str, count: int) -> None:
        self.stock[item] = self.stock.get(item, 0) + count

    @command
    def buy(self, context: Context, item: str) -> str:
        if not self.stock.get(item):
            raise OutOfStock(item)
        self.stock[item] -= 1
        return f"{context.now:%Y%m%d}-{context.random.getrandbits(32):08x}"

    @query
    def left(self, item: str) -> int:
        return self.stock.get(item, 0)


async def main() -> None:
    async with LocalCluster(Shop) as cluster, cluster.client() as shop:
        await Shop.deliver(shop, "tea", 1)
        print("receipt:", await Shop.buy(shop, "tea"))
        try:
            await Shop.buy(shop, "tea")
        except OutOfStock as error:
            print("sold out:", *error.args)
        print("left:", await Shop.left(shop, "tea"))


if __name__ == "__main__":
    asyncio.run(main())
