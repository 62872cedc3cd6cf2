"""Three members over TCP under load: kill -9 of any of them, or planned restarts one by one.

Clients get, put and cas a few keys of a KeyValue through any member. The history must be
linearizable by our checker, an acknowledged put must be there at the end, and nothing that surely
was not executed may have been. A member is killed every two seconds, but only once all three serve:
where starting takes longer than that, two would be away at once, and nobody could answer. Prints
how long no call succeeded around each fault, and in the second before it, which a busy machine
prolongs as well.
"""

import argparse
import asyncio
import json
import signal
import socket
import subprocess
import sys
import tempfile
import time
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from random import Random
from typing import Any

from vsr_node.checker import Bounds, RegisterModel, check
from vsr_node.checker.history import Event
from vsr_node.client.asynchronous import Client
from vsr_node.client.errors import OutcomeUnknown
from vsr_node.machines.errors import NotExecuted
from vsr_node.machines.library.key_value import KeyMissing, KeyValue, OtherValue

NAMES = ("a", "b", "c")
KEY_COUNT = 8
KEYS_A_SECOND = 4
INTERVAL_S = 2.0
READY_TIME_S = 60.0
PAUSE_S = 0.002
SILENCE_MIN_S = 0.05
"""So long before a fault its silence may have begun, as calls are still under way."""


def free_address() -> str:
    """Return an address of this machine that nobody listens at."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"127.0.0.1:{probe.getsockname()[1]}"


class Members:
    """The members as processes of ``vsr serve``, with their journals below ``folder``."""

    def __init__(self, folder: Path, *options: str) -> None:
        self.addresses = {name: free_address() for name in NAMES}
        self._folder = folder
        self._options = options
        self._processes: dict[str, subprocess.Popen[bytes]] = {}

    def start(self, name: str) -> None:
        """Start a member."""
        peers = ",".join(f"{each}={address}" for each, address in self.addresses.items())
        command = [sys.executable, "-m", "vsr_node", "serve", "--name", name, "--peers", peers]
        command += ["--data-dir", str(self._folder), *self._options]
        with (self._folder / f"{name}.log").open("ab") as log:
            self._processes[name] = subprocess.Popen(command, stderr=log)

    def kill(self, name: str) -> None:
        """Kill a member with SIGKILL."""
        self._processes[name].kill()
        self._processes[name].wait()

    def end(self, name: str) -> int:
        """Stop a member with SIGTERM; return its exit status."""
        self._processes[name].send_signal(signal.SIGTERM)
        return self._processes[name].wait(timeout=10)

    def kill_all(self) -> None:
        """End all that run."""
        for process in self._processes.values():
            process.kill()
            process.wait()


@dataclass(slots=True)
class Record:
    """What clients saw, and when calls succeeded."""

    events: list[Event] = field(default_factory=list)
    successes: list[float] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)
    faults: list[tuple[float, str]] = field(default_factory=list)
    late_count: int = 0
    """Faults that had to wait until all members served."""
    process_count: int = 0

    def add(self, process: int, kind: str, f: str, key: str, value: Any) -> None:
        """Add an event."""
        now = time.monotonic_ns()
        self.events.append(Event(len(self.events), now, process, kind, f, key, value))

    def silence(self, begin: float, end: float) -> float:
        """Return the longest time without a success that reaches into a span of time."""
        first = max(0, bisect_left(self.successes, begin) - 1)
        times = self.successes[first : bisect_right(self.successes, end) + 1]
        return max((later - earlier for earlier, later in pairwise(times)), default=end - begin)


async def work(client: Client[KeyValue], record: Record, random: Random, end: float) -> None:
    """Ask one call after the other. Keys change with time, so that each history stays short."""
    process = record.process_count = record.process_count + 1
    began = time.monotonic()
    while time.monotonic() < end:
        era = int((time.monotonic() - began) * KEYS_A_SECOND)
        key = f"k{era}.{random.randrange(KEY_COUNT)}"
        if not await ask(client, record, random, process, key):
            process = record.process_count = record.process_count + 1
        await asyncio.sleep(PAUSE_S * random.random())


async def ask(
    client: Client[KeyValue], record: Record, random: Random, process: int, key: str
) -> bool:
    """Make one call; return whether its outcome is known."""
    f = random.choice(("read", "write", "write", "cas"))
    old, new = (str(random.randrange(4)) for _ in range(2))
    value: Any = {"read": None, "write": new, "cas": [old, new]}[f]
    record.add(process, "invoke", f, key, value)
    try:
        if f == "read":
            value = await KeyValue.get(client, key)
        elif f == "write":
            await KeyValue.put(client, key, new)
        else:
            await KeyValue.cas(client, key, old, new)
    except KeyMissing:
        value = None
    except OtherValue:
        record.add(process, "fail", f, key, value)
        record.successes.append(time.monotonic())
        return True
    except NotExecuted as error:
        record.add(process, "fail", f, key, value)
        record.failures.append(repr(error))
        return True
    except OutcomeUnknown as error:
        record.add(process, "info", f, key, value)
        record.failures.append(repr(error))
        return False
    record.add(process, "ok", f, key, value)
    record.successes.append(time.monotonic())
    return True


async def primary_of(client: Client[KeyValue]) -> str:
    """Return the name of the primary, as a member that answers sees it."""
    for text in await client.status():
        state = json.loads(text)
        if state["is_primary"]:
            return str(state["name"])
    return NAMES[0]


async def wait_until_all_serve(client: Client[KeyValue]) -> None:
    """Return when each member serves. Raises TimeoutError."""
    async with asyncio.timeout(READY_TIME_S):
        while sum('"not_ready": ""' in text for text in await client.status()) < len(NAMES):
            await asyncio.sleep(0.1)


async def kill_again_and_again(
    members: Members, client: Client[KeyValue], record: Record, random: Random, end: float
) -> None:
    """Kill any member every two seconds, every other time the primary, and start it again."""
    due = time.monotonic() + INTERVAL_S
    while time.monotonic() < end - 3:
        await asyncio.sleep(due - time.monotonic())
        await wait_until_all_serve(client)
        record.late_count += time.monotonic() > due + INTERVAL_S / 10
        due = time.monotonic() + INTERVAL_S
        primary = await primary_of(client)
        name = random.choice((primary, *NAMES))
        record.faults.append((time.monotonic(), "kill primary" if name == primary else "kill"))
        await asyncio.to_thread(members.kill, name)
        await asyncio.sleep(0.5)
        members.start(name)


async def restart_each(
    members: Members, client: Client[KeyValue], record: Record, _: Random, end: float
) -> None:
    """Restart one member after the other in good order, each once the last one serves again."""
    while time.monotonic() < end - 3:
        for name in NAMES:
            await asyncio.sleep(1.0)
            record.faults.append((time.monotonic(), "restart"))
            status = await asyncio.to_thread(members.end, name)
            if status:
                record.failures.append(f"{name} ended with {status}")
            members.start(name)
            await wait_until_all_serve(client)


async def run(seconds: float, client_count: int, fault: str, seed: int, folder: Path) -> Record:
    """Run the load beside the faults; return what was seen."""
    random = Random(seed)
    members, record = Members(folder), Record()
    try:
        for name in NAMES:
            members.start(name)
        nemesis = kill_again_and_again if fault == "kill" else restart_each
        async with Client.connect(KeyValue, members.addresses, timeout=30.0) as client:
            await KeyValue.put(client, "ready", "yes")
            end = time.monotonic() + seconds
            workers = [
                work(client, record, Random(random.random()), end) for _ in range(client_count)
            ]
            await asyncio.gather(nemesis(members, client, record, random, end), *workers)
    finally:
        members.kill_all()
    return record


def report(record: Record) -> bool:
    """Print what came of it; return whether all is well."""
    verdict = check(record.events, RegisterModel(), Bounds(seconds=300.0, memory_bytes=None))
    silences: dict[str, list[float]] = {}
    last = record.successes[-1] if record.successes else 0.0
    ends = [moment for moment, _ in record.faults[1:]]
    for (moment, kind), end in zip(record.faults, [*ends, last], strict=True):
        if moment < end:
            silences.setdefault(kind, []).append(record.silence(moment, end))
            before = record.silence(moment - 1.0, moment - SILENCE_MIN_S)
            silences.setdefault("the second before", []).append(before)
    print(
        f"{len(record.successes)} calls succeeded, {len(record.failures)} did not;"
        f" linearizable: {verdict.valid}; {record.late_count} of {len(record.faults)} faults waited"
    )
    for kind, each in silences.items():
        each.sort()
        p99 = each[min(len(each) - 1, int(0.99 * len(each)))]
        print(
            f"{kind}: {len(each)} times, no success for {1000 * each[len(each) // 2]:.0f} ms in the"
            f" median, {1000 * p99:.0f} ms p99, {1000 * each[-1]:.0f} ms at most"
        )
    if verdict.valid is not True:
        print(verdict.explanation())
    for failure in record.failures[:10]:
        print(failure)
    return verdict.valid is True and bool(record.successes)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the check that the command line asks for; return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m scripts.soaking.embedding")
    parser.add_argument("--fault", choices=("kill", "restart"), default="kill")
    parser.add_argument("--seconds", type=float, default=600.0)
    parser.add_argument("--clients", type=int, default=32)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder:
        record = asyncio.run(
            run(options.seconds, options.clients, options.fault, options.seed, Path(folder))
        )
    is_well = report(record)
    if options.fault == "restart":
        is_well = is_well and not record.failures
    return 0 if is_well else 1


if __name__ == "__main__":
    sys.exit(main())
