"""The search for a smaller run that still fails: fewer operations, faults and nodes, a plainer
network, a shorter time.

Real processes fail now and then rather than always, so each candidate is tried several times. It is
accepted if it fails about as often as the beginning of the search did. The search knows nothing of
processes: it is handed a function that tries a candidate once and returns what it found.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

from vsr_node.bench.faults.plan import Act, without_node
from vsr_node.bench.nodes.loop import NANOSECONDS_PER_MILLISECOND, NANOSECONDS_PER_SECOND
from vsr_node.bench.stored.options import ON_TIME, Options
from vsr_node.bench.stored.script import Script, ScriptedOperation
from vsr_node.start import Stopped

TRIES = 3
"""How often a candidate is tried before it is rejected."""

BASE_TRIES = 5
"""How often the first candidate that failed is tried, to find how often it fails."""

WINDOW_FIRST = 8
WINDOW_FACTOR = 2
FAULTS_BEFORE = 2
"""A window of operations keeps so many faults that began or ended before it."""

GAPS_MS = (20, 100, 500)
"""The longest pauses between operations and faults that are tried, in this order."""

TIME_LIMIT_MARGIN_S = 0.5


@dataclass(frozen=True, slots=True)
class Finding:
    """What a failing try showed about the operations of its script, by their places in it."""

    begun: frozenset[int]
    """Those that had begun before the violation."""
    happened: frozenset[int]
    """Those that happened or may have happened: they have no definite error."""


class OutOfTimeError(Exception):
    """The search must end with its present result."""


class Shrinker:
    """Searches from large to small. ``best`` is the smallest run that failed; None if none did.

    ``attempt(options)`` tries once and returns what it found, None if the run did not fail. It
    raises OutOfTimeError to end the search. ``report`` takes lines for people.
    """

    def __init__(
        self, attempt: Callable[[Options], Finding | None], report: Callable[[str], None]
    ) -> None:
        self.best: Options | None = None
        self.attempt_count = 0
        self.signal_number: int | None = None
        """The signal that ended the search; None if none did."""
        self._attempt = attempt
        self._report = report
        self._finding = Finding(frozenset(), frozenset())
        self._needed = 1
        self._always = False

    def search(self, beginnings: Iterator[Options]) -> None:
        """Make the first beginning that fails smaller, until nothing helps or the time is up."""
        try:
            if any(self._try(options, "a part of the run") for options in beginnings):
                self._set_needed()
                self._reduce()
        except OutOfTimeError:
            self._report("the time is up: this is as far as it got")
        except Stopped as stop:
            self.signal_number = stop.signal_number
            self._report(f"interrupted: this is as far as it got in {self.attempt_count} tries")

    def _set_needed(self) -> None:
        """Require candidates to fail about as often as the beginning does."""
        options = self._present
        failed = sum(self._attempt_once(options) is not None for _ in range(BASE_TRIES))
        self._needed = 2 if failed * 2 > BASE_TRIES else 1
        self._always = failed == BASE_TRIES
        self._report(f"it fails {failed} of {BASE_TRIES}")

    def _reduce(self) -> None:
        self._plain_network()
        self._truncate()
        before = None
        while before != self.best:
            before = self.best
            self._happened_only()
            self._drop_faults()
            self._drop_operations()
            self._drop_nodes()
            self._shorten()

    @property
    def _present(self) -> Options:
        assert self.best is not None
        return self.best

    @property
    def _script(self) -> Script:
        return script_in(self._present)

    def _attempt_once(self, options: Options) -> Finding | None:
        self.attempt_count += 1
        return self._attempt(options)

    def _try(self, options: Options, what: str, needed: int | None = None) -> bool:
        """Try a candidate until it is clear whether it fails often enough; accept it if so."""
        needed = needed or self._needed
        if not script_in(options).operations:
            return False
        failed = 0
        for number in range(TRIES):
            if failed + TRIES - number < needed:
                return False
            finding = self._attempt_once(options)
            if finding is not None:
                failed += 1
                if failed == needed:
                    self.best, self._finding = options, finding
                    self._report(f"{summary_of(options)}: fails ({what})")
                    return True
        return False

    def _keep(self, places: Sequence[int], what: str) -> bool:
        """Try only the operations at these places."""
        operations = self._script.operations
        if len(places) == len(operations):
            return False
        return self._try(with_operations(self._present, [operations[p] for p in places]), what)

    def _truncate(self) -> bool:
        """Leave out what began after the violation."""
        return self._keep(sorted(self._finding.begun), "nothing after the violation")

    def _happened_only(self) -> None:
        self._keep(sorted(self._finding.happened), "no operation that failed")

    def _drop_operations(self) -> None:
        """Leave out halves, quarters and so on, down to single operations."""
        size = len(self._script.operations) // 2
        while size:
            place = 0
            while place < (count := len(self._script.operations)):
                places = [p for p in range(count) if not place <= p < place + size]
                if self._keep(places, "fewer operations"):
                    self._truncate()
                else:
                    place += size
            size //= 2

    def _plain_network(self) -> None:
        options = self._present
        if options.latency_ms:
            plain = replace(self._present, latency_ms=0.0, latency_distribution="constant")
            self._try(plain, "no latency")
        if options.loss:
            self._try(replace(self._present, loss=0.0), "no loss")
        if options.duplication:
            self._try(replace(self._present, duplication=0.0), "no duplication")
        if options.head_of_line:
            self._try(replace(self._present, delivery=ON_TIME), "delivery on time")

    def _drop_faults(self) -> None:
        if self._script.faults and self._try(with_faults(self._present, ()), "no faults"):
            return
        place = 0
        while place < len(self._script.faults):
            faults = self._script.faults
            fewer = (*faults[:place], *faults[place + 1 :])
            if not self._try(with_faults(self._present, fewer), "fewer faults"):
                place += 1

    def _drop_nodes(self) -> None:
        """Leave out nodes, with their operations, or with their operations at another node."""
        for node in self._present.nodes:
            others = [name for name in self._present.nodes if name != node]
            if others and not self._try(without(self._present, node, None), "fewer nodes"):
                self._try(without(self._present, node, others[0]), "fewer nodes")

    def _shorten(self) -> None:
        """Shorten pauses if the run fails as often then: a busy machine blurs short ones."""
        needed = TRIES if self._always else self._needed
        for gap_ms in GAPS_MS:
            candidate = with_gaps_at_most(self._present, gap_ms * NANOSECONDS_PER_MILLISECOND)
            if candidate == self._present or self._try(candidate, "shorter", needed):
                return


def beginnings(options: Options, place: int) -> Iterator[Options]:
    """Yield parts of a run to begin with, the smaller ones first, the whole run last.

    ``place`` is that of the operation that showed the violation. The operations of its key around
    it are the most likely cause.
    """
    operations = script_in(options).operations
    key = operations[place].operation.key
    of_key = [p for p, scripted in enumerate(operations) if scripted.operation.key == key]
    middle = of_key.index(place)
    size = WINDOW_FIRST
    while size < len(of_key):
        places = of_key[max(0, middle - size) : middle + size // 2]
        yield with_operations(options, [operations[p] for p in places])
        size *= WINDOW_FACTOR
    if len(of_key) < len(operations):
        yield with_operations(options, [operations[p] for p in of_key])
    yield options


def script_in(options: Options) -> Script:
    """Return the script of options that have one."""
    assert options.script is not None
    return options.script


def summary_of(options: Options) -> str:
    """Return the size of a run, for people."""
    script = script_in(options)
    noun = "fault" if len(script.faults) == 1 else "faults"
    return (
        f"{len(script.operations)} operations, {len(script.faults)} {noun}, "
        f"{len(options.nodes)} nodes, "
        f"{length_s(script):.2f} s"
    )


def length_s(script: Script) -> float:
    """Return the seconds from the start to the last operation or fault."""
    ats = [scripted.at for scripted in script.operations] + [fault.at for fault in script.faults]
    return max(ats, default=0) / NANOSECONDS_PER_SECOND


def with_operations(options: Options, operations: Sequence[ScriptedOperation]) -> Options:
    """Return the options with only these operations, and the faults of their time."""
    if not operations:
        return with_script(options, Script((), ()))
    first, last = operations[0].at, operations[-1].at
    faults = script_in(options).faults
    before = [fault for fault in faults if fault.at < first][-FAULTS_BEFORE:]
    during = [fault for fault in faults if first <= fault.at <= last]
    begin = min(first, *(fault.at for fault in before)) if before else first
    return with_script(
        options,
        Script(
            tuple(scripted._replace(at=scripted.at - begin) for scripted in operations),
            tuple(fault._replace(at=fault.at - begin) for fault in (*before, *during)),
        ),
    )


def with_faults(options: Options, faults: Sequence[Act]) -> Options:
    """Return the options with only these faults."""
    return with_script(options, replace(script_in(options), faults=tuple(faults)))


def without(options: Options, node: str, other: str | None) -> Options:
    """Return the options without a node; ``other``, unless it is None, takes its operations."""
    script = script_in(options)
    operations = [scripted for scripted in script.operations if scripted.node != node]
    if other is not None:
        operations = [
            scripted._replace(node=other if scripted.node == node else scripted.node)
            for scripted in script.operations
        ]
    faults = [left for fault in script.faults if (left := without_node(fault, node)) is not None]
    nodes = tuple(name for name in options.nodes if name != node)
    fewer = Script(tuple(operations), tuple(faults))
    return replace(with_script(options, fewer), nodes=nodes)


def with_gaps_at_most(options: Options, gap_ns: int) -> Options:
    """Return the options with no pause longer than ``gap_ns``."""
    script = script_in(options)
    ats = sorted({scripted.at for scripted in script.operations} | {f.at for f in script.faults})
    new_at = {}
    now = before = 0
    for at in ats:
        now += min(at - before, gap_ns)
        new_at[at] = now
        before = at
    return with_script(
        options,
        Script(
            tuple(each._replace(at=new_at[each.at]) for each in script.operations),
            tuple(fault._replace(at=new_at[fault.at]) for fault in script.faults),
        ),
    )


def with_script(options: Options, script: Script) -> Options:
    """Return the options with another script, and a time limit that lets it end."""
    return replace(
        options, script=script, time_limit_s=round(length_s(script) + TIME_LIMIT_MARGIN_S, 3)
    )
