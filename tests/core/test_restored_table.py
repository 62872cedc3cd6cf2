"""A client table that was restored answers as the one that it was made from."""

from vsr_node.core.client_table import FORGOTTEN, ClientTable
from vsr_node.core.digest import digest_of
from vsr_node.core.limits import WINDOW


def test_a_restored_table_knows_what_was_forgotten() -> None:
    table, restored = ClientTable(2), ClientTable(2)
    for number in range(WINDOW + 1):
        table.execute("c1", number, str, f"operation {number}")
    restored.restore(table.snapshot(), 0)
    last = f"operation {WINDOW}"
    forgotten = table.look_up("c1", 0, "operation 0"), restored.look_up("c1", 0, "operation 0")
    assert forgotten == (FORGOTTEN, FORGOTTEN)
    assert restored.execute("c1", 0, str, "operation 0") is FORGOTTEN
    assert restored.look_up("c1", WINDOW, last) == (WINDOW, last, digest_of(last))
    assert restored.snapshot() == table.snapshot()
