"""Typed machines: what a command sends and gets back, what is refused before anything is sent."""

import dataclasses
from collections.abc import Callable
from dataclasses import field
from datetime import UTC, datetime
from typing import Any

import pytest

from vsr_node.machines.errors import BadArguments, CommandError, CommandFailed, DivergenceError
from vsr_node.machines.host import DIGEST_INTERVAL, DIGESTS_MAX, Host
from vsr_node.machines.library.counter import Counter
from vsr_node.machines.library.key_value import KeyMissing, KeyValue, OtherValue
from vsr_node.machines.typed import Context, Machine, command, query

from .shop import Here, OutOfStock, Shop

UNCHECKED: Any = Shop
"""Type checkers refuse wrong arguments too."""


def shop() -> Here[Shop]:
    return Here(Host(Shop, check=True))


def test_the_command_is_the_call() -> None:
    client = shop()
    Shop.put(client, "tea", count=2)
    Shop.put(client, "milk")
    assert Shop.left(client, "tea") == 2
    assert Shop.all_kinds(client) == {"tea", "milk"}
    assert client.operations == [
        '["put","tea",2]',
        '["put","milk",1]',
        '["left","tea"]',
        '["all_kinds"]',
    ]
    assert client.results[0] == '{"ok":null}'


def test_on_an_instance_it_is_the_function() -> None:
    machine = Shop()
    machine.put("tea", 2)
    assert machine.buy_two("tea") == ["19700101-d82c07cd"] * 2
    assert machine.left("tea") == 0
    with pytest.raises(OutOfStock):
        machine.buy("tea")


def test_a_declared_error_travels_with_its_arguments() -> None:
    with pytest.raises(OutOfStock) as caught:
        Shop.buy(shop(), "tea")
    assert caught.value.args == ("tea", [1, None])


def test_an_unexpected_exception_is_named_and_its_text_is_only_logged() -> None:
    lines: list[str] = []
    client = Here(Host(Shop, log=lines.append))
    with pytest.raises(CommandFailed, match=r"^ZeroDivisionError$"):
        Shop.fail(client, "tea")
    assert client.results == ['{"failed":"ZeroDivisionError"}']
    assert lines == ["Shop.fail: ZeroDivisionError: division by zero"]
    assert client.host.machine.sold == ["tea"], "what it had changed stays changed"


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (lambda client: UNCHECKED.put(client, 5), r"put: Expected `str`, got `int`"),
        (lambda client: UNCHECKED.put(client), "item"),
        (lambda client: UNCHECKED.put(client, "a", 1, 2), "2 positional"),
        (lambda client: UNCHECKED.put(client, "a", item="b"), "not take item"),
        (lambda client: UNCHECKED.put(client, "a", color="b"), "color"),
        (lambda client: UNCHECKED.put(client, object()), "put"),
        (lambda client: UNCHECKED.put(client, "\ud800"), "put"),
        (lambda client: UNCHECKED.buy(client, "a", now_us_=3), "now_us_"),
    ],
)
def test_wrong_arguments_are_found_before_anything_is_sent(
    call: Callable[[Any], None], text: str
) -> None:
    client = shop()
    with pytest.raises(BadArguments, match=text):
        call(client)
    assert client.operations == []


def test_time_and_chance_come_with_the_operation_and_time_never_goes_back() -> None:
    class Clock(Machine):
        @command
        def tick(self, context: Context) -> tuple[datetime, int, str, int]:
            chance = context.random.getrandbits(64)
            return context.now, chance, str(context.uuid()), context.operation_number

    client = Here(Host(Clock))
    client.now_us = 5_000_000
    first = Clock.tick(client)
    client.now_us = 1_000_000
    second = Clock.tick(client)
    assert first[0] == second[0] == datetime(1970, 1, 1, 0, 0, 5, tzinfo=UTC)
    assert first[1:3] == second[1:3], "the same chance was stamped"
    assert (first[3], second[3]) == (1, 2)
    assert client.operations[0] == '["tick",5000000,77]'
    restored = Host(Clock)
    restored.restore(client.host.snapshot())
    assert Clock.tick(Here(restored))[0] == first[0]


def test_a_context_is_no_argument() -> None:
    request = Shop.buy.request("tea", price=1)
    assert request.operation(3, 4) == '["buy",3,4,"tea",1.0]'
    assert not request.is_read
    assert Shop.left.request("tea").is_read


def test_a_snapshot_has_a_text_for_each_item_and_comes_back() -> None:
    client = shop()
    for item in ("tea", "milk", "bread"):
        Shop.put(client, item)
    Shop.buy(client, "milk")
    parts = client.host.snapshot()
    assert parts[1:] == (
        *('["stock"]', '["stock","tea",1]', '["stock","milk",0]', '["stock","bread",1]'),
        *('["sold"]', '["sold","milk"]'),
        *('["kinds"]', '["kinds","bread"]', '["kinds","milk"]', '["kinds","tea"]'),
        '["turnover",0.5]',
    )
    restored = Host(Shop)
    restored.restore(parts)
    assert restored.machine == client.host.machine
    assert restored.snapshot() == parts
    assert restored.digest == client.host.digest


def test_a_state_that_a_snapshot_leaves_out_is_found() -> None:
    class Forgetful(Machine):
        value: int = 0

        @command
        def add(self) -> int:
            self.hidden = getattr(self, "hidden", 0) + 1
            return self.hidden

    client = Here(Host(Forgetful, check=True))
    Forgetful.add(client)
    with pytest.raises(DivergenceError):
        client.host.snapshot()


def test_a_query_asked_as_a_command_is_fine_but_not_the_other_way_round() -> None:
    host = Host(Shop)
    assert host.apply('["left","tea"]') == '{"ok":0}'
    assert host.read('["put","tea",1]') == '{"failed":"ValueError"}'
    assert host.machine.stock == {}


@pytest.mark.parametrize(
    "operation",
    ["", "1", '["none"]', '["put"]', '["put",1]', '["put","a",1,2]'],
)
def test_an_operation_of_another_machine_fails_at_every_member_alike(operation: str) -> None:
    result = Host(Shop).apply(operation)
    assert result in ('{"failed":"ValidationError"}', '{"failed":"DecodeError"}')


@pytest.mark.parametrize("error", [MemoryError, RecursionError, OSError, KeyboardInterrupt])
def test_what_another_member_might_not_have_met_ends_the_member(error: type[BaseException]) -> None:
    class Broken(Machine):
        @command
        def fail(self) -> None:
            raise error

    with pytest.raises(error):
        Here(Host(Broken)).call(Broken.fail.request())


def test_digests_are_kept_for_comparison_and_follow_operations_and_results() -> None:
    hosts = [Host(Counter), Host(Counter), Host(Counter)]
    for number in range(DIGEST_INTERVAL * (DIGESTS_MAX + 1)):
        hosts[0].apply('["add",1]')
        hosts[1].apply('["add",1]')
        hosts[2].apply('["add",2]' if number == 5 else '["add",1]')
    assert len(hosts[0].digests) == DIGESTS_MAX
    assert hosts[0].digests == hosts[1].digests
    assert not set(hosts[0].digests.values()) & set(hosts[2].digests.values())


def test_machines_are_refused_that_cannot_be_kept() -> None:
    class Nested(Machine):
        groups: dict[str, set[str]] = field(default_factory=dict)

        @command
        def touch(self) -> None: ...

    class Untyped(Machine):
        @command
        def put(self, item) -> None: ...  # type: ignore[no-untyped-def]

    class Empty(Machine): ...

    class Needy(Machine):
        size: int

        @command
        def touch(self) -> None: ...

    class Many(Machine):
        @command
        def put(self, *items: str) -> None: ...

    machines: tuple[Any, ...] = (Nested, Untyped, Empty, Needy, Many)
    for machine in machines:
        with pytest.raises(TypeError):
            Host(machine)


def test_a_machine_inherits_commands_and_state() -> None:
    class Wide(Counter):
        steps: int = 0

        @command
        def step(self) -> int:
            self.steps += 1
            return self.add(2)

    client = Here(Host(Wide))
    assert Wide.step(client) == 2
    assert [each.name for each in dataclasses.fields(Wide)] == ["value", "steps"]
    assert client.host.apply('["add",3]') == '{"ok":5}'


def test_a_set_in_a_result_is_sorted() -> None:
    class Sets(Machine):
        @query
        def get(self) -> set[str]:
            return {f"{number}" for number in range(9)}

    assert Host(Sets).read('["get"]') == '{"ok":["0","1","2","3","4","5","6","7","8"]}'


def test_the_library() -> None:
    numbers = Here(Host(Counter))
    assert (Counter.add(numbers, 5), Counter.add(numbers, -2), Counter.get(numbers)) == (5, 3, 3)
    texts = Here(Host(KeyValue))
    KeyValue.put(texts, "a", "1")
    KeyValue.cas(texts, "b", None, "2")
    with pytest.raises(OtherValue) as caught:
        KeyValue.cas(texts, "a", "2", "3")
    assert caught.value.args == ("1",)
    KeyValue.delete(texts, "a")
    with pytest.raises(KeyMissing):
        KeyValue.get(texts, "a")
    with pytest.raises(KeyMissing):
        KeyValue.delete(texts, "a")
    assert KeyValue.get(texts, "b") == "2"


def test_an_error_class_is_found_where_the_machine_was_written() -> None:
    assert issubclass(KeyMissing, CommandError)
    result = '{"error":["KeyMissing","a"]}'
    with pytest.raises(KeyMissing):
        KeyValue.get.request("a").result(result)
    with pytest.raises(CommandError, match="a"):
        KeyValue.get.request("a").result('{"error":["NobodyKnows","a"]}')
