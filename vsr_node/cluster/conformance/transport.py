"""The rules of a transport: what comes is what was sent, from whom it says, and to nobody else."""

import asyncio
import time

from vsr_node.cluster.network import MakeTransport, OnMessage, Transport
from vsr_node.core.messages import Commit, Message, Prepare, PrepareOk, StartViewChange
from vsr_node.wire.shapes import Frame

MEMBERS = ("n0", "n1", "n2")

PATIENCE_S = 10.0

QUIET_S = 0.2
"""How long to listen for what must not come."""

LARGE = Prepare(1, 2, 3, (("c", 1, "é" * 300_000), ("c", 2, "")), 4, 5)


async def check_transport(make: MakeTransport) -> None:
    """Start three members and let them talk.

    Raises AssertionError if a message is changed, comes from or to another member, or never comes
    although it is repeated. A transport may lose single messages.
    """
    heard: dict[str, list[tuple[str, Frame]]] = {name: [] for name in MEMBERS}

    def ears(name: str) -> OnMessage:
        return lambda peer, message, _: heard[name].append((peer, message))

    transports = {name: await make(name, MEMBERS, ears(name)) for name in MEMBERS}
    try:
        await _expect(transports["n0"], heard, ("n1", "n2"), "n0", Commit(1, 2, 3, 4))
        await _expect(transports["n1"], heard, ("n0",), "n1", PrepareOk(1, 2, 3))
        await _expect(transports["n2"], heard, ("n1",), "n2", LARGE)
        transports["n2"].stop()
        await asyncio.sleep(QUIET_S)
        _forget(heard)
        transports["n0"].send(("n1", "n2"), StartViewChange(2, 1))
        transports["n0"].flush()
        await asyncio.sleep(QUIET_S)
        assert not heard["n2"], "a transport that was stopped hears nothing"
    finally:
        for transport in transports.values():
            transport.stop()


async def _expect(
    transport: Transport,
    heard: dict[str, list[tuple[str, Frame]]],
    destinations: tuple[str, ...],
    source: str,
    message: Message,
) -> None:
    """Send a message until it has come everywhere, and see that nothing else has come."""
    _forget(heard)
    deadline = time.monotonic() + PATIENCE_S
    while not all(heard[name] for name in destinations):
        assert time.monotonic() < deadline, f"{message} from {source} does not come"
        transport.send(destinations, message)
        transport.flush()
        await asyncio.sleep(0.02)
    await asyncio.sleep(QUIET_S)
    for name, messages in heard.items():
        if name not in destinations:
            assert not messages, f"{name} hears what was not sent to it"
        for peer, each in messages:
            assert (peer, type(each), each) == (source, type(message), message), (
                f"{name} hears {each} from {peer}, but {source} sent {message}"
            )


def _forget(heard: dict[str, list[tuple[str, Frame]]]) -> None:
    for messages in heard.values():
        messages.clear()
