"""A small cluster under a script: no chance, one delay for all messages, and a story as text.

    scenario = Scenario(replica_count=3)
    scenario.tell("The primary dies before its PREPARE leaves.")
    scenario.cut("n0")
    scenario.request("c1", ("write", '"x"', "1"), to="n0")
    scenario.run(milliseconds=5)
    print(scenario.text())

All invariants of the simulator are checked here too. ``tests/transcripts`` is made of such scripts.
"""

from vsr_node.core.limits import Limits
from vsr_node.core.messages import Commit, Prepare, Refusal, Reply
from vsr_node.machines.answers import Operation
from vsr_node.simulation.cluster import Cluster, Host
from vsr_node.simulation.faults import LOST_TAIL, AfterOutputs, Instant
from vsr_node.simulation.plan import PER_MILLE, MessageFaults, Plan, Settlement
from vsr_node.simulation.requests import ClientRequest
from vsr_node.simulation.timeline import MILLISECOND, Timeline
from vsr_node.simulation.transcript import Line, Transcript, describe_message, format_line


class _Client:
    """A client that sends requests; the transcript shows its answers."""

    def __init__(self) -> None:
        self.request_number = 0
        self.last: ClientRequest | None = None

    def on_answer(self, replica: str, answer: Reply | Refusal) -> None:
        """Do nothing: the transcript has it."""


class Scenario:
    """The verbs of a script. Delays are one-way."""

    def __init__(
        self,
        replica_count: int = 3,
        delay_milliseconds: int = 1,
        *,
        quorum_reads: bool = False,
        checkpoint_interval: int = 2_048,
    ) -> None:
        plan = Plan(
            seed=0,
            replica_count=replica_count,
            turn_delay=0,
            clock_rates_per_mille=(PER_MILLE,) * replica_count,
            messages=MessageFaults(delay_mean=delay_milliseconds * MILLISECOND),
            faults=(),
            lanes=(),
            settlement=Settlement((), (), (), ()),
            quorum_reads=quorum_reads,
            limits=Limits(checkpoint_interval=checkpoint_interval, chunk_parts=2),
        )
        self._timeline = Timeline()
        self._transcript = Transcript(self._timeline, None, is_detailed=True)
        self._cluster = Cluster(plan, self._timeline, self._transcript, calm=False)
        self._clients: dict[str, _Client] = {}

    def host(self, name: str) -> Host:
        """Return a host, to look at its replica."""
        return self._cluster.host_of(name)

    @property
    def primary(self) -> str:
        """The name of the primary of the newest view."""
        return self._cluster.primary().name

    # The story

    def tell(self, sentence: str) -> None:
        """Add a sentence to the transcript."""
        self._transcript.add("story", sentence)

    def text(self) -> str:
        """Return the transcript without repetitions."""
        lines = drop_repeated_news(self._transcript.lines)
        return "".join(f"{format_line(line)}\n" for line in lines)

    # What clients do

    def request(self, client: str, operation: Operation, *, to: str) -> None:
        """Let a client send a new request."""
        known = self._clients.get(client)
        if known is None:
            known = self._clients[client] = self._cluster.clients[client] = _Client()
        known.request_number += 1
        identity = (client, known.request_number)
        known.last = ClientRequest(*identity, (identity, operation))
        self._cluster.request(client, self.host(to).index, known.last)

    def request_again(self, client: str, *, to: str) -> None:
        """Let a client send its last request once more."""
        last = self._clients[client].last
        assert last is not None
        self._cluster.request(client, self.host(to).index, last)

    # What happens

    def run(self, *, milliseconds: int) -> None:
        """Let virtual time pass."""
        self._timeline.run_until(self._timeline.now + milliseconds * MILLISECOND)

    def cut(self, name: str, *others: str, both_ways: bool = True) -> None:
        """Cut the links from a replica to others (all by default)."""
        for source, destination in self._links(name, others, both_ways=both_ways):
            self._cluster.cut(source, destination)

    def mend(self, name: str, *others: str, both_ways: bool = True) -> None:
        """Undo a cut."""
        for source, destination in self._links(name, others, both_ways=both_ways):
            self._cluster.mend(source, destination)

    def _links(
        self, name: str, others: tuple[str, ...], *, both_ways: bool
    ) -> list[tuple[str, str]]:
        others = others or tuple(host.name for host in self._cluster.hosts if host.name != name)
        forth = [(name, other) for other in others]
        back = [(other, name) for other in others]
        return forth + back if both_ways else forth

    def crash(self, name: str, *, after_outputs: int | None = None) -> None:
        """Kill a replica: now (None), or in its next turn after that many outputs."""
        point = Instant.BETWEEN_TURNS if after_outputs is None else AfterOutputs(after_outputs)
        self._cluster.crash(self.host(name), point)

    def stop(self, name: str) -> None:
        """Stop a replica in good order, as its process ends."""
        self._cluster.stop(self.host(name))

    def crash_and_lose_log(self, name: str) -> None:
        """Kill a replica now; its disk loses the last entry."""
        self._cluster.crash(self.host(name), damage=LOST_TAIL)

    def restart(self, name: str) -> None:
        """Start a dead replica from its disk."""
        self._cluster.restart(self.host(name))


def drop_repeated_news(lines: list[Line]) -> list[Line]:
    """Leave out states and messages that repeat the one before.

    A COMMIT also repeats a PREPARE of the same commit_number.
    """
    kept = []
    last: dict[object, object] = {}
    for line in lines:
        _, kind, details = line
        key: object
        news: object
        match kind, details:
            case "state", (name, *state):
                key, news = name, tuple(state)
            case (("arrives" | "cut"), (source, destination, message)):
                key = (kind, source, destination, type(message))
                news = describe_message(message)
            case _:
                key, news = None, None
        if key is None or last.get(key) != news:
            kept.append(line)
        last[key] = news
        if kind == "arrives" and isinstance(details[2], Prepare):
            commit = Commit(details[2].view_number, details[2].commit_number, 0, 0)
            last[kind, details[0], details[1], Commit] = describe_message(commit)
    return kept
