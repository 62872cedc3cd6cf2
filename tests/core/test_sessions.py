"""Sessions: registration through the log, names that are never given twice, and expiry."""

import pytest

from tests.core.group import SECOND, Group, as_is, entry, operation
from vsr_node.core.limits import REPLIES_SIZE_MAX, Limits
from vsr_node.core.messages import DurableState, Reason, Refusal, Reply, Request
from vsr_node.core.sessions import EXPIRED, REGISTRATION, SessionTable, registered_at, session_name

REGISTERED = Limits(registered=True)
NONCE, OTHER = "0" * 16, "1" * 16


def register(group: Group, name: str, nonce: str = NONCE) -> str:
    """Register through a replica, wait for the answer, and return the session's name."""
    group.turn(name, lambda replica: replica.on_request(nonce, REGISTRATION, ""))
    group.run_for(SECOND)
    _, answer = group.answers[-1]
    assert isinstance(answer, Reply)
    assert (answer.client, answer.request_number) == (nonce, REGISTRATION)
    return str(answer.result)


def executed(group: Group) -> list[object]:
    """What every replica has executed, after a time in which all hear of it."""
    group.run_for(SECOND)
    operations = group.operations(group.names[0])
    assert all(group.operations(name) == operations for name in group.names)
    return operations


@pytest.mark.parametrize("size", [1, 2, 3, 4, 5, 7])
def test_a_session_is_named_by_the_op_number_of_its_registration(size: int) -> None:
    group = Group(size, limits=REGISTERED)
    assert register(group, group.names[-1]) == session_name(1, NONCE)
    group.ask("n0", 1, session_name(1, NONCE))
    group.settle()
    assert register(group, "n0", OTHER) == session_name(3, OTHER)
    assert executed(group) == [operation(1, session_name(1, NONCE))]


def test_a_repeated_registration_is_the_same_session() -> None:
    group = Group(3, limits=REGISTERED)
    session = register(group, "n1")
    assert register(group, "n2") == session
    # It may stand in the log twice, as it was asked for at two replicas.
    group.tell("n1", "n0", Request(0, ((NONCE, REGISTRATION, ""),)))
    assert [part[0] for part in _parts(group, "n0")] == [session]


def test_a_registration_that_stands_in_the_log_twice_makes_one_session() -> None:
    table = SessionTable(10, as_is)
    first = table.execute(NONCE, REGISTRATION, as_is, "")
    assert table.execute(NONCE, REGISTRATION, as_is, "") == first
    assert len(table.snapshot()) == 1


def _parts(group: Group, name: str) -> list[tuple[str, int, object]]:
    return list(group[name].client_table.snapshot())  # type: ignore[arg-type]


@pytest.mark.parametrize("client", ["c1", "", "1", "7-", session_name(1, OTHER), "²-x"])
def test_the_request_of_a_client_that_is_no_session_is_not_executed(client: str) -> None:
    group = Group(3, limits=REGISTERED)
    register(group, "n0")
    group.ask("n1", 1, client)
    group.run_for(10 * SECOND)
    assert ("n1", Refusal(client, 1, Reason.SESSION_EXPIRED)) in group.answers
    assert executed(group) == []


def test_the_session_that_executed_nothing_for_longest_expires_at_all_replicas_alike() -> None:
    group = Group(3, limits=Limits(registered=True, clients_max=2))
    first, second = register(group, "n0", "a"), register(group, "n0", "b")
    group.ask("n0", 1, first)
    group.settle()
    register(group, "n0", "c")
    group.run_for(SECOND)
    for name in group.names:
        group.ask(name, 2, second)
        group.ask(name, 1, first)
        assert group.answers[-2:] == [
            (name, Refusal(second, 2, EXPIRED)),
            (name, Reply(first, 1, 1)),
        ]


def test_an_expired_session_executes_nothing_again() -> None:
    group = Group(3, limits=Limits(registered=True, clients_max=1))
    session = register(group, "n0", "a")
    group.ask("n0", 1, session)
    group.settle()
    register(group, "n0", "b")
    group.tell("n1", "n0", Request(0, (entry(1, session),)))
    group.ask("n2", 1, session)
    group.run_for(10 * SECOND)
    assert executed(group) == [operation(1, session)]
    assert ("n2", Refusal(session, 1, Reason.SESSION_EXPIRED)) in group.answers


def test_what_was_logged_before_its_session_expired_is_not_executed_after() -> None:
    group = Group(3, limits=Limits(registered=True, clients_max=1))
    session = register(group, "n0", "a")
    entries = (("b", REGISTRATION, ""), entry(1, session))
    group.tell("n1", "n0", Request(0, entries))
    group.run_for(SECOND)
    assert group["n0"].commit_number == 3
    assert executed(group) == []


def test_a_client_whose_session_expired_registers_anew_under_another_name() -> None:
    group = Group(3, limits=Limits(registered=True, clients_max=1))
    names = [register(group, "n0", nonce) for nonce in ("a", "b", "a", "b")]
    assert len(set(names)) == 4


def test_a_replica_that_lags_does_not_take_a_new_session_for_an_expired_one() -> None:
    group = Group(5, limits=REGISTERED)
    group.isolate("n4")
    session = register(group, "n0")
    group.heal()
    group.ask("n4", 1, session)
    assert group.refusals() == []
    group.run_for(10 * SECOND)
    assert ("n4", Reply(session, 1, 1)) in group.answers


@pytest.mark.parametrize("size", [3, 5])
def test_the_replica_that_took_a_sessions_request_answers_it(size: int) -> None:
    group = Group(size, limits=REGISTERED)
    session = register(group, "n0")
    group.ask("n2", 1, session)
    group.run_for(SECOND)
    assert [name for name, answer in group.answers if answer.client == session] == ["n2"]


def test_sessions_survive_a_checkpoint_and_a_restart() -> None:
    limits = Limits(registered=True, clients_max=2, checkpoint_interval=1)
    group = Group(3, limits=limits)
    first, second = register(group, "n0", "a"), register(group, "n0", "b")
    group.ask("n0", 1, first)
    group.run_for(SECOND)
    durable = group.storages["n1"].load()
    assert durable.checkpoint.client_count == 2
    anew = Group(3, limits=limits, durable=dict.fromkeys(group.names, durable))
    assert anew["n1"].client_table.snapshot() == group["n1"].client_table.snapshot()
    assert register(anew, "n2", "b") == second
    assert register(anew, "n2", "c") == session_name(4, "c")
    anew.ask("n2", 2, second)
    assert anew.answers[-1] == ("n2", Refusal(second, 2, EXPIRED))


def test_a_group_that_began_anew_does_not_know_sessions_of_the_old_one() -> None:
    old = register(Group(3, limits=REGISTERED), "n0", NONCE)
    group = Group(3, limits=REGISTERED, durable={"n0": DurableState()})
    new = register(group, "n0", OTHER)
    assert registered_at(old) == registered_at(new)
    group.ask("n0", 1, old)
    assert group.answers[-1] == ("n0", Refusal(old, 1, EXPIRED))


def test_unregistered_groups_are_as_before() -> None:
    group = Group(3)
    group.ask("n0", 0)
    group.settle()
    assert group.replies() == [("c1", 0, 1)]


def test_results_that_are_texts_are_bounded_in_size() -> None:
    table = SessionTable(10, as_is)
    table.execute(NONCE, REGISTRATION, as_is, "")
    session = session_name(1, NONCE)
    large = "x" * (REPLIES_SIZE_MAX // 3)
    for number in range(1, 6):
        table.execute(session, number, as_is, f"{large}{number}")
    assert table.look_up(session, 1, f"{large}1") is Reason.OUTCOME_UNKNOWN
    assert table.look_up(session, 5, f"{large}5") is not None
    assert table.size <= REPLIES_SIZE_MAX
    restored = SessionTable(10, as_is)
    restored.restore(table.snapshot(), 6)
    assert restored.size == table.size


def test_a_standby_hands_a_query_in_and_it_needs_no_session() -> None:
    """It goes through the log, where the machine only reads, and nothing of it is recorded."""
    group = Group(4, founders=3, limits=REGISTERED)
    session = register(group, "n3")
    group.ask("n3", 1, session)
    group.run_for(SECOND)
    group.read("n3", 1, "?n3/1")
    group.run_for(SECOND)
    assert group.replies("n3")[-1] == ("?n3/1", 1, ("read", 1))
    assert [part[0] for part in _parts(group, "n0")] == [session]
    assert group.operations("n0") == [operation(1, session)]
