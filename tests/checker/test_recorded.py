"""Histories of real systems with known verdicts, where VSR_HISTORIES tells where they are."""

from pathlib import Path

import pytest

from tests.checker import recorded
from tests.checker.benchmark import judge, seconds
from tests.checker.oracle import is_linearizable
from vsr_node.checker import MapModel, check


@pytest.fixture(name="place")
def _place() -> Path:
    place = recorded.folder()
    if place is None:
        pytest.skip("VSR_HISTORIES names no folder with recorded histories")
    return place


def test_etcd(place: Path) -> None:
    histories = recorded.etcd(place)
    checker_s, verdicts = seconds(judge, [events for events, _ in histories])
    assert verdicts == [expected for _, expected in histories]
    oracle_s, oracle_verdicts = seconds(is_linearizable, [events for events, _ in histories])
    assert oracle_verdicts == verdicts
    # A sixth of the plain search's time is about Porcupine's.
    assert checker_s < oracle_s / 6


def test_maps(place: Path) -> None:
    histories = recorded.maps(place)
    verdicts = [check(events, MapModel()).valid for events, _ in histories]
    assert verdicts == [expected for _, expected in histories]
