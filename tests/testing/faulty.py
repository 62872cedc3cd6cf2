"""Eight machines with a planted fault each, and an honest one."""

import random
import time
import warnings
from dataclasses import field

from vsr_node.machines.determinism import DeterminismWarning
from vsr_node.machines.errors import CommandError
from vsr_node.machines.typed import Context, Machine, command, invariant, query


class Broke(CommandError):  # noqa: N818
    """There is not enough."""


class Bank(Machine):
    """Honest: money moves, and none is made."""

    accounts: dict[str, int] = field(default_factory=dict)
    receipts: list[str] = field(default_factory=list)
    owners: set[str] = field(default_factory=set)
    minted: int = 0
    mean: float = 0.0

    @command
    def mint(self, name: str, amount: int) -> int:
        if amount < 0:
            raise Broke(name)
        self.accounts[name] = self.accounts.get(name, 0) + amount
        self.owners.add(name)
        self.minted += amount
        self.mean = self.minted / len(self.accounts)
        return self.accounts[name]

    @command
    def move(self, context: Context, source: str, target: str, amount: int) -> str:
        if amount < 0 or self.accounts.get(source, 0) < amount:
            raise Broke(source, amount)
        self.accounts[source] = self.accounts.get(source, 0) - amount
        self.accounts[target] = self.accounts.get(target, 0) + amount
        receipt = f"{context.now:%H%M}-{context.random.getrandbits(32):08x}-{context.uuid()}"
        self.receipts = [*self.receipts[-9:], receipt]
        return receipt

    @query
    def balance(self, name: str) -> int:
        return self.accounts.get(name, 0)

    @query
    def all_owners(self) -> list[str]:
        return sorted(self.owners)

    @invariant
    def no_money_is_made(self) -> bool:
        return sum(self.accounts.values()) == self.minted


warnings.simplefilter("ignore", DeterminismWarning)


class Time(Machine):
    last: float = 0.0

    @command
    def touch(self) -> float:
        self.last = time.perf_counter()
        return self.last


class Chance(Machine):
    total: float = 0.0

    @command
    def touch(self) -> None:
        self.total += random.random()

    @query
    def get(self) -> float:
        return self.total


class SetOrder(Machine):
    names: set[str] = field(default_factory=set)

    @command
    def put(self, name: str) -> list[str]:
        self.names.add(name)
        return list(self.names)


class Address(Machine):
    @command
    def put(self, name: str) -> bool:
        return id(self) % 256 < 128


class LostField(Machine):
    names: list[str] = field(default_factory=list)

    @command
    def put(self, name: str) -> int:
        self._count = getattr(self, "_count", 0) + 1
        return self._count


class FloatText(Machine):
    total: float = 0.0

    @command
    def add(self, amount: float) -> float:
        self.total += amount
        return self.total

    def snapshot(self) -> tuple[str, ...]:
        return (f"{self.total:.6g}",)

    def restore(self, parts: tuple[str, ...]) -> None:
        self.total = float(parts[0])


class Thing:
    """Its text has an address."""


class ExceptionText(Machine):
    things: dict[str, int] = field(default_factory=dict)

    @command
    def take(self, name: str) -> str:
        try:
            raise KeyError(Thing())
        except KeyError as error:
            return str(error)


CALLS = [0]


class GlobalVariable(Machine):
    names: list[str] = field(default_factory=list)

    @command
    def put(self, name: str) -> int:
        CALLS[0] += 1
        return CALLS[0]


class Invented(Bank):
    """Not one of the eight: it breaks its own invariant."""

    @command
    def refund(self, name: str) -> None:
        self.accounts[name] = self.accounts.get(name, 0) + 1
