"""A member of PySyncObj, as a process of the bench. Its clients are callbacks in the member."""

import threading
import time
from pathlib import Path
from typing import Any

from pysyncobj import (  # type: ignore[import-untyped]
    FAIL_REASON,
    SyncObj,
    SyncObjConf,
    replicated,
)

from vsr_node.bench.embedding.cells import YARDSTICKS, Journal, Load
from vsr_node.bench.embedding.load import NANOSECONDS, Ends
from vsr_node.bench.embedding.worker import VALUE, keys

BATCHES, AT_ONCE = YARDSTICKS

SETTINGS: dict[str, dict[str, Any]] = {
    BATCHES: {"appendEntriesUseBatch": True, "appendEntriesPeriod": 0.002, "autoTickPeriod": 0.001},
    AT_ONCE: {"appendEntriesUseBatch": False, "autoTickPeriod": 0.01},
}

GRACE_S = 5.0
"""How long answers may take after the load's end."""

RETRY_S = 0.01


class Store(SyncObj):  # type: ignore[misc]
    """A replicated dictionary."""

    def __init__(self, address: str, others: list[str], settings: Any) -> None:
        super().__init__(address, others, settings)
        self._values: dict[str, str] = {}

    @replicated  # type: ignore[untyped-decorator]
    def put(self, key: str, value: str) -> None:
        """Store a value."""
        self._values[key] = value


class YardstickWorker:
    """A member, and its load."""

    def __init__(
        self, subject: str, name: str, peers: dict[str, str], journal: Journal, folder: Path
    ) -> None:
        options = dict(SETTINGS[subject])
        if journal is not Journal.MEMORY:
            options["journalFile"] = str(folder / f"{name}.journal")
        others = [address for peer, address in peers.items() if peer != name]
        self._store = Store(peers[name], others, SyncObjConf(**options))

    def is_ready(self) -> bool:
        """Return whether the member knows a leader and has caught up."""
        return bool(self._store.isReady()) and self._store._getLeader() is not None

    def is_primary(self) -> bool:
        """Return whether the member leads."""
        return bool(self._store._isLeader())

    def load(self, client_count: int, seconds: float, *, reads: bool) -> Load:
        """Let clients write for so long, each one call after the other."""
        assert not reads, "its reads are local, and may be old"
        ends = Ends()
        began = time.monotonic_ns()
        chains = [
            _Chain(self._store, ends, began + int(seconds * NANOSECONDS))
            for _ in range(client_count)
        ]
        for chain in chains:
            chain.ask()
        time.sleep(seconds)
        deadline = time.monotonic() + GRACE_S
        for chain in chains:
            chain.is_over.wait(max(0.0, deadline - time.monotonic()))
        return ends.figures(began, time.monotonic_ns())


class _Chain:
    """A client: each callback makes the next call."""

    def __init__(self, store: Store, ends: Ends, end_ns: int) -> None:
        self.is_over = threading.Event()
        self._store = store
        self._ends = ends
        self._end_ns = end_ns
        self._keys = keys()
        self._began_ns = 0

    def ask(self) -> None:
        """Make a call."""
        self._began_ns = time.monotonic_ns()
        self._store.put(next(self._keys), VALUE, callback=self._on_end)

    def _on_end(self, _: object, reason: int) -> None:
        now = time.monotonic_ns()
        if reason == FAIL_REASON.SUCCESS:
            self._ends.add(self._began_ns, now)
        if now >= self._end_ns:
            self.is_over.set()
        elif reason == FAIL_REASON.SUCCESS:
            self.ask()
        else:
            threading.Timer(RETRY_S, self.ask).start()
