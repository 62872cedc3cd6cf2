"""Which links work, and the route to each process: a message goes around what is cut.

``Links`` stands between a replica and its network. It knows processes by name and nothing of the
protocol. To the replica all of this is a network that delays, loses and reorders messages of true
origins.

*When all is well* each message goes directly, as it is, and nothing else is sent. Links note when
each process was last heard, and since when one that was asked something owes an answer. Anything
that it sends is one.

*Somebody is missed* who owes an answer for three eighths of the replica's time-out, which is a
little more than an interval of heartbeats, and long before anybody suspects a primary. (For half of
it where time-outs are long, as a round trip may be, too.) The process then *watches*: in each
interval it sends all others its row, which names those that it heard directly of late, with the
newest rows that it got of others. Who hears that something is amiss watches, too. A changed row is
passed on at once, so each row takes every path that there is.

*Routes.* The way from a to b is good if b's row names a: nothing else shows that what a sends
arrives. (That b is heard says nothing, as links may be cut in one direction.) A message goes
directly where that is good, else along the shortest path of good ways, else directly: it may be
the rows that are behind. Its sender names all hops, so while tables differ there are neither loops
nor copies, and hops keep nothing. A hop promises nothing for what it passes on.

*Rest.* What stays cut is looked at less often once nothing changes. When all rows have named
everybody for some rounds, the first to see it says so, and all rest.

What was learned the hard way (by an executable model, with ten kinds of cut):

- A row that nobody repeats is forgotten: else messages go through the dead for ever. Then one with
  a lower stamp counts: a process that restarts begins to count anew, until it sees its own.
- A wait ends with whatever its process says, through whichever hops. But only the last hop has been
  heard directly.
- A process that rests forgets all waits. One that goes on watching alone would wake the others for
  ever.

A driver's turn: ``on_time``; ``receive`` for each frame that came; ``end_turn`` if ``next_timer``
has come, whose frames leave with the replica's asks; ``send`` for what the replica sends, or
``expect`` in its place while nobody watches. The next turn is at ``next_timer`` at the latest. The
hot path of a driver does by itself what ``on_time`` does, and ``receive`` where nobody watches. All
times are microseconds.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, TypeAlias

from .frames import LINK_FRAMES, STATES, LinkRows, Relay, Row, State

INTERVAL_MIN = 50_000
"""Of how often a process that watches sends its row."""

INTERVAL_MAX = 240_000_000
"""No process announces a longer one."""

SLOW_INTERVAL_MIN = 1_000_000
"""The interval where nothing has changed for long is at least this, and four times the usual."""

LONG_TIME_OUT = 1_750_000
"""Above it the interval of heartbeats grows no more, and a round trip may be longer."""

ROUNDS_UNTIL_SLOW = 10
ROUNDS_UNTIL_DONE = 3

HEARD_PERCENT = 160
"""Of an interval: within it a process is heard, or else not. One late message is no cut."""

FRESH_PERCENT = 250
"""Of an interval: a row that is older, or was not repeated for so long, counts no more."""

PROCESSES_MIN = 3
"""Among fewer there is no way around."""

PROCESSES_FEW = 7
"""Of twice as many, each sends its rows half as often: both their number and their size grow."""

NEVER = 1 << 62

Departure: TypeAlias = tuple[tuple[str, ...], LinkRows | Relay]
"""Processes, and the frame that leaves for each of them directly."""


class ImpossibleFrameError(ValueError):
    """A frame that no correct process sends."""


class _Known(NamedTuple):
    """The newest row of a process: whom it heard, and when this came."""

    stamp: int
    heard: tuple[str, ...]
    at: int


@dataclass(slots=True, eq=False, repr=False)
class _Watch:
    """What a process knows only while it watches."""

    interval: int
    due: int
    """When it sends its rows next."""
    sent_at: int
    fast_since: int
    """When it last found a reason to look often."""
    rows: dict[str, _Known] = field(default_factory=dict)
    intervals: dict[str, int] = field(default_factory=dict)
    """What each process last announced."""
    missed: dict[str, None] = field(default_factory=dict)
    """The processes whose answer is overdue. They are no news until they are heard again."""
    own: tuple[str, ...] = ()
    """Its row as it was last sent."""
    table: object = None
    """All rows as they were last sent, without their stamps; None before that."""
    rounds: int = 0
    """How often they were sent unchanged."""


class Links:
    """The links of the process ``name`` to all others of ``processes``.

    ``time_out`` is the replica's.
    """

    def __init__(self, name: str, processes: Sequence[str], now: int, time_out: int) -> None:
        self._name = name
        self._others: tuple[str, ...] = ()
        self.meet(processes)
        self.now = now
        self.time_out = time_out
        self.heard_at: dict[str, int] = {}
        """When each process was last heard directly."""
        self.waits: dict[str, int] = {}
        """Since when each process that was asked has said nothing, the longest first."""
        self._watch: _Watch | None = None
        self.is_watching = False
        """Whether messages may have to go around something; else each goes directly."""
        self.next_timer = NEVER
        """The latest time of the next turn; too early if the answer that it is for has come."""
        self._stamp = 0
        self._departures: list[Departure] = []
        self._routes: dict[str, tuple[str, ...]] | None = None
        """As found at ``_routes_at``; None where rows have changed since."""
        self._routes_at = now

    # A turn

    def meet(self, processes: Sequence[str]) -> None:
        """Take processes to whom links go from now on, beside those that are known."""
        others = (process for process in processes if process != self._name)
        self._others = (*dict.fromkeys((*self._others, *others)),)
        count = len(self._others) + 1
        self._has_ways_around = count >= PROCESSES_MIN
        self._thrift = max(1, count // PROCESSES_FEW)

    def on_time(self, now: int, time_out: int) -> None:
        """Begin a turn at ``now``."""
        self.now = now
        self.time_out = time_out

    def on_standstill(self, duration: int) -> None:
        """Note that the last turn took so long that what was said waits unheard."""
        for process in self.waits:
            self.waits[process] += duration

    def receive(self, hop: str, frame: object) -> tuple[str, Any] | None:
        """Take what came from ``hop`` directly. Return a message with its origin; None if none is.

        Raise ImpossibleFrameError for what no correct process sends.
        """
        if type(frame) in LINK_FRAMES:
            return self._receive_own(hop, frame)
        self.heard_at[hop] = self.now
        self.waits.pop(hop, None)
        if self._watch is not None:
            self._note_heard(self._watch, hop, hop)
        return hop, frame

    def end_turn(self) -> list[Departure]:
        """Look at what is due, now that all that came is heard. Return what leaves."""
        if self.next_timer <= self.now:
            self._look_at_timers()
        departures = self._departures
        if departures:
            self._departures = []
        return departures

    def _look_at_timers(self) -> None:
        self._look_for_missed()
        if self._watch is not None and self._watch.due <= self.now:
            self._send_rows(self._watch)
        self.next_timer = NEVER if self._watch is None else self._watch.due
        for since in self.waits.values():
            self.next_timer = min(self.next_timer, since + self._patience)
            break

    # What leaves

    def expect(self, destinations: Sequence[str]) -> None:
        """Note that these were asked something, and owe an answer unless they do already."""
        if self._has_ways_around:
            waits = self.waits
            if not waits and destinations:
                # ``_patience`` or a little less, as this is asked for in nearly every turn.
                timer = self.now + (self.time_out * 3 >> 3)
                self.next_timer = min(timer, self.next_timer) if self.is_watching else timer
            for destination in destinations:
                if destination not in waits:
                    waits[destination] = self.now

    def send(
        self, destinations: tuple[str, ...], body: object, *, expects: bool
    ) -> list[tuple[tuple[str, ...], object]]:
        """Return the frames of a message, each with the processes to which it goes directly.

        ``expects``: the destinations owe an answer to it.
        """
        watch = self._watch
        if watch is None:
            if expects:
                self.expect(destinations)
            return [(destinations, body)]
        if expects:
            self.expect([each for each in destinations if each not in watch.missed])
        if self._routes is None or self._routes_at < self.now:
            self._routes, self._routes_at = self._find_routes(watch), self.now
        routes = [self._routes.get(each, (each,)) for each in destinations]
        frames: list[tuple[tuple[str, ...], object]] = [
            ((hop,), Relay(self._name, tuple(rest), body)) for hop, *rest in routes if rest
        ]
        direct = tuple(route[0] for route in routes if len(route) == 1)
        return [(direct, body), *frames] if direct else frames

    def reaches(self, process: str) -> bool:
        """Return whether rows show a way to a process; False while nobody watches."""
        return self._watch is not None and process in self._find_routes(self._watch)

    def hearing(self) -> dict[str, tuple[str, ...]] | None:
        """Return whom each process hears, as far as rows show it; None while nobody watches."""
        watch = self._watch
        return None if watch is None else {self._name: watch.own, **self._fresh_rows(watch)}

    def _find_routes(self, watch: _Watch) -> dict[str, tuple[str, ...]]:
        """Return the shortest path of good ways to each process to which there is one."""
        heard_by = self._fresh_rows(watch)
        routes: dict[str, tuple[str, ...]] = {self._name: ()}
        reached = [self._name]
        for process in reached:
            for other, heard in heard_by.items():
                if process in heard and other not in routes:
                    routes[other] = (*routes[process], other)
                    reached.append(other)
        return routes

    # What others send

    def _receive_own(self, hop: str, frame: object) -> tuple[str, Any] | None:
        """Take rows, or a relay, which may be for this process."""
        if isinstance(frame, LinkRows):
            self._refuse_strange_rows(hop, frame)
            self.heard_at[hop] = self.now
            self._on_rows(hop, frame)
            return None
        assert isinstance(frame, Relay)
        self._refuse_strange_route(hop, frame)
        self.heard_at[hop] = self.now
        if frame.route:
            self._pass_on(frame)
            return None
        self.waits.pop(frame.origin, None)
        if self._watch is not None:
            self._note_heard(self._watch, hop, frame.origin)
        return frame.origin, frame.body

    def _pass_on(self, relay: Relay) -> None:
        """Send a relay to its next hop."""
        hop, *rest = relay.route
        self._departures.append(((hop,), relay._replace(route=tuple(rest))))
        self.next_timer = self.now

    def _refuse_strange_route(self, hop: str, relay: Relay) -> None:
        """Refuse a relay that visits a process twice, or a stranger."""
        to_come = (relay.origin, *relay.route)
        if len(set(to_come)) < len(to_come) or hop in relay.route:
            raise ImpossibleFrameError(f"a relay visits a process twice: {hop}, {to_come}")
        if not set(to_come) <= set(self._others):
            raise ImpossibleFrameError(f"a relay visits a stranger, or comes back: {to_come}")

    def _refuse_strange_rows(self, hop: str, news: LinkRows) -> None:
        """Refuse rows of strangers, and intervals out of bounds."""
        if news.state not in STATES or not INTERVAL_MIN <= news.interval <= INTERVAL_MAX:
            raise ImpossibleFrameError(f"{news.state!r}, every {news.interval} us")
        processes = {self._name, *self._others}
        for process, _, heard in news.rows:
            if process not in processes or not processes.issuperset(heard) or process in heard:
                raise ImpossibleFrameError(f"a row of {process!r}, which hears {heard}")
        if not any(row.process == hop for row in news.rows):
            raise ImpossibleFrameError("its sender's own row is missing")

    def _on_rows(self, hop: str, news: LinkRows) -> None:
        """Take the rows that ``hop`` knows."""
        own = next(row for row in news.rows if row.process == hop)
        if self._name in own.heard:
            self.waits.pop(hop, None)
        watch = self._watch
        if watch is None:
            if news.state != State.AMISS or not self._has_ways_around:
                return
            watch = self._begin_to_watch()
        self._routes = None
        hurries = 2 * news.interval < min(watch.interval, watch.intervals.get(hop, INTERVAL_MAX))
        watch.intervals[hop] = news.interval
        has_changed = self._take_rows(watch, news.rows)
        if self._name in own.heard:
            self._note_heard(watch, hop, hop)
        if news.state == State.DONE and self._hears_all(watch):
            self._rest()
        elif has_changed or hurries:
            self._hurry(watch)

    def _take_rows(self, watch: _Watch, rows: Sequence[Row]) -> bool:
        """Take in newer rows. Return whether one differs from what was known."""
        fresh = self._fresh_rows(watch)
        has_changed = False
        for process, stamp, heard in rows:
            if process == self._name:
                # It has restarted since.
                self._stamp = max(self._stamp, stamp)
                continue
            known = watch.rows.get(process)
            if known is None or known.stamp < stamp or process not in fresh:
                has_changed = has_changed or known is None or known.heard != heard
                watch.rows[process] = _Known(stamp, heard, self.now)
        return has_changed

    # Watching

    @property
    def _patience(self) -> int:
        """How long a process may owe an answer."""
        return self.time_out * (3 if self.time_out <= LONG_TIME_OUT else 4) // 8

    def _usual_interval(self, watch: _Watch | None) -> int:
        """Return the shortest interval that anybody uses: one that restarts knows no time-out."""
        own = self._thrift * self.time_out // 4
        announced = () if watch is None else watch.intervals.values()
        return max(INTERVAL_MIN, min(own, *announced, INTERVAL_MAX // 4))

    def _slow_interval(self, watch: _Watch) -> int:
        return max(SLOW_INTERVAL_MIN, 4 * self._usual_interval(watch))

    def _look_for_missed(self) -> None:
        """Watch, or look often again, if an answer of a process that was not missed is overdue."""
        for process, since in list(self.waits.items()):
            if self.now - since < self._patience:
                return
            del self.waits[process]
            watch = self._watch or self._begin_to_watch()
            watch.missed[process] = None
            self._hurry(watch)

    def _begin_to_watch(self) -> _Watch:
        interval = self._usual_interval(None)
        self._watch = _Watch(interval, self.now, self.now - interval, self.now)
        self.is_watching = True
        self.next_timer = self.now
        self._routes = None
        return self._watch

    def _hurry(self, watch: _Watch) -> None:
        """Send the rows as soon as may be, as something is new, and look often again."""
        interval = self._usual_interval(watch)
        if watch.rounds >= ROUNDS_UNTIL_DONE:
            watch.interval = interval
            watch.fast_since = self.now
        watch.rounds = 0
        watch.due = min(watch.due, max(self.now, watch.sent_at + interval // 4))
        self.next_timer = min(self.next_timer, watch.due)

    def _note_heard(self, watch: _Watch, hop: str, origin: str) -> None:
        """Note that ``origin`` says something, and that ``hop`` was heard directly."""
        watch.missed.pop(origin, None)
        if hop not in watch.own:
            self._hurry(watch)

    def _heard(self, watch: _Watch) -> tuple[str, ...]:
        """Return whom this process hears."""
        usual = self._usual_interval(watch) // self._thrift
        return tuple(
            other
            for other in self._others
            if (self.now - self.heard_at.get(other, -NEVER)) * 100
            <= HEARD_PERCENT * max(usual, watch.intervals.get(other, 0))
        )

    def _hears_all(self, watch: _Watch) -> bool:
        return len(self._heard(watch)) == len(self._others)

    def _fresh_rows(self, watch: _Watch) -> dict[str, tuple[str, ...]]:
        """Return the rows of others that count."""
        announced = [watch.intervals.get(other, 0) for other in self._heard(watch)]
        interval = watch.interval
        if watch.rounds >= ROUNDS_UNTIL_DONE:
            # Others count their rounds, too, and some are slow sooner.
            interval = self._slow_interval(watch)
        age_max = FRESH_PERCENT * max(interval, *announced, 0) // 100
        return {
            other: known.heard
            for other in self._others
            if (known := watch.rows.get(other)) is not None
            and self.now - max(known.at, watch.fast_since) <= age_max
        }

    def _send_rows(self, watch: _Watch) -> None:
        """Send the rows to all others. Rest if nothing has been amiss for some rounds."""
        watch.own = self._heard(watch)
        self._stamp += 1
        fresh = self._fresh_rows(watch)
        table = {self._name: watch.own, **fresh}
        watch.rounds = watch.rounds + 1 if table == watch.table else 0
        watch.table = table
        watch.interval = self._usual_interval(watch)
        if watch.rounds >= ROUNDS_UNTIL_SLOW:
            watch.interval = self._slow_interval(watch)
        watch.due, watch.sent_at = self.now + watch.interval, self.now
        state = State.AMISS
        if len(table) > len(self._others) and all(
            len(heard) == len(self._others) for heard in table.values()
        ):
            state = State.DONE if watch.rounds >= ROUNDS_UNTIL_DONE else State.WHOLE
        others = (Row(other, watch.rows[other].stamp, heard) for other, heard in fresh.items())
        rows = (Row(self._name, self._stamp, watch.own), *others)
        self._departures.append((self._others, LinkRows(watch.interval, state, rows)))
        if state == State.DONE:
            self._rest()

    def _rest(self) -> None:
        """Watch no longer, and forget all waits."""
        self._watch = self._routes = None
        self.is_watching = False
        self.waits.clear()
