"""What large operations may grow to: messages, the uncommitted log, and what waits."""

from itertools import pairwise
from typing import cast

import pytest

from tests.core.group import SECOND, Group
from vsr_node.core.checkpoint import MEASURED_AT_ONCE, SAVED_PER_ENTRY
from vsr_node.core.client_table import ClientTable
from vsr_node.core.following import Following
from vsr_node.core.limits import SEALED_SIZE, Limits
from vsr_node.core.messages import (
    DoViewChange,
    DurableState,
    Entries,
    Message,
    NewCheckpoint,
    NewState,
    Parts,
    Prepare,
    Reason,
    Refusal,
    Request,
    StartView,
)
from vsr_node.core.replica import Replica
from vsr_node.core.size import (
    ENTRY_OVERHEAD,
    LONG_TEXT,
    OVERHEAD,
    fitting,
    size_of,
    size_of_all,
    size_of_entry,
    size_of_parts,
)

LARGE = "x" * 1_000
ENTRY_SIZE = size_of_entry(("c1", 1, LARGE))
SMALL_LIMITS = Limits(
    batch_size=3 * ENTRY_SIZE, uncommitted_size=10 * ENTRY_SIZE, waiting_size=20 * ENTRY_SIZE
)


def ask_large(group: Group, name: str, *numbers: int) -> list[Message]:
    """A client asks for so many large operations in one turn."""

    def act(replica: object) -> None:
        for number in numbers:
            group[name].on_request("c1", number, LARGE)

    return group.turn(name, act)


def sizes_of(messages: list[Message]) -> list[int]:
    """The sizes of the entries that each message carries."""
    entries = [cast("Prepare", message).entries for message in messages]
    return [sum(map(size_of_entry, each)) for each in entries]


@pytest.mark.parametrize(
    ("value", "length"),
    [
        ("abc", 3),
        (("write", "k", "vv"), 8),
        (("cas", "k", "1", "2", True), 6),
        (("cas", "k", "1", True, "2"), 6),
        (("c1", 3, ((1, ("read_ok", "value")),)), 14),
        (((1, 2), (3,)), 0),
        # A client's part with one reply, whose tuple of replies has one member, a tuple.
        (("c2", -1, ((1, ("error", 20, "not there")),)), 16),
        ((("read_ok", "value"),), 12),
        (("key", ("read_ok", "value")), 15),
        ((), 0),
        (7, 0),
        (None, 0),
    ],
)
def test_a_size_is_at_least_the_length_of_all_texts(value: object, length: int) -> None:
    assert length + OVERHEAD <= size_of(value) <= length + 12 * OVERHEAD


@pytest.mark.parametrize(
    "operation",
    ["write", 7, ("write", "k", "vv"), ("cas", "k", "1", "2", True), ("a", ("b", "c"), None)],
)
def test_all_entries_together_are_as_large_as_each_or_a_little_more(operation: object) -> None:
    for value in (LARGE, (LONG_TEXT + 1) * "x"):
        entries = (("c1", 1, operation), ("c2", 2, ("write", "k", value)))
        exact = sum(map(size_of_entry, entries))
        assert exact <= size_of_all(entries) <= exact + 2 * ENTRY_OVERHEAD
    assert size_of_all(()) == 0


def test_what_fits_is_at_least_one() -> None:
    texts = ("a" * 100, "b" * 100, "c" * 100)
    assert fitting(texts, 2 * (OVERHEAD + 100), size_of) == texts[:2]
    assert fitting(texts, 1, size_of) == texts[:1]
    assert fitting((), 1, size_of) == ()


def test_a_turn_of_large_requests_is_sent_in_several_prepares() -> None:
    group = Group(3, limits=SMALL_LIMITS)
    sent = ask_large(group, "n0", *range(1, 9))
    prepares = [message for message in sent if isinstance(message, Prepare)]
    assert [message.first_op_number for message in prepares] == [1, 4, 7]
    assert max(sizes_of(list(prepares))) <= SMALL_LIMITS.batch_size
    group.settle()
    assert group["n2"].commit_number == 8


def test_requests_are_forwarded_in_several_messages() -> None:
    group = Group(3, limits=SMALL_LIMITS)
    requests = ask_large(group, "n1", *range(1, 9))
    assert [len(cast("Request", message).entries) for message in requests] == [3, 3, 2]
    group.settle()
    assert len(group.replies("n1")) == 8


def test_an_entry_larger_than_a_message_should_be_goes_alone() -> None:
    group = Group(3, limits=Limits(batch_size=10, uncommitted_size=10))
    ask_large(group, "n1", 1, 2)
    group.run_for(10 * SECOND)
    assert len(group.replies("n1")) == 2


def test_the_uncommitted_log_is_bounded_in_size() -> None:
    group = Group(3, limits=SMALL_LIMITS)
    ask_large(group, "n0", *range(1, 15))
    assert group["n0"].op_number == 10
    # What waits goes on as soon as there is room.
    group.settle()
    group.run_for(SECOND)
    assert group["n0"].commit_number == 14
    assert len(group.replies("n0")) == 14


def test_what_a_primary_inherits_counts_as_uncommitted() -> None:
    entries = tuple(("c1", number, LARGE) for number in range(1, 9))
    durable = DurableState(view_number=1, last_normal_view=1, entries=entries)
    group = Group(3, durable={"n1": durable}, limits=SMALL_LIMITS)
    ask_large(group, "n1", *range(9, 15))
    assert (group["n1"].commit_number, group["n1"].op_number) == (0, 10)


def test_start_view_carries_little_below_the_commit_number() -> None:
    group = Group(3, limits=SMALL_LIMITS)
    group.isolate("n2")
    for number in range(1, 21):
        ask_large(group, "n0", number)
        group.settle()
    group.heal()
    group.crash("n0")
    group.sent.clear()
    group.run_for(20 * SECOND)
    for kind in (StartView, DoViewChange, NewState):
        carried: list[Entries] = [
            each.message.entries for each in group.sent if isinstance(each.message, kind)
        ]
        assert carried, kind
        sizes = [sum(map(size_of_entry, entries)) for entries in carried]
        assert max(sizes) <= SMALL_LIMITS.batch_size
    assert group["n2"].commit_number == 20


def test_chunks_of_a_checkpoint_are_bounded_in_size() -> None:
    limits = Limits(checkpoint_interval=5, batch_size=3 * ENTRY_SIZE)
    group = Group(3, limits=limits)
    group.isolate("n2")
    for number in range(1, 31):
        ask_large(group, "n0", number)
        group.settle()
    assert group["n0"].log.first_op_number > 1
    group.heal()
    group.sent.clear()
    group.run_for(10 * SECOND)
    chunks = [each.message for each in group.sent if isinstance(each.message, NewCheckpoint)]
    assert len(chunks) > 1
    assert max(sum(map(size_of, chunk.parts[1:])) for chunk in chunks) <= limits.batch_size
    assert group["n2"].commit_number == 30


def test_what_came_early_is_bounded_in_size() -> None:
    group = Group(3, limits=SMALL_LIMITS)
    sent = ask_large(group, "n0", *range(1, 9))
    first, *later = [message for message in sent if isinstance(message, Prepare)]
    replica = group["n2"]
    for _ in range(2):
        for message in later:
            group.tell("n0", "n2", message)
    more = tuple(("c1", number, LARGE) for number in range(9, 20))
    group.tell("n0", "n2", later[0]._replace(first_op_number=9, entries=more))
    following = replica.following
    assert isinstance(following, Following)
    assert following.reorder_size == 10 * ENTRY_SIZE
    assert sum(map(size_of_entry, following.reorder_buffer.values())) == following.reorder_size
    group.tell("n0", "n2", first)
    assert replica.op_number == 13
    assert (following.reorder_size, following.reorder_buffer) == (0, {})


def test_what_waits_is_bounded_in_size() -> None:
    group = Group(3, limits=SMALL_LIMITS)
    group.isolate("n1")
    ask_large(group, "n1", *range(1, 22))
    assert group.answers == [("n1", Refusal("c1", 21, Reason.UNAVAILABLE))]
    group.heal()
    group.run_for(10 * SECOND)
    assert len(group.replies()) == 20
    group.answers.clear()
    # What has had its answer makes room again.
    ask_large(group, "n1", *range(30, 50))
    group.run_for(10 * SECOND)
    assert len(group.replies()) == 20
    assert not group.refusals()


def test_reads_that_wait_are_bounded_in_size() -> None:
    group = Group(3, limits=SMALL_LIMITS)

    def read(*numbers: int) -> None:
        def act(replica: Replica) -> None:
            for number in numbers:
                replica.on_read("c1", number, LARGE)

        group.turn("n1", act)

    read(*range(1, 22))
    assert group.answers == [("n1", Refusal("c1", 21, Reason.UNAVAILABLE))]
    group.settle()
    assert len(group.replies()) == 20
    # What has had its answer makes room again.
    read(*range(30, 50))
    group.settle()
    assert len(group.replies()) == 40


CHECKPOINT_SIZE = 50 * ENTRY_SIZE


def write_large(group: Group, count: int) -> list[int]:
    """A client writes so many large entries; the op_numbers at which n0 took checkpoints."""
    taken: list[int] = []
    for number in range(1, count + 1):
        ask_large(group, "n0", number)
        group.settle()
        replica = group["n0"]
        if replica.checkpoint.op_number not in (0, *taken):
            taken.append(replica.checkpoint.op_number)
        kept = replica.log.suffix(replica.log.first_op_number)
        # What was executed since, what is kept before, and what is not measured yet.
        executed = max(CHECKPOINT_SIZE, size_of_parts(replica.checkpoint.parts))
        slack = 2 * MEASURED_AT_ONCE * (ENTRY_SIZE + ENTRY_OVERHEAD)
        assert sum(map(size_of_entry, kept)) <= executed + CHECKPOINT_SIZE + slack
    return taken


def test_a_large_log_is_worth_a_checkpoint_when_as_much_was_executed_as_it_holds() -> None:
    group = Group(3, limits=Limits(checkpoint_size=CHECKPOINT_SIZE))
    taken = write_large(group, 400)
    assert len(taken) >= 3
    assert taken[0] <= 2 * MEASURED_AT_ONCE
    # The state of this machine is all that was executed.
    for before, later in pairwise(taken):
        assert later - before >= before * ENTRY_SIZE / (ENTRY_SIZE + SAVED_PER_ENTRY)
    for name in ("n1", "n2"):
        assert group[name].log.first_op_number > 100


def test_most_digests_of_large_operations_are_computed_before_a_checkpoint(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    value = "x" * SEALED_SIZE
    group = Group(3, limits=Limits(checkpoint_size=4 * MEASURED_AT_ONCE * SEALED_SIZE))
    since_last: list[int] = []

    def snapshot(table: ClientTable) -> Parts:
        replies = [reply for client in table._clients.values() for reply in client.replies.values()]
        since_last.append(sum(len(reply) == 4 for reply in replies))
        return take_snapshot(table)

    take_snapshot = ClientTable.snapshot
    monkeypatch.setattr(ClientTable, "snapshot", snapshot)
    for number in range(1, 200):
        client = f"c{number % 8}"
        group["n0"].on_request(client, number, value)
        group.turn("n0", lambda _: None)
        group.settle()
    assert len(since_last) >= 3
    assert max(since_last) < MEASURED_AT_ONCE


def test_after_a_restart_the_log_is_measured_anew() -> None:
    group = Group(3, limits=Limits(checkpoint_size=CHECKPOINT_SIZE))
    write_large(group, 110)
    before = group["n0"].checkpoint.op_number
    assert before
    group.restart("n0")
    group.run_for(10 * SECOND)
    for number in range(200, 320):
        ask_large(group, "n1", number)
        group.settle()
    group.run_for(SECOND)
    assert group["n0"].checkpoint.op_number > before
    assert group["n0"].log.first_op_number > 1


def test_few_small_entries_are_not_worth_a_checkpoint_of_a_large_state() -> None:
    group = Group(3, limits=Limits(checkpoint_interval=5))
    large = "x" * (40 * SAVED_PER_ENTRY)
    group.turn("n0", lambda replica: replica.on_request("c1", 1, large))
    group.settle()
    taken: list[int] = []
    for number in range(2, 100):
        group.ask("n0", number, "c2")
        group.settle()
        op_number = group["n0"].checkpoint.op_number
        if op_number not in (0, *taken):
            taken.append(op_number)
    # The first one does not know how large the state is; the next ones must pay for it.
    assert taken[0] == 5
    assert 40 <= taken[1] - taken[0] <= 42
    assert len(taken) == 3
