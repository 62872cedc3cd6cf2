"""The log: numbered from 1, no gap."""

import pytest

from tests.core.group import entry
from vsr_node.core.log import Log


def test_an_empty_log() -> None:
    log = Log()
    assert log.op_number == 0
    assert log.suffix(1) == ()


def test_the_first_op_number_is_1() -> None:
    log = Log()
    log.append((entry(5),))
    assert log.op_number == 1
    assert log[1] == entry(5)


@pytest.mark.parametrize("op_number", [-1, 0, 3])
def test_only_what_is_there_can_be_read(op_number: int) -> None:
    log = Log((entry(1), entry(2)))
    with pytest.raises(AssertionError):
        log[op_number]


def test_suffixes() -> None:
    log = Log(tuple(entry(number) for number in range(1, 6)))
    assert log.suffix(4) == (entry(4), entry(5))
    assert log.suffix(2, 2) == (entry(2), entry(3))
    assert log.suffix(4, 9) == (entry(4), entry(5))
    assert log.suffix(6) == ()
    assert log.suffix(9) == ()
    with pytest.raises(AssertionError):
        log.suffix(0)


def test_replacing_leaves_nothing_behind_the_new_end() -> None:
    log = Log(tuple(entry(number) for number in range(1, 6)))
    log.replace(3, (entry(33),))
    assert log.suffix(1) == (entry(1), entry(2), entry(33))
    log.replace(2, ())
    assert log.suffix(1) == (entry(1),)
    log.replace(2, (entry(22), entry(23)))
    assert log.suffix(1) == (entry(1), entry(22), entry(23))


@pytest.mark.parametrize("first_op_number", [0, 3])
def test_replacing_makes_no_gap(first_op_number: int) -> None:
    log = Log((entry(1),))
    with pytest.raises(AssertionError, match="no gap"):
        log.replace(first_op_number, (entry(9),))


def test_a_log_does_not_share_what_it_was_made_of() -> None:
    entries = [entry(1)]
    log = Log(entries)
    entries.append(entry(2))
    assert log.op_number == 1
