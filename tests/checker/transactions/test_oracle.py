"""The judges of transactions against a search of all orders, on drawn histories."""

import pytest

from tests.checker.transactions.drawn import LISTS, REGISTERS
from tests.checker.transactions.oracle import Order, compare

HISTORIES = 600


@pytest.mark.parametrize("order", Order)
@pytest.mark.parametrize("write", [LISTS, REGISTERS])
def test_no_false_alarm_and_hardly_anything_missed(write: str, order: Order) -> None:
    wrong, missed, false_alarms = compare(write, range(HISTORIES), order)
    assert wrong > HISTORIES / 50
    assert false_alarms == []
    assert len(missed) <= (0 if write == LISTS else 0.02 * wrong)
