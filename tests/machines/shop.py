"""A typed machine for tests, and a client that asks it here and now."""

from dataclasses import field

from vsr_node.machines.errors import CommandError
from vsr_node.machines.host import Host
from vsr_node.machines.typed import Context, M, Machine, R, Request, SyncCaller, command, query


class OutOfStock(CommandError):  # noqa: N818
    """There is none left."""


class Shop(Machine):
    stock: dict[str, int] = field(default_factory=dict)
    sold: list[str] = field(default_factory=list)
    kinds: set[str] = field(default_factory=set)
    turnover: float = 0.0

    @command
    def put(self, item: str, count: int = 1) -> None:
        self.stock[item] = self.stock.get(item, 0) + count
        self.kinds.add(item)

    @command
    def buy(self, context: Context, item: str, *, price: float = 0.5) -> str:
        if not self.stock.get(item):
            raise OutOfStock(item, [1, None])
        self.stock[item] -= 1
        self.sold.append(item)
        self.turnover += price
        return f"{context.now:%Y%m%d}-{context.random.getrandbits(32):08x}"

    @command
    def buy_two(self, context: Context, item: str) -> list[str]:
        return [self.buy(item), self.buy(item)]

    @command
    def fail(self, item: str) -> float:
        self.sold.append(item)
        return 1 / 0

    @query
    def left(self, item: str) -> int:
        return self.stock.get(item, 0)

    @query
    def all_kinds(self) -> frozenset[str]:
        return frozenset(self.kinds)


class Here(SyncCaller[M]):
    """Asks one host, without a group. ``operations`` and ``results`` are what went through."""

    def __init__(self, host: Host[M]) -> None:
        self.host = host
        self.now_us = 0
        self.operations: list[str] = []
        self.results: list[str] = []

    def call(self, request: Request[M, R]) -> R:
        operation = request.operation(self.now_us, 77)
        self.operations.append(operation)
        result = (self.host.read if request.is_read else self.host.apply)(operation)
        self.results.append(result)
        return request.result(result)
