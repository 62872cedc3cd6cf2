"""Recorded histories with known verdicts: Porcupine's test data, of Jepsen's tests of etcd and of a
map. They are no part of the project: VSR_HISTORIES names a folder that has them."""

import os
from pathlib import Path

from vsr_node.checker import Event, load_history

LINEARIZABLE_ETCD = {2, 5, 7, 18, 25, 31, 38, 45, 48, 49}
"""Of etcd_000.log to etcd_049.log; the others are not."""


def folder() -> Path | None:
    name = os.environ.get("VSR_HISTORIES")
    return Path(name) if name else None


def etcd(place: Path) -> list[tuple[list[Event], bool]]:
    """The fifty histories of a register, each with whether it is linearizable."""
    return [
        (load_history(place / f"etcd_{number:03}.log"), number in LINEARIZABLE_ETCD)
        for number in range(50)
    ]


def maps(place: Path) -> list[tuple[list[Event], bool]]:
    """The four histories of a map, with 1 and 10 clients."""
    return [
        (load_history(place / f"{name}-{verdict}.txt"), verdict == "ok")
        for name in ("c01", "c10")
        for verdict in ("ok", "bad")
    ]
