"""What type checkers infer of typed machines, and what they refuse. It is checked, never run.

An ``ignore`` that no checker needs is an error: so each one proves that its line is refused.
"""

from typing import assert_type

from vsr_node.client.asynchronous import Client
from vsr_node.client.blocking import SyncClient
from vsr_node.machines.library.counter import Counter
from vsr_node.machines.typed import AsyncCaller, SyncCaller

from .shop import Shop


async def asyncio_client(shop: AsyncCaller[Shop], counter: AsyncCaller[Counter]) -> None:
    assert_type(await Shop.buy(shop, "tea"), str)
    assert_type(await Shop.buy(shop, item="tea", price=1.0), str)
    assert_type(await Shop.left(shop, "tea"), int)
    await Shop.buy(shop, 5)  # type: ignore[call-overload]
    await Shop.buy(shop)  # type: ignore[call-overload]
    await Shop.buy(shop, "tea", color="green")  # type: ignore[call-overload]
    await Shop.left(shop, "tea", 1)  # type: ignore[call-overload]
    await Shop.buy(counter, "tea")  # type: ignore[arg-type]
    await Counter.add(shop, 5)  # type: ignore[arg-type]


def blocking_client(shop: SyncCaller[Shop], counter: SyncCaller[Counter]) -> None:
    assert_type(Shop.buy(shop, "tea"), str)
    assert_type(Counter.add(counter, 5), int)
    Shop.buy(shop, 5)  # type: ignore[call-overload]
    Shop.buy(counter, "tea")  # type: ignore[arg-type]


def here_and_now(shop: Shop) -> None:
    assert_type(shop.buy("tea"), str)
    assert_type(shop.left("tea"), int)
    assert_type(Shop(stock={"tea": 1}), Shop)
    shop.buy(5)  # type: ignore[arg-type]
    Shop(stock=5)  # type: ignore[arg-type]


def connected() -> None:
    assert_type(Client.connect(Shop, ["127.0.0.1:1"]), Client[Shop])
    assert_type(SyncClient.connect(Shop, ["127.0.0.1:1"]).options(timeout=1.0), SyncClient[Shop])
    SyncClient.connect(5, ["127.0.0.1:1"])  # type: ignore[arg-type]
