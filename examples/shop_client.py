"""A blocking client of the shop over TCP: members may die meanwhile."""

import os

from shop import OutOfStock, Shop

from vsr_node import OutcomeUnknown, SyncClient

MEMBERS = [peer.partition("=")[2] for peer in os.environ["VSR_PEERS"].split(",")]

with SyncClient.connect(Shop, MEMBERS) as shop:
    Shop.deliver(shop, "tea", 1)
    for _ in range(2):
        try:
            receipt = Shop.buy(shop.options(timeout=2.0), "tea")
            print("receipt:", receipt)
        except OutOfStock as error:
            print("sold out:", *error.args)
        except OutcomeUnknown as error:
            print("receipt:", error.settle(timeout=60))  # exactly once, whoever answers
    print("left:", Shop.left(shop, "tea"))
