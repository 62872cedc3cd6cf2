"""The client table: window, bound, order of forgetting, snapshot."""

from typing import cast

from tests.core.group import as_is
from vsr_node.core.client_table import FORGOTTEN, ClientTable
from vsr_node.core.limits import (
    ALL_REPLIES_SIZE_MAX,
    FORGOTTEN_AT_ONCE,
    REPLIES_SIZE_MAX,
    WINDOW,
)
from vsr_node.core.size import size_of


def test_an_unknown_request_may_be_executed() -> None:
    table = ClientTable(10)
    assert table.look_up("c1", 0) is None
    table.execute("c1", 0, as_is, "first")
    assert table.look_up("c1", 1) is None
    assert table.look_up("c2", 0) is None


def test_each_request_keeps_its_own_reply() -> None:
    table = ClientTable(10)
    table.execute("c1", 7, as_is, "seven")
    table.execute("c1", 3, as_is, "three")
    table.execute("c2", 7, as_is, None)
    assert table.look_up("c1", 7) == (7, "seven")
    assert table.look_up("c1", 3) == (3, "three")
    assert table.look_up("c2", 7) == (7, None)


def test_the_window_keeps_the_highest_numbers_and_what_is_below_is_forgotten() -> None:
    table = ClientTable(10)
    for number in range(100, 100 + WINDOW):
        table.execute("c1", number, as_is, number)
    assert table.look_up("c1", 100) == (100, 100)
    assert table.look_up("c1", 99) is None
    table.execute("c1", 100 + WINDOW, as_is, 0)
    lowest = 100 + FORGOTTEN_AT_ONCE
    assert table.look_up("c1", lowest - 1) == FORGOTTEN
    assert table.look_up("c1", 99) == FORGOTTEN
    assert table.look_up("c1", lowest) == (lowest, lowest)
    assert table.look_up("c1", 100 + WINDOW) == (100 + WINDOW, 0)


def test_a_client_never_has_more_replies_than_the_window() -> None:
    table = ClientTable(10)
    for number in range(3 * WINDOW):
        table.execute("c1", number, as_is, number)
        (_, _, replies) = cast("tuple[str, int, tuple[object, ...]]", table.snapshot()[0])
        assert min(number + 1, WINDOW - FORGOTTEN_AT_ONCE + 1) <= len(replies) <= WINDOW


def test_a_number_below_a_full_window_is_forgotten_as_soon_as_it_is_recorded() -> None:
    table = ClientTable(10)
    for number in range(100, 100 + WINDOW):
        table.execute("c1", number, as_is, number)
    table.execute("c1", 5, as_is, "late")
    assert table.look_up("c1", 5) == FORGOTTEN
    lowest = 99 + FORGOTTEN_AT_ONCE
    assert table.look_up("c1", lowest - 1) == FORGOTTEN
    assert table.look_up("c1", lowest) == (lowest, lowest)


def test_a_gap_in_the_window_stays_open() -> None:
    table = ClientTable(10)
    for number in range(0, 2 * WINDOW, 2):
        table.execute("c1", number, as_is, number)
    assert table.look_up("c1", 2 * WINDOW - 3) is None
    table.execute("c1", 2 * WINDOW - 3, as_is, "between")
    assert table.look_up("c1", 2 * WINDOW - 3) == (2 * WINDOW - 3, "between")


def test_no_request_is_executed_twice() -> None:
    table = ClientTable(10)
    table.execute("c1", 1, as_is, "once")
    assert table.execute("c1", 1, not_again, None) == (1, "once")


def test_what_is_below_the_window_is_not_executed() -> None:
    table = ClientTable(10)
    for number in range(WINDOW + 1):
        table.execute("c1", number, as_is, number)
    assert table.execute("c1", 0, not_again, None) == FORGOTTEN


def not_again(operation: object) -> object:
    raise AssertionError("it was executed")


def test_beyond_the_bound_the_least_recently_executed_client_is_forgotten() -> None:
    table = ClientTable(3)
    for client in ("c1", "c2", "c3"):
        table.execute(client, 1, as_is, client)
    table.execute("c1", 2, as_is, "again")
    table.execute("c4", 1, as_is, "new")
    assert table.look_up("c2", 1) is None
    assert table.look_up("c1", 1) == (1, "c1")
    table.execute("c5", 1, as_is, "new")
    assert table.look_up("c3", 1) is None
    assert names(table) == ["c1", "c4", "c5"]


def names(table: ClientTable) -> list[str]:
    return [cast("tuple[str, int]", part)[0] for part in table.snapshot()]


def test_a_look_up_does_not_change_the_order_of_forgetting() -> None:
    # Look-ups happen where requests arrive, executions everywhere: only these may count.
    table = ClientTable(2)
    table.execute("c1", 1, as_is, 0)
    table.execute("c2", 1, as_is, 0)
    table.look_up("c1", 1)
    table.execute("c3", 1, as_is, 0)
    assert table.look_up("c1", 1) is None
    assert table.look_up("c2", 1) == (1, 0)


def test_a_client_that_is_there_forgets_nobody() -> None:
    table = ClientTable(2)
    table.execute("c1", 1, as_is, 0)
    table.execute("c2", 1, as_is, 0)
    table.execute("c1", 2, as_is, 0)
    assert names(table) == ["c2", "c1"]


def test_a_snapshot_holds_everything_and_stays_as_it_was() -> None:
    table = ClientTable(10)
    table.execute("c1", 2, as_is, "two")
    table.execute("c1", 1, as_is, "one")
    table.execute("c2", 9, as_is, ("error", 20))
    snapshot = table.snapshot()
    assert snapshot == (
        ("c1", -1, ((2, "two"), (1, "one"))),
        ("c2", -1, ((9, ("error", 20)),)),
    )
    table.execute("c1", 3, as_is, "three")
    assert snapshot != table.snapshot()


def test_the_same_executions_make_the_same_table() -> None:
    one, other = ClientTable(3), ClientTable(3)
    for step in range(1_000):
        for table in (one, other):
            table.execute(f"c{step * 7 % 11}", step, as_is, step)
    assert one.snapshot() == other.snapshot()
    assert len(one.snapshot()) == 3


LARGE = ("read_ok", "x" * (REPLIES_SIZE_MAX // 4 - 100))
"""Four of them are kept of one client, and 64 of all."""


def test_the_results_of_a_client_are_bounded_in_size() -> None:
    table = ClientTable(10)
    for number in range(1, 7):
        table.execute("c1", number, as_is, LARGE)
    table.execute("c1", 7, as_is, ("write_ok",))
    assert [table.look_up("c1", number) for number in (1, 2)] == [FORGOTTEN, FORGOTTEN]
    assert [table.look_up("c1", number) for number in (3, 6)] == [(3, LARGE), (6, LARGE)]
    assert table.execute("c1", 2, not_again, None) == FORGOTTEN


def test_a_result_larger_than_all_is_answered_and_forgotten() -> None:
    table = ClientTable(10)
    huge = ("read_ok", "x" * (REPLIES_SIZE_MAX + 1))
    assert table.execute("c1", 1, as_is, huge) == (1, huge)
    assert table.execute("c1", 1, not_again, None) == FORGOTTEN


def test_the_results_of_all_clients_are_bounded_in_size() -> None:
    table = ClientTable(100)
    table.execute("small", 1, as_is, ("write_ok",))
    count = ALL_REPLIES_SIZE_MAX // size_of(LARGE)
    for number in range(count):
        table.execute(f"c{number}", 1, as_is, LARGE)
    table.execute("c0", 2, as_is, LARGE)
    # c0 was the oldest, but has just executed again.
    assert table.look_up("c0", 1) == (1, LARGE)
    assert table.execute("c1", 1, not_again, None) == FORGOTTEN
    assert table.look_up("c2", 1) == (1, LARGE)
    assert table.look_up("small", 1) == (1, ("write_ok",))


def test_a_restored_table_forgets_the_same_results() -> None:
    one, other = ClientTable(20), ClientTable(20)
    for step in range(300):
        for table in (one, other):
            table.execute(f"c{step * 7 % 23}", step, as_is, LARGE if step % 3 else ("write_ok",))
        if step % 50 == 0:
            restored = ClientTable(20)
            restored.restore(other.snapshot())
            other = restored
        assert one.snapshot() == other.snapshot()
    sizes = [size_of(part) for part in one.snapshot()]
    assert max(sizes) < 1.01 * REPLIES_SIZE_MAX
    assert sum(sizes) < 1.01 * ALL_REPLIES_SIZE_MAX
