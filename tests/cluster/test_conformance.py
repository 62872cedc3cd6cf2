"""The suites of conformance pass for two real parts each, and a broken one of each fails."""

import asyncio
import socket
from collections.abc import Sequence
from pathlib import Path
from random import Random
from typing import Any, cast

import pytest

from vsr_node.cluster.conformance import check_state_machine, check_storage, check_transport
from vsr_node.cluster.network import LocalNetwork, LocalTransport, OnMessage, Transport
from vsr_node.cluster.transport import TcpTransport
from vsr_node.core.messages import Commit, Record, SetView
from vsr_node.core.replica import StateMachine
from vsr_node.machines.host import Host
from vsr_node.machines.key_value import KeyValueMachine
from vsr_node.machines.library.key_value import KeyValue
from vsr_node.storage.memory import MemoryStorage
from vsr_node.storage.promise_file import Flush
from vsr_node.storage.protocol import Storage
from vsr_node.storage.sqlite import SqliteStorage
from vsr_node.wire.handshake import (
    MEMBER,
    PROTOCOL_VERSION,
    Directory,
    Doorkeeper,
    Hello,
    digest_of,
)
from vsr_node.wire.shapes import Frame

TUPLES = [("write", '"a"', "1"), ("cas", '"a"', "1", "2", False), ("cas", '"b"', "1", "2", False)]
TEXTS = ['["put","a","1"]', '["cas","a","1","2"]', '["delete","b"]', '["put","b","3"]']


def test_state_machines() -> None:
    check_state_machine(KeyValueMachine, TUPLES, [("read", '"a"'), ("read", '"b"')])
    check_state_machine(lambda: Host(KeyValue), TEXTS, ['["get","a"]', '["get","b"]'])


class ForgetsFirst(KeyValueMachine):
    def snapshot(self) -> tuple[tuple[str, str], ...]:
        return super().snapshot()[1:]


class ChangesSnapshots(KeyValueMachine):
    def snapshot(self) -> Any:
        self._parts = getattr(self, "_parts", [])
        self._parts[:] = super().snapshot()
        return self._parts


class CountsReads(KeyValueMachine):
    reads = 0

    def read(self, operation: Any) -> Any:
        self.reads += 1
        return super().read(operation)

    def apply(self, operation: Any) -> Any:
        return (*super().apply(operation), self.reads)


class OwnState(KeyValueMachine):
    made = 0

    def __init__(self) -> None:
        super().__init__()
        OwnState.made += 1
        self.number = OwnState.made

    def apply(self, operation: Any) -> Any:
        return (*super().apply(operation), self.number)


class RestoresOnTop(KeyValueMachine):
    def restore(self, parts: Any) -> None:
        super().restore(dict(self.snapshot()) | dict(parts))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "machine", [ForgetsFirst, ChangesSnapshots, CountsReads, OwnState, RestoresOnTop]
)
def test_a_broken_state_machine_is_found(machine: type[StateMachine]) -> None:
    with pytest.raises(AssertionError):
        check_state_machine(machine, TUPLES, [("read", '"a"')])


class Memories:
    """Incarnations of a storage in memory."""

    def __init__(self, storage: type[MemoryStorage]) -> None:
        self._storage = storage
        self._last: MemoryStorage | None = None

    def open(self) -> Storage:
        self._last = self._storage(self._last.load() if self._last else None)
        return self._last


def open_sqlite(folder: Path) -> Storage:
    return SqliteStorage(folder, "n0", ("n0", "n1"), flush=Flush.NOTHING, boot_id="boot")


@pytest.mark.parametrize("seed", range(5))
def test_storages(seed: int, tmp_path: Path) -> None:
    check_storage(Memories(MemoryStorage).open, seed)
    check_storage(lambda: open_sqlite(tmp_path / "n0"), seed)


class ForgetsViews(MemoryStorage):
    def save(self, records: Sequence[Record]) -> None:
        super().save([each for each in records if not isinstance(each, SetView)])


class SavesHalf(MemoryStorage):
    def save(self, records: Sequence[Record]) -> None:
        super().save(records[: 1 + len(records) // 2])


class NeverSaves(MemoryStorage):
    def save(self, records: Sequence[Record]) -> None: ...


@pytest.mark.parametrize("storage", [ForgetsViews, SavesHalf, NeverSaves])
def test_a_broken_storage_is_found(storage: type[MemoryStorage]) -> None:
    with pytest.raises(AssertionError):
        check_storage(Memories(storage).open)


class Ears:
    """Takes messages alone."""

    def __init__(self, on_message: OnMessage) -> None:
        self.on_message = on_message

    def on_asks(self, *_: object) -> None: ...

    def on_digest(self, *_: object) -> None: ...

    def on_directory(self, *_: object) -> None: ...

    def directory(self) -> Directory:
        return Directory(0, (), ())

    def status(self) -> str:
        return "{}"


def free_ports(count: int) -> list[int]:
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports


def test_transports() -> None:
    async def local() -> None:
        network = LocalNetwork(delay=0.001, loss=0.2)

        async def make(name: str, _: Sequence[str], on_message: OnMessage) -> Transport:
            return network.join(name, on_message)

        await check_transport(make)

    async def tcp() -> None:
        ports = free_ports(3)

        async def make(name: str, names: Sequence[str], on_message: OnMessage) -> Transport:
            members = {each: f"127.0.0.1:{port}" for each, port in zip(names, ports, strict=True)}
            digest = digest_of(members, 1, True)
            transport = TcpTransport(
                name=name,
                members=members,
                listen="",
                hello=Hello(PROTOCOL_VERSION, "g", MEMBER, name, digest, "M"),
                doorkeeper=Doorkeeper(
                    name=name, group="g", members=tuple(names), digest=digest, machine="M"
                ),
                ears=Ears(on_message),
                random=Random(),
                log=lambda _: None,
                operation_bytes_max=1 << 20,
                note=lambda name, measurements, own: None,
            )
            await transport.start()
            return transport

        await check_transport(make)

    asyncio.run(local())
    asyncio.run(tcp())


class Misaddresses(LocalTransport):
    def send(self, destinations: tuple[str, ...], message: Frame) -> None:
        super().send(("n0", "n1", "n2"), message)


class UnderAnotherName(LocalTransport):
    def __init__(self, network: LocalNetwork, name: str) -> None:
        super().__init__(network, name)
        self._name = "n1"


class Changes(LocalTransport):
    def send(self, destinations: tuple[str, ...], message: Frame) -> None:
        super().send(destinations, cast("Commit", message)._replace(view_number=9))


class HearsOn(LocalTransport):
    def stop(self) -> None: ...


@pytest.mark.parametrize("broken", [Misaddresses, UnderAnotherName, Changes, HearsOn])
def test_a_broken_transport_is_found(broken: type[LocalTransport]) -> None:
    async def main() -> None:
        network = LocalNetwork()

        async def make(name: str, _: Sequence[str], on_message: OnMessage) -> Transport:
            network.join(name, on_message)
            return broken(network, name)

        await check_transport(make)

    with pytest.raises(AssertionError):
        asyncio.run(main())
