"""The addresses of all processes that a group has ever named, at one of them.

Addresses travel beside the protocol: each process tells the others all that it knows when a
connection stands, and again when it learns more. Before a client's request for other members goes
on, the process that took it has told their addresses on the same connection. A name keeps its
address for ever, as a process that moves has another name.
"""

import json
from collections.abc import Iterable
from pathlib import Path

from vsr_node.storage.files import replace_text

PROCESSES_MAX = 64


class AddressBook:
    """The addresses by name, kept in a file; ``path`` is None if they are kept in memory only."""

    def __init__(self, addresses: Iterable[tuple[str, str]], path: Path | None) -> None:
        self._path = path
        self.addresses = dict(addresses)
        if path is not None and path.exists():
            known = json.loads(path.read_text(encoding="utf-8"))
            # What the command line has now counts: it is how an operator moves a process.
            self.addresses = known | self.addresses

    def learn(self, addresses: Iterable[tuple[str, str]]) -> list[str]:
        """Take the addresses of processes that are not known yet; return their names."""
        new = [
            (name, address)
            for name, address in addresses
            if name not in self.addresses and is_address(address)
        ][: PROCESSES_MAX - len(self.addresses)]
        self.addresses.update(new)
        if new and self._path is not None:
            replace_text(self._path, json.dumps(self.addresses, indent=1) + "\n")
        return [name for name, _ in new]


def is_address(text: str) -> bool:
    """Return whether a text is HOST:PORT."""
    host, _, port = text.rpartition(":")
    return bool(host) and port.isdecimal()
