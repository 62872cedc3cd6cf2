"""The client table: window, bound, order of forgetting, digests, snapshot."""

from typing import cast

from tests.core.group import as_is
from vsr_node.core.client_table import FORGOTTEN, REUSED, ClientTable
from vsr_node.core.digest import digest_of
from vsr_node.core.limits import (
    ALL_REPLIES_SIZE_MAX,
    FORGOTTEN_AT_ONCE,
    REPLIES_SIZE_MAX,
    SEALED_SIZE,
    WINDOW,
)
from vsr_node.core.messages import Reason
from vsr_node.core.size import size_of


def look_up(
    table: ClientTable, client: str, number: int, operation: object = None
) -> Reason | tuple[object, ...] | None:
    """What the table knows of a request, without its operation."""
    known = table.look_up(client, number, operation)
    return known[:2] if isinstance(known, tuple) else known


def test_an_unknown_request_may_be_executed() -> None:
    table = ClientTable(10)
    assert look_up(table, "c1", 0) is None
    table.execute("c1", 0, as_is, "first")
    assert look_up(table, "c1", 1) is None
    assert look_up(table, "c2", 0) is None


def test_each_request_keeps_its_own_reply() -> None:
    table = ClientTable(10)
    table.execute("c1", 7, as_is, "seven")
    table.execute("c1", 3, as_is, "three")
    table.execute("c2", 7, as_is, None)
    assert look_up(table, "c1", 7, "seven") == (7, "seven")
    assert look_up(table, "c1", 3, "three") == (3, "three")
    assert look_up(table, "c2", 7, None) == (7, None)


def test_the_window_keeps_the_highest_numbers_and_what_is_below_is_forgotten() -> None:
    table = ClientTable(10)
    for number in range(100, 100 + WINDOW):
        table.execute("c1", number, as_is, number)
    assert look_up(table, "c1", 100, 100) == (100, 100)
    assert look_up(table, "c1", 99) is None
    table.execute("c1", 100 + WINDOW, as_is, 0)
    lowest = 100 + FORGOTTEN_AT_ONCE
    assert look_up(table, "c1", lowest - 1) == FORGOTTEN
    assert look_up(table, "c1", 99) == FORGOTTEN
    assert look_up(table, "c1", lowest, lowest) == (lowest, lowest)
    assert look_up(table, "c1", 100 + WINDOW, 0) == (100 + WINDOW, 0)


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
    assert look_up(table, "c1", 5) == FORGOTTEN
    lowest = 99 + FORGOTTEN_AT_ONCE
    assert look_up(table, "c1", lowest - 1) == FORGOTTEN
    assert look_up(table, "c1", lowest, lowest) == (lowest, lowest)


def test_a_gap_in_the_window_stays_open() -> None:
    table = ClientTable(10)
    for number in range(0, 2 * WINDOW, 2):
        table.execute("c1", number, as_is, number)
    assert look_up(table, "c1", 2 * WINDOW - 3) is None
    table.execute("c1", 2 * WINDOW - 3, as_is, "between")
    assert look_up(table, "c1", 2 * WINDOW - 3, "between") == (2 * WINDOW - 3, "between")


def test_no_request_is_executed_twice() -> None:
    table = ClientTable(10)
    table.execute("c1", 1, as_is, "once")
    assert table.execute("c1", 1, not_again, "once") == (1, "once", "once", None)


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
    assert look_up(table, "c2", 1) is None
    assert look_up(table, "c1", 1, "c1") == (1, "c1")
    table.execute("c5", 1, as_is, "new")
    assert look_up(table, "c3", 1) is None
    assert names(table) == ["c1", "c4", "c5"]


def names(table: ClientTable) -> list[str]:
    return [cast("tuple[str, int]", part)[0] for part in table.snapshot()]


def test_a_look_up_does_not_change_the_order_of_forgetting() -> None:
    # Look-ups happen where requests arrive, executions everywhere: only these may count.
    table = ClientTable(2)
    table.execute("c1", 1, as_is, 0)
    table.execute("c2", 1, as_is, 0)
    look_up(table, "c1", 1)
    table.execute("c3", 1, as_is, 0)
    assert look_up(table, "c1", 1) is None
    assert look_up(table, "c2", 1, 0) == (1, 0)


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
        ("c1", -1, ((2, "two", digest_of("two")), (1, "one", digest_of("one")))),
        ("c2", -1, ((9, ("error", 20), digest_of(("error", 20))),)),
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
    assert [look_up(table, "c1", number) for number in (1, 2)] == [FORGOTTEN, FORGOTTEN]
    assert [look_up(table, "c1", number, LARGE) for number in (3, 6)] == [(3, LARGE), (6, LARGE)]
    assert table.execute("c1", 2, not_again, None) == FORGOTTEN


def test_a_result_larger_than_all_is_answered_and_forgotten() -> None:
    table = ClientTable(10)
    huge = ("read_ok", "x" * (REPLIES_SIZE_MAX + 1))
    assert table.execute("c1", 1, as_is, huge) == (1, huge, huge, None)
    assert table.execute("c1", 1, not_again, None) == FORGOTTEN


def test_the_results_of_all_clients_are_bounded_in_size() -> None:
    table = ClientTable(100)
    table.execute("small", 1, as_is, ("write_ok",))
    count = ALL_REPLIES_SIZE_MAX // size_of(LARGE)
    for number in range(count):
        table.execute(f"c{number}", 1, as_is, LARGE)
    table.execute("c0", 2, as_is, LARGE)
    # c0 was the oldest, but has just executed again.
    assert look_up(table, "c0", 1, LARGE) == (1, LARGE)
    assert table.execute("c1", 1, not_again, None) == FORGOTTEN
    assert look_up(table, "c2", 1, LARGE) == (1, LARGE)
    assert look_up(table, "small", 1, ("write_ok",)) == (1, ("write_ok",))


def test_a_restored_table_forgets_the_same_results() -> None:
    one, other = ClientTable(20), ClientTable(20)
    for step in range(300):
        for table in (one, other):
            table.execute(f"c{step * 7 % 23}", step, as_is, LARGE if step % 3 else ("write_ok",))
        if step % 50 == 0:
            restored = ClientTable(20)
            restored.restore(other.snapshot(), 0)
            other = restored
        assert one.snapshot() == other.snapshot()
    sizes = [size_of(part) for part in one.snapshot()]
    assert max(sizes) < 1.01 * REPLIES_SIZE_MAX
    assert sum(sizes) < 1.01 * ALL_REPLIES_SIZE_MAX


WRITE_3, WRITE_8 = ("write", '"k"', "3"), ("write", '"k"', "8")


def restored(table: ClientTable) -> ClientTable:
    other = ClientTable(10)
    other.restore(table.snapshot(), 0)
    return other


def test_a_known_number_with_another_operation_is_neither_executed_nor_acknowledged() -> None:
    table = ClientTable(10)
    table.execute("c1", 1, as_is, WRITE_3)
    for each in (table, restored(table), table):
        assert each.look_up("c1", 1, WRITE_8) is REUSED
        assert each.execute("c1", 1, not_again, WRITE_8) is REUSED
        assert look_up(each, "c1", 1, ("write", '"k"', "3")) == (1, WRITE_3)


def test_digests_of_large_operations_are_computed_before_the_snapshot() -> None:
    table = ClientTable(10)
    large = ("write", "1", "x" * SEALED_SIZE)
    for number in range(WINDOW + 2):
        table.execute("c1", number, not_large, large)
    found = [table.look_up("c1", number, large) for number in (WINDOW, WINDOW + 1)]
    assert found == [(WINDOW, None, digest_of(large)), (WINDOW + 1, None, large, None)]
    assert table.look_up("c1", WINDOW, WRITE_3) is REUSED


def not_large(_operation: object) -> None:
    """Answer nothing."""


def test_a_snapshot_without_digests_acknowledges_nothing() -> None:
    table = ClientTable(10)
    table.restore((("c1", -1, ((1, WRITE_3), (2, WRITE_3))),), 2)
    assert table.look_up("c1", 1, WRITE_3) is FORGOTTEN
    assert table.execute("c1", 1, not_again, WRITE_8) is FORGOTTEN
    assert restored(table).look_up("c1", 1, WRITE_3) is FORGOTTEN


def test_a_digest_is_the_same_in_every_process() -> None:
    assert digest_of(WRITE_3) == 49_866_708_752


def test_operations_that_differ_have_different_digests() -> None:
    operations = [
        ("write", "1", "23"),
        ("write", "12", "3"),
        ("write", ("1", "23")),
        ("write", "1", 23),
        ("write", "1", "2", "3"),
        ("cas", "1", "2", "3", True),
        ("cas", "1", "2", "3", False),
        ("cas", "1", "2", "3", None),
        ("write", "1", "\u00e9"),
        ("write", "1", "\ud800"),
    ]
    assert len(set(map(digest_of, operations))) == len(operations)
    values = [("write", "1", str(number)) for number in range(10_000, 90_000)]
    assert len(set(map(digest_of, values))) == len(values)
