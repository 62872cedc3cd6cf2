"""The client table: window, bound, order of forgetting, snapshot."""

from typing import cast

import pytest

from vsr_node.core.client_table import FORGOTTEN, WINDOW, ClientTable


def test_an_unknown_request_may_be_executed() -> None:
    table = ClientTable(10)
    assert table.look_up("c1", 0) is None
    table.record("c1", 0, "first")
    assert table.look_up("c1", 1) is None
    assert table.look_up("c2", 0) is None


def test_each_request_keeps_its_own_reply() -> None:
    table = ClientTable(10)
    table.record("c1", 7, "seven")
    table.record("c1", 3, "three")
    table.record("c2", 7, None)
    assert table.look_up("c1", 7) == (7, "seven")
    assert table.look_up("c1", 3) == (3, "three")
    assert table.look_up("c2", 7) == (7, None)


def test_the_window_keeps_the_highest_numbers_and_what_is_below_is_forgotten() -> None:
    table = ClientTable(10)
    for number in range(100, 100 + WINDOW):
        table.record("c1", number, number)
    assert table.look_up("c1", 100) == (100, 100)
    assert table.look_up("c1", 99) is None
    table.record("c1", 100 + WINDOW, 0)
    assert table.look_up("c1", 100) == FORGOTTEN
    assert table.look_up("c1", 99) == FORGOTTEN
    assert table.look_up("c1", 101) == (101, 101)


def test_a_number_below_a_full_window_is_forgotten_as_soon_as_it_is_recorded() -> None:
    table = ClientTable(10)
    for number in range(100, 100 + WINDOW):
        table.record("c1", number, number)
    table.record("c1", 5, "late")
    assert table.look_up("c1", 5) == FORGOTTEN
    assert table.look_up("c1", 6) is None
    assert table.look_up("c1", 100) == (100, 100)


def test_a_gap_in_the_window_stays_open() -> None:
    table = ClientTable(10)
    for number in range(0, 2 * WINDOW, 2):
        table.record("c1", number, number)
    assert table.look_up("c1", 2 * WINDOW - 3) is None
    table.record("c1", 2 * WINDOW - 3, "between")
    assert table.look_up("c1", 2 * WINDOW - 3) == (2 * WINDOW - 3, "between")


def test_no_request_is_recorded_twice() -> None:
    table = ClientTable(10)
    table.record("c1", 1, "once")
    with pytest.raises(AssertionError, match="executed once"):
        table.record("c1", 1, "twice")


def test_beyond_the_bound_the_least_recently_executed_client_is_forgotten() -> None:
    table = ClientTable(3)
    for client in ("c1", "c2", "c3"):
        table.record(client, 1, client)
    table.record("c1", 2, "again")
    table.record("c4", 1, "new")
    assert table.look_up("c2", 1) is None
    assert table.look_up("c1", 1) == (1, "c1")
    table.record("c5", 1, "new")
    assert table.look_up("c3", 1) is None
    assert names(table) == ["c1", "c4", "c5"]


def names(table: ClientTable) -> list[str]:
    return [cast("tuple[str, int]", part)[0] for part in table.snapshot()]


def test_a_look_up_does_not_change_the_order_of_forgetting() -> None:
    # Look-ups happen where requests arrive, executions everywhere: only these may count.
    table = ClientTable(2)
    table.record("c1", 1, 0)
    table.record("c2", 1, 0)
    table.look_up("c1", 1)
    table.record("c3", 1, 0)
    assert table.look_up("c1", 1) is None
    assert table.look_up("c2", 1) == (1, 0)


def test_a_client_that_is_there_forgets_nobody() -> None:
    table = ClientTable(2)
    table.record("c1", 1, 0)
    table.record("c2", 1, 0)
    table.record("c1", 2, 0)
    assert names(table) == ["c2", "c1"]


def test_a_snapshot_holds_everything_and_stays_as_it_was() -> None:
    table = ClientTable(10)
    table.record("c1", 2, "two")
    table.record("c1", 1, "one")
    table.record("c2", 9, ("error", 20))
    snapshot = table.snapshot()
    assert snapshot == (
        ("c1", -1, ((2, "two"), (1, "one"))),
        ("c2", -1, ((9, ("error", 20)),)),
    )
    table.record("c1", 3, "three")
    assert snapshot != table.snapshot()


def test_the_same_executions_make_the_same_table() -> None:
    one, other = ClientTable(3), ClientTable(3)
    for step in range(1_000):
        for table in (one, other):
            table.record(f"c{step * 7 % 11}", step, step)
    assert one.snapshot() == other.snapshot()
    assert len(one.snapshot()) == 3
