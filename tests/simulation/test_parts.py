"""The parts of the simulator, each by itself."""

from collections import Counter
from dataclasses import replace

import pytest

from vsr_node.core.limits import Limits
from vsr_node.core.messages import (
    Checkpoint,
    DurableState,
    NewCheckpoint,
    Prepare,
    PrepareOk,
    Reason,
    Refusal,
    ReplaceLog,
    Reply,
    Request,
    SaveCheckpoint,
    SetCommit,
    SetView,
    StartViewChange,
)
from vsr_node.core.size import size_of_entry
from vsr_node.links.frames import Relay
from vsr_node.simulation.choices import DelayKind
from vsr_node.simulation.cluster import Cluster
from vsr_node.simulation.disk import Disk
from vsr_node.simulation.encoding import Encoding
from vsr_node.simulation.faults import AfterOutputs, Ambush, Crash, Instant, Pause
from vsr_node.simulation.invariants import RESTORED, Violation
from vsr_node.simulation.network import HOP_TIME, Network, delay_table
from vsr_node.simulation.plan import (
    Disks,
    Lane,
    MessageFaults,
    Plan,
    PlannedOperation,
    Settlement,
    draw,
)
from vsr_node.simulation.requests import ClientRequest
from vsr_node.simulation.run import SimulatedRun, execute
from vsr_node.simulation.shrink import Shrinker
from vsr_node.simulation.streams import exponential, stream
from vsr_node.simulation.subject import MAELSTROM
from vsr_node.simulation.timeline import MICROSECONDS_PER_SECOND, Timeline
from vsr_node.simulation.transcript import Transcript


def test_events_of_one_time_come_in_the_order_in_which_they_were_scheduled() -> None:
    timeline = Timeline()
    seen: list[object] = []
    for time, name in ((5, "c"), (1, "a"), (5, "d"), (2, "b")):
        timeline.at(time, seen.append, name)
    assert timeline.run_until(10) is False
    assert seen == ["a", "b", "c", "d"]
    assert timeline.now == 10


def test_stop_ends_a_run_after_the_present_event() -> None:
    timeline = Timeline()
    timeline.at(1, lambda _: timeline.stop())
    timeline.at(2, lambda _: pytest.fail("an event after the end"))
    assert timeline.run_until(10) is True
    assert timeline.now == 1


def test_streams_depend_on_their_whole_path() -> None:
    draws = [stream(1, *path).random() for path in (("a",), ("b",), ("a", "b"), ("a", 1))]
    assert len(set(draws)) == 4
    assert stream(1, "a").random() == draws[0]


def test_exponential_has_its_mean() -> None:
    random = stream(0, "mean")
    draws = [exponential(random, 1000) for _ in range(20_000)]
    assert 950 < sum(draws) / len(draws) < 1050


@pytest.mark.parametrize("kind", list(DelayKind))
def test_delays_have_about_their_mean(kind: DelayKind) -> None:
    delays = delay_table(MessageFaults(delay_kind=kind, delay_mean=1000))
    assert 900 <= sum(delays) / len(delays) <= 1700


def sent_over(faults: MessageFaults, count: int = 1000) -> tuple[Network, list[object]]:
    timeline = Timeline()
    arrived: list[object] = []
    network = Network(
        0,
        faults,
        timeline,
        Transcript(timeline, 0),
        lambda _source, _destination, message: arrived.append(message),
    )
    for number in range(count):
        network.send("n0", "n1", number)
    timeline.run_until(1 << 40)
    return network, arrived


def test_a_perfect_link_keeps_all_messages_in_order() -> None:
    _, arrived = sent_over(MessageFaults())
    assert arrived == list(range(1000))


def test_what_was_slow_does_not_hold_up_a_link_that_is_well_again() -> None:
    # Seed 3523 was told that a quorum hears its primary, while a link of it was silent for seconds.
    timeline = Timeline()
    arrived: list[tuple[int, object]] = []
    network = Network(
        0,
        MessageFaults(delay_mean=100),
        timeline,
        Transcript(timeline, 0),
        lambda _source, _destination, message: arrived.append((timeline.now, message)),
    )
    network.link("n0", "n1").slowness = 5_000
    network.send("n0", "n1", "slow")
    network.link("n0", "n1").slowness = 0
    network.clean("n0", "n1")
    network.send("n0", "n1", "quick")
    timeline.run_until(1 << 40)
    assert arrived == [(100, "quick"), (5_100, "slow")]


def test_a_network_knows_until_when_votes_are_under_way() -> None:
    # Seed 4568 was told that a quorum has no vote out, while one of it was yet to arrive.
    timeline = Timeline()
    network = Network(
        0,
        MessageFaults(delay_mean=100),
        timeline,
        Transcript(timeline, 0),
        lambda _source, _destination, _message: None,
    )
    assert not network.has_votes_under_way({"n0"})
    network.link("n0", "n1").slowness = 5_000
    network.send("n0", "n1", StartViewChange(1, 0))
    network.link("n0", "n1").slowness = 0
    network.send("n0", "n1", StartViewChange(1, 0))
    # At a hop it waits for a turn, which is under way too.
    network.send("n2", "n1", Relay("n3", ("n0",), StartViewChange(1, 0)))
    for time, voters in ((HOP_TIME, {"n0", "n3"}), (HOP_TIME + 100, {"n0"}), (1 << 40, set())):
        timeline.run_until(time)
        assert {
            name for name in ("n0", "n2", "n3") if network.has_votes_under_way({name})
        } == voters


def test_a_primary_that_has_not_heard_a_quorum_for_long_is_not_at_rest() -> None:
    # Seed 3072 was told that a quorum is at rest, whose primary was about to give it up.
    plan = replace(
        draw(0),
        replica_count=3,
        clock_rates_per_mille=(1000,) * 3,
        messages=MessageFaults(),
    )
    run = SimulatedRun(plan, None)
    run.timeline.run_until(MICROSECONDS_PER_SECOND)
    quorum = run.cluster.hosts
    primary = run.cluster.primary()
    assert run._is_at_rest(quorum)
    assert primary.replica is not None
    for peer in primary.replica.peers:
        primary.replica.round_trip.echoed[peer] -= primary.replica.time_out
    assert not run._is_at_rest(quorum)


# Of seed 10124: a primary is told in one turn that it is one, and of what came after it.
TOLD_AND_LEFT = Plan(
    seed=10124,
    replica_count=7,
    turn_delay=0,
    clock_rates_per_mille=(1000,) * 7,
    messages=MessageFaults(
        delay_mean=1000,
        copy_delay_mean=1000,
        replays=True,
        lost=frozenset(
            {
                ("flood", "n0", 20),
                ("n0", "n2", 3),
                ("n0", "n2", 28),
                ("n0", "n1", 10),
                ("flood", "n0", 2),
                ("n0", "n2", 24),
                ("n0", "c0", 0),
            }
        ),
    ),
    faults=(
        Crash(start=31603, end=39224, point=Instant.BEFORE_SAVE, flood=30),
        Pause(start=68152, end=498914),
        Pause(start=468152, end=985787),
        Crash(start=556712, end=562713, replica=2, flood=8),
        Ambush(start=586348, end=2229349, point=AfterOutputs(1)),
        Ambush(start=729638, end=1030639, point=AfterOutputs(0)),
        Crash(start=1432269, end=1436470, point=Instant.BEFORE_SAVE, flood=8),
    ),
    lanes=(
        Lane(
            client="c0",
            retry_after=1000000,
            operations=(
                PlannedOperation(
                    operation=("cas", '"k1"', "4", "2", False), think_time=8512, targets=(2,)
                ),
                PlannedOperation(operation=("read", '"k1"'), think_time=17063, targets=(6, 0)),
                PlannedOperation(
                    operation=("cas", '"k0"', "3", "2", False), think_time=1729, targets=(2, 4)
                ),
            ),
        ),
    ),
    settlement=Settlement(quorum=tuple(range(7)), fates=(), lanes=(), lanes_after_healing=()),
    limits=Limits(checkpoint_interval=50, chunk_parts=1),
    disks=Disks(are_flushed=False),
)


def test_a_replica_may_tell_of_its_log_and_lose_it_to_a_newer_view_in_one_turn() -> None:
    assert execute(TOLD_AND_LEFT, None).failure is None


def test_a_link_loses_and_repeats_at_its_rates() -> None:
    network, arrived = sent_over(MessageFaults(loss_per_myriad=2000, duplicate_per_myriad=1000))
    assert 150 < len(network.lost) < 250
    assert 50 < len(network.duplicated) < 120
    assert len(arrived) == 1000 - len(network.lost) + len(network.duplicated)


def test_a_link_reorders_unless_it_keeps_order() -> None:
    faults = MessageFaults(delay_kind=DelayKind.EXPONENTIAL)
    network, _ = sent_over(replace(faults, in_order=False))
    assert network.reordered_count > 100
    _, arrived = sent_over(replace(faults, in_order=True))
    assert arrived == list(range(1000))


def test_losses_can_be_named_one_by_one() -> None:
    lost = frozenset({("n0", "n1", 3), ("n0", "n1", 5)})
    _, arrived = sent_over(MessageFaults(lost=lost), count=7)
    assert arrived == [0, 1, 2, 4, 6]


def test_the_disk_keeps_what_records_add_up_to() -> None:
    disk = Disk()
    a, b, c = (("c", number, None) for number in range(3))
    disk.save([ReplaceLog(1, (a, b)), SetView(2, 1), SetCommit(1)])
    disk.save([ReplaceLog(2, (c,)), SetCommit(0)])
    assert disk.load() == DurableState(2, 1, 1, entries=(a, c))
    assert disk.holds(2, [c])
    assert not disk.holds(2, [c, c])


def test_a_disk_holds_what_its_checkpoint_covers() -> None:
    # Who answers GET_STATE and installs a checkpoint in one turn has told nothing untrue.
    disk = Disk()
    a, b, c = (("c", number, None) for number in range(3))
    disk.save([SaveCheckpoint(Checkpoint(2, 0, ()), 3), ReplaceLog(3, (c,)), SetCommit(2)])
    assert disk.holds(1, [a, b])
    assert disk.holds(1, [a, b, c])
    assert not disk.holds(1, [a, b, a])


# The invariants notice what they are there for, also without a mutant.


def cluster_of_three() -> Cluster:
    timeline = Timeline()
    plan = replace(draw(0), replica_count=3, clock_rates_per_mille=(1000,) * 3)
    return Cluster(plan, timeline, Transcript(timeline, 10), calm=False)


def test_an_acknowledgement_of_what_is_not_on_disk_is_a_violation() -> None:
    cluster = cluster_of_three()
    with pytest.raises(Violation, match="durable-before-sent"):
        cluster.invariants.on_send(cluster.hosts[1], ("n0",), PrepareOk(0, 1, 0))


def test_an_answer_to_what_nobody_executed_is_a_violation() -> None:
    cluster = cluster_of_three()
    with pytest.raises(Violation, match="honest-reply"):
        cluster.invariants.on_reply(cluster.hosts[0], Reply("c1", 1, ("write_ok",)))


def test_a_wrong_result_is_a_violation() -> None:
    cluster = cluster_of_three()
    host = cluster.hosts[0]
    host.applied.append(((("c1", 1), ("write", "k", "1")), ("write_ok",)))
    cluster.invariants.on_turn(host)
    cluster.invariants.on_reply(host, Reply("c1", 1, ("write_ok",)))
    with pytest.raises(Violation, match="honest-reply"):
        cluster.invariants.on_reply(host, Reply("c1", 1, ("cas_ok",)))


def test_an_execution_with_another_result_than_the_models_is_a_violation() -> None:
    cluster = cluster_of_three()
    host = cluster.hosts[0]
    steps = (("append", "1", "2"), ("r", "1"))
    host.applied.append(((("c1", 1), ("txn", steps)), ("txn_ok", '[["append",1,2],["r",1,[2,2]]]')))
    with pytest.raises(Violation, match="right-answer"):
        cluster.invariants.on_turn(host)


def test_a_read_of_a_state_that_there_never_was_is_a_violation() -> None:
    cluster = cluster_of_three()
    host = cluster.hosts[0]
    read = ("poll", (('"k"', 0),))
    cluster.invariants.on_asked(ClientRequest("c1", 1, (("c1", 1), read)))
    for number in (2, 3):
        send = (("c1", number), ("send", '"k"', str(number)))
        host.applied.append((send, ("send_ok", str(number - 2))))
    cluster.invariants.on_turn(host)
    for text in ("{}", '{"k":[[0,2]]}', '{"k":[[0,2],[1,3]]}'):
        cluster.invariants.on_reply(host, Reply("c1", 1, ("poll_ok", text)))
    with pytest.raises(Violation, match="right-answer"):
        cluster.invariants.on_reply(host, Reply("c1", 1, ("poll_ok", '{"k":[[1,3]]}')))


def test_another_order_at_another_replica_is_a_violation() -> None:
    cluster = cluster_of_three()
    first, second = cluster.hosts[:2]
    first.applied.append(((("c1", 1), ("write", "k", "1")), ("write_ok",)))
    cluster.invariants.on_turn(first)
    second.applied.append(((("c1", 2), ("write", "k", "1")), ("write_ok",)))
    with pytest.raises(Violation, match="agreement"):
        cluster.invariants.on_turn(second)


def test_a_second_execution_is_a_violation() -> None:
    cluster = cluster_of_three()
    host = cluster.hosts[0]
    operation = (("c1", 1), ("write", "k", "1"))
    host.applied.extend([(operation, ("write_ok",)), (operation, ("write_ok",))])
    with pytest.raises(Violation, match="exactly-once"):
        cluster.invariants.on_turn(host)


def test_execution_of_what_was_refused_is_a_violation() -> None:
    cluster = cluster_of_three()
    host = cluster.hosts[0]
    cluster.invariants.on_certain_refusal(("c1", 1))
    host.applied.append(((("c1", 1), ("write", "k", "1")), ("write_ok",)))
    with pytest.raises(Violation, match="honest-refusal"):
        cluster.invariants.on_turn(host)


def test_a_certain_refusal_of_what_the_own_log_has_is_a_violation() -> None:
    cluster = cluster_of_three()
    host = cluster.hosts[0]
    assert host.replica is not None
    # In one turn a newer view has taken the second out of the log, and brought the third.
    host.replica.append((("c1", 1, None), ("c1", 3, None)))
    host.disk.save([ReplaceLog(1, (("c1", 1, None), ("c1", 2, None)))])
    refusals = [
        Refusal("c1", 1, Reason.OUTCOME_UNKNOWN),
        *(Refusal("c1", number, Reason.UNAVAILABLE) for number in (2, 3, 4)),
    ]
    cluster.invariants.before_turn_counts(host, refusals)
    with pytest.raises(Violation, match="honest-refusal"):
        cluster.invariants.before_turn_counts(host, [Refusal("c1", 1, Reason.UNAVAILABLE)])


def test_a_certain_refusal_of_what_was_executed_here_is_a_violation() -> None:
    cluster = cluster_of_three()
    first, second = cluster.hosts[:2]
    first.applied.append(((("c1", 1), ("write", "k", "1")), ("write_ok",)))
    cluster.invariants.on_turn(first)
    refusal = Refusal("c1", 1, Reason.UNAVAILABLE)
    cluster.invariants.before_turn_counts(second, [refusal])
    with pytest.raises(Violation, match="honest-refusal"):
        cluster.invariants.before_turn_counts(first, [refusal])


def test_a_restored_state_that_leaves_a_request_without_its_answer_is_a_violation() -> None:
    cluster = cluster_of_three()
    first, second = cluster.hosts[:2]
    first.applied.append(((("c1", 1), ("write", "k", "1")), ("write_ok",)))
    cluster.invariants.on_turn(first)
    for answers in ([Reply("c1", 1, ("read_ok", "1"))], []):
        second.asked["c1", 1] = None
        second.applied_count = 0
        second.applied.append((RESTORED, 1))
        cluster.invariants.on_turn(second)
        if answers:
            cluster.invariants.on_answers(second, answers)
    with pytest.raises(Violation, match="prompt-answer"):
        cluster.invariants.on_answers(second, [])


def test_a_checkpoint_that_leaves_too_little_of_the_log_is_a_violation() -> None:
    cluster = cluster_of_three()
    host = cluster.hosts[0]
    assert host.replica is not None
    interval = host.replica.limits.checkpoint_interval
    checkpoint = Checkpoint(10 * interval, 0, ())
    first_op_number = 9 * interval + 1
    record = SaveCheckpoint(checkpoint, first_op_number)
    cluster.invariants.on_checkpoint(host, record, is_own=True)
    shorter = record._replace(first_op_number=first_op_number + 1)
    cluster.invariants.on_checkpoint(host, shorter, is_own=False)
    with pytest.raises(Violation, match="kept-tail"):
        cluster.invariants.on_checkpoint(host, shorter, is_own=True)


def test_a_backup_that_begins_a_view_without_what_was_committed_is_a_violation() -> None:
    cluster = cluster_of_three()
    backup = cluster.hosts[2]
    assert backup.replica is not None
    cluster.invariants._committed.append(("c1", 1, None))
    cluster.invariants._committed_in_view.append(0)
    backup.replica.view_number = 1
    with pytest.raises(Violation, match="whole-in-view"):
        cluster.invariants.on_turn(backup)


def test_a_message_through_bytes_is_what_it_was() -> None:
    encoding = Encoding(MAELSTROM.codec)
    operation = (("c1", 1), ("cas", '"k0"', "1", "2", False))
    entry = ("c1", 1, operation)
    client = ("c1", -1, ((1, ("error", 22, "not 1")), (2, ("read_ok", "1"))))
    for message in (
        Prepare(3, 4, 5, (entry,), 6, 7),
        PrepareOk(3, 1, 0),
        NewCheckpoint(3, 4, 1, 3, 0, (client, 17, ('"k0"', "1"))),
    ):
        assert encoding.through_bytes(message) == message


def test_a_view_that_goes_back_is_a_violation() -> None:
    cluster = cluster_of_three()
    cluster.hosts[1].view_number = 7
    with pytest.raises(Violation, match="view-goes-back"):
        cluster.invariants.on_turn(cluster.hosts[1])


def test_a_message_beyond_the_bounds_in_size_is_a_violation() -> None:
    cluster = cluster_of_three()
    host = cluster.hosts[0]
    assert host.replica is not None
    entries = (("c1", 1, ("write", "k", "1" * 100)), ("c1", 2, ("write", "k", "2" * 100)))
    message = Request(0, entries)
    host.replica.limits = Limits(batch_size=sum(map(size_of_entry, entries)) + 100)
    cluster.invariants.on_send(host, ("n1",), message._replace(entries=entries[:1]))
    host.replica.limits = Limits(batch_size=150)
    # A single one may be as large as it likes.
    cluster.invariants.on_send(host, ("n1",), message._replace(entries=entries[:1]))
    with pytest.raises(Violation, match="bounded-messages"):
        cluster.invariants.on_send(host, ("n1",), message)


def test_only_what_fails_can_be_shrunk() -> None:
    outcome = execute(draw(1))
    assert outcome.failure is None
    assert outcome.situations == Counter(execute(draw(1)).situations)
    with pytest.raises(ValueError, match="only a plan that fails"):
        Shrinker(outcome)
