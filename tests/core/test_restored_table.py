"""A client table that was restored answers as the one that it was made from."""

from vsr_node.core.client_table import FORGOTTEN, ClientTable
from vsr_node.core.limits import WINDOW


def test_a_restored_table_knows_what_was_forgotten() -> None:
    table, restored = ClientTable(2), ClientTable(2)
    for number in range(WINDOW + 1):
        table.execute("c1", number, str, f"operation {number}")
    restored.restore(table.snapshot())
    assert table.look_up("c1", 0) is restored.look_up("c1", 0) is FORGOTTEN
    assert restored.execute("c1", 0, str, "operation 0") is FORGOTTEN
    assert restored.look_up("c1", WINDOW) == (WINDOW, f"operation {WINDOW}")
    assert restored.snapshot() == table.snapshot()
