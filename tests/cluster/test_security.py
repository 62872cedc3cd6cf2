"""TLS: members and clients with certificates of one authority get in, and nobody else."""

import asyncio
import shutil
import signal
import stat
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.cluster.tcp import addresses, make_server
from vsr_node.client.asynchronous import Client
from vsr_node.client.blocking import SyncClient
from vsr_node.client.errors import NotReady
from vsr_node.client.security import TLS
from vsr_node.cluster.server import Server
from vsr_node.machines.errors import NotExecuted
from vsr_node.machines.library.counter import Counter

pytest.importorskip("cryptography", reason="only vsr pki needs it")
from vsr_node.cluster.pki import Authority, make_certificates

NAMES = "abc"


@pytest.fixture(scope="module")
def pki(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Certificates of one authority: of the members, of a client, and one that has expired."""
    folder = tmp_path_factory.mktemp("pki")
    now = datetime.now(UTC)
    authority = Authority("an authority", now + timedelta(days=7))
    for name in (*NAMES, "client"):
        authority.issue(folder / name, name, now + timedelta(days=7))
    authority.issue(folder / "expired", "client", now - timedelta(hours=1))
    return folder


def test_the_command_makes_a_folder_for_each(tmp_path: Path) -> None:
    made = list(make_certificates(tmp_path / "pki", NAMES, 7))
    assert [path.name for path in made] == [*NAMES, "client"]
    with pytest.raises(FileExistsError):
        list(make_certificates(tmp_path / "pki", NAMES, 7))


@pytest.fixture
def members() -> dict[str, str]:
    return addresses(NAMES)


async def start(pki: Path, members: dict[str, str]) -> list[Server[Counter]]:
    servers = [make_server(name, members, security=TLS.folder(pki / name)) for name in members]
    await asyncio.gather(*(server.start() for server in servers))
    return servers


async def stop(servers: list[Server[Counter]]) -> None:
    await asyncio.gather(*(server.stop() for server in servers))


def test_members_and_clients_with_certificates_get_in(pki: Path, members: dict[str, str]) -> None:
    async def scene() -> None:
        servers = await start(pki, members)
        security = TLS.folder(pki / "client")
        async with Client.connect(Counter, members, security=security) as client:
            assert await Counter.add(client, 5) == 5

        def block() -> int:
            addresses = list(members.values())
            with SyncClient.connect(Counter, addresses, security=security) as blocking:
                return Counter.add(blocking, 1)

        assert await asyncio.to_thread(block) == 6
        await stop(servers)

    asyncio.run(scene())


def other_authority(folder: Path, name: str) -> TLS:
    """A certificate of somebody else, with the true authority to look like one of the group."""
    end = datetime.now(UTC) + timedelta(days=1)
    return TLS.folder(Authority("somebody else", end).issue(folder / name, name, end))


@pytest.mark.parametrize("who", ["wrong authority", "a member's", "plain text", "expired"])
def test_other_clients_do_not(pki: Path, members: dict[str, str], tmp_path: Path, who: str) -> None:
    async def scene() -> None:
        servers = await start(pki, members)
        security: TLS | None
        match who:
            case "wrong authority":
                made = other_authority(tmp_path, "client")
                security = TLS(pki / "client" / "ca.pem", made.certificate, made.key)
            case "a member's":
                security = TLS.folder(pki / "a")
            case "expired":
                security = TLS.folder(pki / "expired")
            case _:
                security = None
        for members_known in (members, list(members.values())):
            async with Client.connect(
                Counter, members_known, security=security, timeout=0.7
            ) as client:
                with pytest.raises(NotExecuted):
                    await Counter.add(client, 1)
        good = TLS.folder(pki / "client")
        async with Client.connect(Counter, members, security=good) as client:
            assert await Counter.add(client, 1) == 1
        await stop(servers)

    asyncio.run(scene())


def test_a_client_does_not_talk_to_a_member_of_another_name(
    pki: Path, members: dict[str, str]
) -> None:
    async def scene() -> None:
        servers = await start(pki, members)
        swapped = {"a": members["b"], "b": members["c"], "c": members["a"]}
        security = TLS.folder(pki / "client")
        async with Client.connect(Counter, swapped, security=security, timeout=0.7) as client:
            with pytest.raises(NotExecuted):
                await Counter.add(client, 1)
        await stop(servers)

    asyncio.run(scene())


def test_a_member_with_anothers_certificate_does_not_get_in(
    pki: Path, members: dict[str, str]
) -> None:
    async def scene() -> None:
        impostor = make_server("a", members, security=TLS.folder(pki / "b"))
        true = make_server("b", members, security=TLS.folder(pki / "b"))
        for server in (impostor, true):
            with pytest.raises(NotReady):
                await server.start(timeout=0.7)
            assert server.status()["connected"] == []
        await stop([impostor, true])

    asyncio.run(scene())


def test_keys_are_their_owners_alone(pki: Path) -> None:
    for name in (*NAMES, "client"):
        assert stat.S_IMODE((pki / name / "key.pem").stat().st_mode) == 0o600
        assert stat.S_IMODE((pki / name).stat().st_mode) == 0o700


def test_certificates_are_read_again_without_a_restart(
    pki: Path, members: dict[str, str], tmp_path: Path
) -> None:
    for name in NAMES:
        shutil.copytree(pki / name, tmp_path / name)
    other = Authority("a later authority", datetime.now(UTC) + timedelta(days=7))

    async def scene() -> None:
        servers = await start(tmp_path, members)
        later = TLS.folder(tmp_path / "later")
        other.issue(tmp_path / "later", "client", datetime.now(UTC) + timedelta(days=7))
        async with Client.connect(Counter, members, security=later, timeout=0.3) as client:
            with pytest.raises(NotExecuted):
                await Counter.add(client, 1)
        for name in NAMES:
            shutil.rmtree(tmp_path / name)
            other.issue(tmp_path / name, name, datetime.now(UTC) + timedelta(days=7))
        for server in servers:
            await server.read_certificates()
        async with Client.connect(Counter, members, security=later) as client:
            assert await Counter.add(client, 1) == 1
        # What can't be read changes nothing.
        (tmp_path / "a/cert.pem").write_text("?")
        with pytest.raises(OSError, match=r"PEM|SSL"):
            await servers[0].read_certificates()
        async with Client.connect(Counter, {"a": members["a"]}, security=later) as client:
            assert await Counter.add(client, 1) == 2
        await stop(servers)

    asyncio.run(scene())


def test_sighup_lets_a_member_read_its_certificates(pki: Path) -> None:
    peers = f"a={addresses('a')['a']}"
    command = [sys.executable, "-m", "vsr_node", "serve", "--name", "a", "--peers", peers]
    command += ["--data-dir", "none", "--tls", str(pki / "a")]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        assert "a serves KeyValue" in process.stderr.readline()
        process.send_signal(signal.SIGHUP)
        assert process.stderr.readline() == "a has read its certificates\n"
        process.send_signal(signal.SIGTERM)
    assert process.returncode == 0
