"""What `from vsr_node import ...` offers, and that the node starts without any of it."""

import subprocess
import sys
from importlib import import_module

import pytest

import vsr_node

PUBLIC: dict[str, str] = vars(vsr_node)["_PUBLIC"]


@pytest.mark.parametrize("name", PUBLIC)
def test_a_public_name_is_loaded_when_it_is_used(name: str) -> None:
    home = import_module(f"vsr_node.{PUBLIC[name]}")
    assert getattr(vsr_node, name) is getattr(home, name)


def test_another_name_is_none_of_it() -> None:
    with pytest.raises(AttributeError, match="Queue"):
        vsr_node.Queue  # noqa: B018


def test_the_node_loads_nothing_of_it() -> None:
    script = (
        "import sys, vsr_node.maelstrom.process; "
        "heavy = {'msgspec', 'asyncio', 'vsr_node.machines.typed'}; "
        "print(sorted(heavy & sys.modules.keys()))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert done.stdout == "[]\n"
