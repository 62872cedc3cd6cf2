"""One test from start to end: start the nodes, work, break, stop, write, judge."""

import signal
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from random import Random
from types import FrameType

import orjson

from vsr_node.bench.faults.kind import Demand
from vsr_node.bench.faults.kinds import wanted
from vsr_node.bench.faults.nemesis import Nemesis
from vsr_node.bench.faults.plan import Act, plan_faults
from vsr_node.bench.faults.reconfigure import RECONFIGURE, Offer
from vsr_node.bench.nodes.clients import Client
from vsr_node.bench.nodes.gauge import LeaderGauge
from vsr_node.bench.nodes.ground import RunGround
from vsr_node.bench.nodes.history import History
from vsr_node.bench.nodes.links import Links
from vsr_node.bench.nodes.loop import (
    NANOSECONDS_PER_MICROSECOND,
    NANOSECONDS_PER_MILLISECOND,
    NANOSECONDS_PER_SECOND,
    Loop,
    Timers,
    clock_from_now,
    collector_paused,
)
from vsr_node.bench.nodes.members import Members
from vsr_node.bench.nodes.mistakes import Mistakes
from vsr_node.bench.nodes.network import Network
from vsr_node.bench.nodes.processes import Launch
from vsr_node.bench.nodes.services import offer_services
from vsr_node.bench.running.console import Console
from vsr_node.bench.running.scripted_workers import ScriptedWorkers
from vsr_node.bench.running.set_up import SetUp
from vsr_node.bench.running.thorough_workers import ThoroughWorkers
from vsr_node.bench.running.workers import ClientPool, Work, Workers
from vsr_node.bench.stored.options import Options, stored_values
from vsr_node.bench.stored.results import Results, RunRecord, results_of
from vsr_node.bench.stored.screen import screen_of
from vsr_node.bench.stored.script import OPERATIONS, operation_line
from vsr_node.bench.stored.store import Store
from vsr_node.bench.workloads import WORKLOADS, Setting, Workload
from vsr_node.bench.workloads.verdict import WorkloadVerdict
from vsr_node.checker.history import Event
from vsr_node.checker.validity import Validity
from vsr_node.report import draw
from vsr_node.start import EXIT_SIGNAL, Stopped

TICK_NS = NANOSECONDS_PER_SECOND // 5
REST_NS = 10 * NANOSECONDS_PER_SECOND
"""Between the end of the faults and the final phase, as in Maelstrom."""
PLAIN_LINE_INTERVAL_NS = 5 * NANOSECONDS_PER_SECOND


class SetupError(Exception):
    """The group did not come up, so there is no run to judge."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a test; ``results.json`` in ``folder`` holds ``results``."""

    results: Results
    folder: Path
    events: Sequence[Event]
    signal_number: int | None = None
    """The signal that cut the test short; None if none did."""

    @property
    def exit_status(self) -> int:
        """That of the verdict. A test that was cut short is invalid, or else it was stopped."""
        if self.signal_number is None or self.results.valid is Validity.INVALID:
            return self.results.valid.exit_status
        return EXIT_SIGNAL + self.signal_number


class Interruption:
    """Keeps the first signal. The loop looks at it between turns, so that no turn is torn apart."""

    def __init__(self) -> None:
        self.signal_number: int | None = None
        self._raises = False

    def __call__(self, signal_number: int, frame: FrameType | None) -> None:
        """Handle a signal."""
        del frame
        if self.signal_number is None:
            self.signal_number = signal_number
        if self._raises:
            raise Stopped(signal_number)

    @contextmanager
    def raised(self) -> Iterator[None]:
        """Let signals raise ``Stopped``, in what can be torn apart."""
        self._raises = True
        try:
            yield
        finally:
            self._raises = False


@contextmanager
def noticed_signals() -> Iterator[Interruption]:
    """Keep Ctrl-C, SIGTERM and SIGHUP from ending the process; note the first of them."""
    interruption = Interruption()
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = [(number, signal.signal(number, interruption)) for number in numbers]
    try:
        yield interruption
    finally:
        for number, handler in before:
            signal.signal(number, handler)


def run_test(options: Options, console: Console, *, drawn: bool = True) -> Outcome:
    """Run a test, print its screen and write its results, and its page unless ``drawn`` is false.

    Ctrl-C, SIGTERM and SIGHUP cut the run short, then the judging, then the drawing. Raises
    SetupError if the nodes don't come up, Stopped if a signal came before they had.
    """
    store = Store(options.store, options.workload)
    try:
        with noticed_signals() as interruption:
            return _run_in(store, options, console, interruption, drawn=drawn)
    finally:
        console.log_to(None)
        store.close()


def _run_in(
    store: Store, options: Options, console: Console, interruption: Interruption, *, drawn: bool
) -> Outcome:
    console.log_to(store.open_log("bench.log"))
    repeat = options.repeat_command(store.folder)
    store.write_text("command.txt", repeat + "\n")
    console.say(_headline(options, store.folder))
    run = LiveRun(options, console, store)
    record = run.record(interruption)
    console.say("judging the history")
    store.flush()
    verdict = _judge(run.workload, record, interruption)
    results = results_of(record, verdict, repeat)
    store.write_json("results.json", results.as_json())
    drawing = None
    if drawn:
        with suppress(Stopped), interruption.raised():
            drawing = draw(store.folder)
            results = results.explained(drawing.explanation)
            store.write_json("results.json", results.as_json())
    console.say(screen_of(results, store.folder, drawing))
    return Outcome(results, store.folder, record.events, interruption.signal_number)


def _judge(workload: Workload, record: RunRecord, interruption: Interruption) -> WorkloadVerdict:
    """Judge the history, which is on disk by now. A further signal ends the judging."""
    try:
        with interruption.raised():
            return workload.judge(record.events, record.options.check_bounds)
    except Stopped:
        return WorkloadVerdict(Validity.UNKNOWN, "judging was interrupted")


_OPERATIONS = {
    True: "where faults may show (--as-maelstrom: as Maelstrom draws them)",
    False: "as Maelstrom draws them",
}


def _headline(options: Options, folder: Path) -> str:
    is_thorough = options.is_thorough and WORKLOADS[options.workload].follows_faults
    return (
        f"{options.workload} on {len(options.nodes)} nodes for {options.time_limit_s:g} s: "
        f"rate {options.rate:g}, {options.concurrency} clients, latency "
        f"{options.latency.mean_ms:g} ms {options.latency.name}, seed {options.seed}; "
        f"operations {_OPERATIONS[is_thorough]}\n{folder}"
    )


class LiveRun:
    """The parts of one run. ``record`` takes it from start to end and leaves no process behind."""

    def __init__(self, options: Options, console: Console, store: Store) -> None:
        self._options = options
        self._console = console
        self._store = store
        self._messages = store.open_messages(options.messages_kept)
        self._clock_start_us = time.monotonic_ns() // NANOSECONDS_PER_MICROSECOND
        self._timers = Timers(clock_from_now())
        self._logs = store.open_node_logs(
            self._timers.now, console.say if options.log_stderr else None
        )
        self._ground = self._lay_ground()
        self._loop = Loop(self._timers)
        setting = Setting(
            len(options.nodes), options.concurrency, options.parameters, options.is_thorough
        )
        self.workload = WORKLOADS[options.workload](setting, self._stream("workload"))
        self._plan = self._write_plan()
        self._clients: list[Client] = []
        launch = Launch(options.command_in(store.folder), self._logs)
        self._members = Members(self._ground, self._loop, options.nodes, launch, self._new_client)
        self._plain_line_due = 0

    def _lay_ground(self) -> RunGround:
        options, store, say = self._options, self._store, self._console.say
        timers = self._timers
        mistakes = Mistakes(timers.now, say, self._logs.last_lines)
        links = Links(self._stream("network"), options.latency, options.loss, options.duplication)
        network = Network(
            timers, links, mistakes, self._messages, head_of_line=options.head_of_line
        )
        offer_services(network, timers, self._stream("services"))
        lines, text = store.open_log("history.jsonl"), store.open_log("history.txt")
        return RunGround(timers, mistakes, network, History(timers.now, lines, text), say)

    def _stream(self, part: str) -> Random:
        """Return the random stream of a part, so that no part's draws change another's."""
        return Random(f"{self._options.seed}/{part}")

    def _write_plan(self) -> Sequence[Act]:
        """Plan all faults, and write the schedule before any of them acts.

        Its times count from when operations begin, so that a seed always gives the same file.
        """
        options = self._options
        plan: Sequence[Act]
        if options.script is not None:
            plan = options.script.faults
        else:
            demand = Demand(
                kinds=wanted(options.nemeses, options.slow_ms),
                nodes=options.nodes,
                interval_ns=int(options.nemesis_interval_s * NANOSECONDS_PER_SECOND),
                time_limit_ns=int(options.time_limit_s * NANOSECONDS_PER_SECOND),
                slow_ms=options.slow_ms,
                partitions=options.partitions,
                thorough=options.is_thorough,
                heals=self.workload.has_final_phase,
            )
            plan = plan_faults(demand, self._stream)
        lines = [orjson.dumps(act.as_json()) for act in plan]
        self._store.write_text("faults.jsonl", b"".join(line + b"\n" for line in lines).decode())
        return plan

    def record(self, interruption: Interruption) -> RunRecord:
        """Run the test. Raises SetupError or Stopped; the nodes are ended in any case."""
        with collector_paused():
            try:
                self._start_nodes(interruption)
                self._set_up(interruption)
                return self._work(interruption)
            finally:
                self._members.stop()
                self._loop.close()
                self._console.show_status("")

    def _start_nodes(self, interruption: Interruption) -> None:
        """Start all nodes and wait until they are initialized."""
        self._members.start()
        self._tick()
        self._loop.run_until(
            lambda: (
                self._members.is_up
                or self._members.has_failed
                or self._members.has_ended_node
                or interruption.signal_number is not None
            )
        )
        if interruption.signal_number is not None:
            raise Stopped(interruption.signal_number)
        if not self._members.is_up:
            raise SetupError("the group did not come up; its mistakes say why")

    def _set_up(self, interruption: Interruption) -> None:
        """Send what the workload sends to each node before all operations."""
        if any(act.kind is RECONFIGURE for act in self._plan):
            self._require_offer(interruption)
        set_up = SetUp(self._new_client, self._time_out_ns())
        set_up.start(self._options.nodes, self.workload.set_up(self._options.nodes))
        self._loop.run_until(lambda: set_up.done or interruption.signal_number is not None)
        if interruption.signal_number is not None:
            raise Stopped(interruption.signal_number)
        if set_up.failure is not None:
            raise SetupError(set_up.failure)

    def _require_offer(self, interruption: Interruption) -> None:
        """Raise SetupError if the nodes can't be asked for other members."""
        offer = Offer(self._new_client(), self._options.nodes[0])
        self._loop.run_until(lambda: offer.is_known or interruption.signal_number is not None)
        if interruption.signal_number is None and offer.missing is not None:
            raise SetupError(offer.missing)

    def _new_client(self) -> Client:
        client = Client(f"c{len(self._clients)}", self._ground.network, self._timers)
        self._clients.append(client)
        return client

    def _work(self, interruption: Interruption) -> RunRecord:
        """Let the workers and the nemesis work until the time is up and all answers are in."""
        options = self._options
        begin = self._timers.now()
        cpu_begin = time.process_time()
        self._store.write_json("test.json", stored_values(options) | {"operations_begin_ns": begin})
        workers = self._new_workers()
        gauge = LeaderGauge(
            self._timers,
            options.nodes,
            self._ground.network.servers,
            int(options.latency.mean_ms * NANOSECONDS_PER_MILLISECOND),
        )
        gauge.start()
        nemesis = Nemesis(
            self._ground,
            self._members,
            gauge,
            workers.in_flight_at,
            workers.on_fault,
            workers.hold_changes,
            self._new_client,
        )
        self._show_progress(workers, nemesis)
        nemesis.start(self._plan)
        workers.start()
        self._loop.run_until(
            lambda: (
                interruption.signal_number is not None
                or (workers.done and self._members.is_settled)
                or self._members.is_gone
            )
        )
        workers.stop()
        nemesis.stop()
        if self.workload.has_final_phase:
            self._do_final_phase(workers, interruption)
        return RunRecord(
            options=options,
            clock_start_us=self._clock_start_us,
            operations_begin=begin,
            duration=self._timers.now() - begin,
            events=self._ground.history.events,
            network=self._ground.network,
            effects=nemesis.effects,
            leaderships=gauge.leaderships,
            mistakes=self._ground.mistakes,
            time_out_count=workers.time_out_count,
            late_reply_count=sum(client.late_reply_count for client in self._clients),
            held_up_count=workers.held_up_count,
            read_back_count=workers.read_back_count,
            operation_lateness=workers.lateness,
            turns=self._loop.turns,
            cpu_seconds=time.process_time() - cpu_begin,
            messages_left_out=self._messages.left_out,
            interrupted=interruption.signal_number is not None,
        )

    def _do_final_phase(self, workers: ClientPool, interruption: Interruption) -> None:
        """Let the group rest without faults, then let the workers do what they do in the end."""

        def is_cut_short() -> bool:
            return interruption.signal_number is not None or self._members.is_gone

        rested_at = self._timers.now() + REST_NS
        self._loop.run_until(lambda: is_cut_short() or self._timers.now() >= rested_at)
        if not is_cut_short():
            workers.begin_final_phase()
            self._loop.run_until(lambda: is_cut_short() or workers.final_phase_done)

    def _time_out_ns(self) -> int:
        """Return how long a client waits for a reply."""
        seconds = self.workload.time_out_s(self._options.latency.mean_ms)
        return int(seconds * NANOSECONDS_PER_SECOND)

    def _new_workers(self) -> ClientPool:
        """Return workers that do the script's operations, or those that the seed draws."""
        options = self._options
        clients = [self._new_client() for _ in range(options.concurrency)]
        work = Work(self.workload, clients, self._time_out_ns(), self._new_client)
        if options.script is not None:
            operations = options.script.operations
            lines = b"".join(map(operation_line, operations))
            self._store.write_text(OPERATIONS, lines.decode())
            return ScriptedWorkers(self._ground, work, operations)
        is_thorough = options.is_thorough and self.workload.follows_faults
        kind = ThoroughWorkers if is_thorough else Workers
        return kind(
            self._ground,
            work,
            self._stream("workers"),
            options.nodes,
            rate=options.rate,
            time_limit_ns=int(options.time_limit_s * NANOSECONDS_PER_SECOND),
        )

    def _tick(self) -> None:
        """Flush the files, now and once a tick from now on."""
        self._store.flush()
        self._timers.call_at(self._timers.now() + TICK_NS, self._tick)

    def _show_progress(self, workers: ClientPool, nemesis: Nemesis) -> None:
        """Keep the live line fresh, or print a plain line from time to time."""
        now = self._timers.now()
        counts = workers.counts
        text = (
            f"{now / NANOSECONDS_PER_SECOND:.1f} s: "
            f"{counts['invoke']} operations, {counts['ok']} ok, {counts['fail']} fail, "
            f"{counts['info']} info, {workers.in_flight} in flight"
        )
        if nemesis.current:
            text += f" | {nemesis.current}"
        if self._console.is_terminal:
            self._console.show_status(text)
        elif now >= self._plain_line_due:
            if self._plain_line_due:
                self._console.say(text)
            self._plain_line_due = now + PLAIN_LINE_INTERVAL_NS
        self._timers.call_at(now + TICK_NS, self._show_progress, workers, nemesis)
