"""The lint of commands: what differs by member is warned of when the machine is imported."""

import random
import time
import uuid
import warnings
from collections.abc import Callable
from datetime import datetime
from random import randint

import pytest

from vsr_node.machines.determinism import DeterminismWarning
from vsr_node.machines.typed import Context, Machine, command


def machine_of(function: Callable[..., object], allow: tuple[str, ...] = ()) -> None:
    type("Made", (Machine,), {"touch": command(function)}, allow=allow)


def clock(self: Machine) -> float:
    return time.time()


def date(self: Machine) -> str:
    return str(datetime.now())  # noqa: DTZ005


def generator(self: Machine) -> float:
    return random.random()


def imported_generator(self: Machine) -> int:
    return randint(1, 2)


def identifier(self: Machine) -> str:
    return str(uuid.uuid4())


def address(self: Machine) -> int:
    return id(self)


def hashed(self: Machine) -> int:
    return hash("a")


def file(self: Machine) -> str:
    with open("a") as opened:  # noqa: PTH123, PLW1514
        return opened.read()


def order(self: Machine) -> list[str]:
    return [each for each in {"a", "b"}]  # noqa: C416


@pytest.mark.parametrize(
    ("function", "name"),
    [
        (clock, "time"),
        (date, "datetime.now"),
        (generator, "random"),
        (imported_generator, "random"),
        (identifier, "uuid.uuid4"),
        (address, "id"),
        (hashed, "hash"),
        (file, "open"),
        (order, "set"),
    ],
)
def test_what_differs_by_member_is_warned_of(function: Callable[..., object], name: str) -> None:
    with pytest.warns(DeterminismWarning, match=f"{function.__name__} uses {name}: "):
        machine_of(function)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        machine_of(function, allow=(name,))


def honest(self: Machine, context: Context, names: list[str]) -> list[str]:
    random = context.random
    time = context.now
    return [*sorted({*names}), str(random.random()), str(time), str(context.uuid())]


def test_an_honest_command_is_not_warned_of() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        machine_of(honest)


def test_helpers_are_read_too() -> None:
    with pytest.warns(DeterminismWarning, match=r"Helped._chance uses random"):

        class Helped(Machine):
            def _chance(self) -> float:
                return random.random()

            @command
            def touch(self) -> float:
                return self._chance()
