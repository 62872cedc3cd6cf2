"""Deadlines, and how they follow from the measured round trip. All times are microseconds.

Only a primary measures: backups echo the time at which it sent, so each answer is a sample of
the way there and back. From the samples it derives how long a backup should bear its silence,
and sends that with every message. Each view change makes the number half as large again until a
primary has measured anew, so a group whose network became slower than any time-out still finds
one that holds.
"""

from collections.abc import Callable
from typing import Final

HEARTBEAT_INTERVAL_MIN = 100_000
"""A heartbeat costs two messages a backup. Half as long saves a dead primary's clients nothing."""

HEARTBEAT_INTERVAL_MAX = 500_000
"""More seldom saves little, unless the round trip takes seconds."""

HEARTBEATS_MISSED = 3
"""Single lost or late heartbeats are no reason to suspect a primary.

Three long intervals find a dead primary as soon as four short ones, with half the messages. Two
longer ones would cost fewer still, but then one lost heartbeat is half of all patience.
"""

TIME_OUT_INITIAL = 4_000_000
"""Before anything is measured, one-way delays of a second must not cause a view change."""

TIME_OUT_MIN = HEARTBEATS_MISSED * HEARTBEAT_INTERVAL_MIN

TIME_OUT_MAX = 60_000_000

RESEND_SLACK = 20_000
"""What a busy machine adds to a round trip without any message being lost."""

SAMPLE_MAX = TIME_OUT_MAX


class Timer:
    """What a replica waits for; timers due at the same time fire in this order.

    Plain numbers: as an index they are ten times as fast as the members of an Enum.
    """

    SUSPECT: Final = 0
    """A backup has not heard its primary, a primary no quorum, a view change did not end."""
    VOTE: Final = 1
    """Time to repeat the vote. Running exactly while the replica votes."""
    HEARTBEAT: Final = 2
    """For an interval nothing was sent to all backups."""
    RESEND: Final = 3
    """Look for backups that leave entries unacknowledged."""
    VIEW_CHANGE: Final = 4
    """The view change's messages are repeated."""
    RECOVERY: Final = 5
    """The recovery's messages are repeated."""
    GAP: Final = 6
    """Entries are known to be missing for too long."""
    HELD: Final = 7
    """A request that could be given to nobody has waited for long enough."""
    FORWARD: Final = 8
    """Look for forwarded requests without an answer."""
    READ: Final = 9
    """Look for reads without an answer."""
    EPOCH: Final = 10
    """Send again that an epoch has begun."""
    CHANGE: Final = 11
    """Look how far the members to be have caught up."""
    PREPARE: Final = 12
    """New entries have waited for half a round trip."""
    REPEAT: Final = 13
    """Look for forwarded requests that PREPARE has not brought back."""


_TIMER_COUNT = Timer.REPEAT + 1


class Timers:
    """The running timers of a replica and their deadlines."""

    __slots__ = ("_deadlines",)

    NEVER = 1 << 62

    def __init__(self) -> None:
        self._deadlines = [self.NEVER] * _TIMER_COUNT

    def start(self, timer: int, deadline: int) -> None:
        """Run ``timer`` until ``deadline``, wherever it stood before."""
        self._deadlines[timer] = deadline

    def stop(self, timer: int) -> None:
        """Stop ``timer`` if it runs."""
        self._deadlines[timer] = self.NEVER

    def is_running(self, timer: int) -> bool:
        """Return whether ``timer`` was started and has neither fired nor been stopped."""
        return self._deadlines[timer] != self.NEVER

    def stop_all_but(self, *kept: int) -> None:
        """Stop every timer that is not ``kept``."""
        for timer in range(_TIMER_COUNT):
            if timer not in kept:
                self._deadlines[timer] = self.NEVER

    def start_if_stopped(self, timer: int, deadline: int) -> None:
        """Start a timer unless it runs."""
        if self._deadlines[timer] == self.NEVER:
            self._deadlines[timer] = deadline

    def start_at_latest(self, timer: int, deadline: int) -> None:
        """Start a timer, or bring its deadline forward."""
        self._deadlines[timer] = min(deadline, self._deadlines[timer])

    def put_off(self, timer: int, duration: int) -> None:
        """Let ``timer`` run for longer, if it runs."""
        if self._deadlines[timer] != self.NEVER:
            self._deadlines[timer] += duration

    @property
    def next_deadline(self) -> int:
        """Return the earliest deadline; NEVER if none runs."""
        return min(self._deadlines)

    def fire_due(self, now: int, fire: Callable[[int], None]) -> None:
        """Stop each timer that is due and call ``fire`` with it, in the order of ``Timer``."""
        for timer in range(_TIMER_COUNT):
            if self._deadlines[timer] <= now:
                self._deadlines[timer] = self.NEVER
                fire(timer)


class RoundTrip:
    """Smoothed round trip and its mean deviation (Jacobson 1988, as in RFC 6298).

    ``smoothed`` is its mean, ``bound`` what a round trip seldom exceeds, ``time_out`` how much
    silence is too much, and ``echoed`` the newest echo of each peer: when it was sent what that
    peer last answered.
    """

    __slots__ = ("_deviation", "bound", "echoed", "heartbeat_interval", "smoothed", "time_out")

    def __init__(self) -> None:
        self.smoothed = 0
        self._deviation = 0
        self.echoed: dict[str, int] = {}
        self._derive()

    @property
    def is_measured(self) -> bool:
        """Whether there was a sample yet."""
        return self.smoothed > 0

    def count_echoes_from(self, peers: tuple[str, ...], moment: int) -> None:
        """Ignore echoes of what was sent up to ``moment``."""
        self.echoed = dict.fromkeys(peers, moment)

    def add_echo(self, peer: str, echo: int, now: int) -> None:
        """Take in an echo of this replica's own clock, of whatever view.

        Only the first to bring an echo is a sample: a repeated one may have travelled for long.
        """
        if self.echoed.get(peer, 0) < echo <= now:
            self.echoed[peer] = echo
            self.add(now - echo)

    def note_echo(self, peer: str, echo: int, now: int) -> None:
        """Take in an echo that may have waited at the peer for long, so it is no sample."""
        if self.echoed[peer] < echo <= now:
            self.echoed[peer] = echo

    def add(self, sample: int) -> None:
        """Take in one measured round trip."""
        sample = min(max(sample, 1), SAMPLE_MAX)
        if self.is_measured:
            self._deviation += (abs(sample - self.smoothed) - self._deviation) // 4
            self.smoothed = max(1, self.smoothed + (sample - self.smoothed) // 8)
        else:
            self.smoothed = sample
            self._deviation = sample // 2
        self._derive()

    def _derive(self) -> None:
        smoothed = self.smoothed
        self.bound = smoothed + 4 * self._deviation
        # Two round trips: on a slow network nothing can be quick, and every message is in the way
        # (Maelstrom holds a client's request up while any message to its node is under way).
        interval = min(2 * smoothed, HEARTBEAT_INTERVAL_MAX)
        self.heartbeat_interval = max(HEARTBEAT_INTERVAL_MIN, interval, smoothed // 4)
        self.time_out = min(HEARTBEATS_MISSED * self.heartbeat_interval + self.bound, TIME_OUT_MAX)
