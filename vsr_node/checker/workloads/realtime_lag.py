"""How far a client's polls were behind what is known to have been in the logs, as Jepsen measures.

A message at an offset shows that the log had all offsets up to it by then. A poll lags by the time
from when the offset after the client's place was there to when the poll began, if that is later.
"""

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from vsr_node.checker.history import Call, Json
from vsr_node.checker.workloads.log_operations import Transfer, assigned_keys
from vsr_node.checker.workloads.verdicts import NANOSECONDS_PER_SECOND

BEFORE_ALL = -1
"""The place of a client that has polled nothing of a key."""


class Lag(NamedTuple):
    """How far one poll was behind in one key. Times are in nanoseconds."""

    lag: int
    time: int
    process: int | str
    key: str

    def as_json(self) -> dict[str, Json]:
        """Return it under Jepsen's names, in seconds."""
        return {
            "time": self.time / NANOSECONDS_PER_SECOND,
            "process": self.process,
            "key": self.key,
            "lag": self.lag / NANOSECONDS_PER_SECOND,
        }


class _Growth:
    """When the log of a key was first known to reach an offset."""

    def __init__(self) -> None:
        self._offsets: list[int] = []
        self._times: list[int] = []

    def reach(self, offset: int, time: int) -> None:
        if not self._offsets or offset > self._offsets[-1]:
            self._offsets.append(offset)
            self._times.append(time)

    def reached(self, offset: int) -> int | None:
        """Return the time at which the log reached an offset, None if it never did."""
        place = bisect_left(self._offsets, offset)
        return self._times[place] if place < len(self._times) else None


def worst_realtime_lag(calls: Iterable[Call], transfers: dict[int, Transfer]) -> Lag | None:
    """Return the largest lag, the first of them; None if no poll is ok.

    ``transfers`` are those of ``calls`` that send or poll, by the index of their first event.
    """
    ended = [(call, call.completion) for call in calls if call.completion is not None]
    ended.sort(key=lambda each: each[1].index)
    growths: dict[str, _Growth] = {}
    for call, completion in ended:
        transfer = transfers.get(call.invocation.index)
        if transfer is not None and transfer.outcome != "fail":
            for key, offset in _furthest(transfer).items():
                growths.setdefault(key, _Growth()).reach(offset, completion.time)
    return max(_lags([call for call, _ in ended], transfers, growths), default=None, key=_size)


def _size(lag: Lag) -> int:
    return lag.lag


def _lags(
    calls: Sequence[Call], transfers: dict[int, Transfer], growths: dict[str, _Growth]
) -> Iterable[Lag]:
    """Yield the lag of each poll that is ok in each key that its client reads."""
    places: dict[int | str, dict[str, int]] = {}
    for call in calls:
        begun = call.invocation
        own = places.setdefault(begun.process, {})
        transfer = transfers.get(begun.index)
        if call.outcome != "ok":
            continue
        if begun.f == "assign":
            places[begun.process] = {key: own.get(key, BEFORE_ALL) for key in assigned_keys(call)}
        elif transfer is not None and begun.f != "send":
            for key, offset in _furthest(transfer).items():
                own[key] = max(offset, own.get(key, BEFORE_ALL))
            for key, place in own.items():
                reached = growths[key].reached(place + 1) if key in growths else None
                lag = 0 if reached is None else max(0, begun.time - reached)
                yield Lag(lag, begun.time, begun.process, key)


def _furthest(transfer: Transfer) -> dict[str, int]:
    """Return the largest offset of each key that an operation sent to or polled."""
    furthest = dict.fromkeys(transfer.polled, BEFORE_ALL)
    for records in (transfer.sent, *transfer.polled.values()):
        for record in records:
            if record.offset is not None:
                furthest[record.key] = max(record.offset, furthest.get(record.key, BEFORE_ALL))
    return furthest
