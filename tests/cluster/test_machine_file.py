"""A member's data are those of one machine: another one does not begin with them."""

import asyncio
import json
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

import pytest

from tests.cluster.tcp import addresses, make_server
from vsr_node.cluster.command_line import main
from vsr_node.cluster.machine_file import WrongMachineError, claim
from vsr_node.machines.identity import digests_of, identity_of
from vsr_node.machines.library.counter import Counter
from vsr_node.machines.typed import Context, Machine, command, query


class Color(Enum):
    RED = "red"


@dataclass
class Item:
    name: str
    parts: "list[Item] | None" = None


def shop(kind: type, *, further: bool = False, is_query: bool = False) -> type[Machine]:
    class Shop(Machine):
        def buy(self, item: kind, colors: list[Color]) -> Item | None: ...  # type: ignore[valid-type]

        def left(self, context: Context, item: str) -> int:
            return 0

        buy = query(buy) if is_query else command(buy)  # type: ignore[assignment]
        if further:
            left = command(left)  # type: ignore[assignment]

    return Shop


def test_an_identity_is_that_of_names_and_types() -> None:
    assert identity_of(shop(str)) == identity_of(shop(str))
    others = [shop(int), shop(str, further=True), shop(str, is_query=True), shop(Item), Counter]
    assert len({identity_of(each) for each in [shop(str), *others]}) == 6
    # On each machine and version of Python the same.
    assert digests_of(shop(Item)) == {"buy": "4b7b7d0295573391"}


def test_the_same_machine_writes_nothing_when_it_starts_again(tmp_path: Path) -> None:
    file = tmp_path / "a.machine.json"
    claim(file, Counter)
    inode = file.stat().st_ino
    claim(file, Counter)
    assert file.stat().st_ino == inode
    assert [each.name for each in tmp_path.iterdir()] == [file.name]


def test_data_go_on_with_a_machine_that_has_all_old_commands(tmp_path: Path) -> None:
    file = tmp_path / "data/a.machine.json"
    claim(file, shop(str))
    claim(file, shop(str, further=True))
    assert json.loads(file.read_text())["commands"].keys() == {"buy", "left"}
    with pytest.raises(WrongMachineError, match="whose left had other types"):
        claim(file, shop(str))
    with pytest.raises(WrongMachineError, match="whose buy had other types"):
        claim(file, shop(int, further=True))
    with pytest.raises(WrongMachineError, match="of the machine Shop, not Counter"):
        claim(file, Counter)
    file.write_text("?")
    with pytest.raises(WrongMachineError, match="does not name the machine"):
        claim(file, Counter)


def test_serving_another_machine_on_old_data_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async def scene() -> None:
        server = make_server("a", addresses("a"), folder=tmp_path)
        await server.start()
        await server.stop()

    asyncio.run(scene())
    words = ["--name", "a", "--peers", "a=127.0.0.1:1", "--data-dir", str(tmp_path)]
    assert main(["serve", *words]) == 2
    assert "are of the machine Counter, not KeyValue" in capsys.readouterr().err
