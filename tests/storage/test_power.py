"""Losses of power: a part of ``tests.storage.power``, which tries them after each call."""

from pathlib import Path

import pytest

from tests.storage import power, shim

pytestmark = pytest.mark.skipif(bool(shim.why_not()), reason=shim.why_not())

EVERY = 11


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return shim.build(tmp_path_factory.mktemp("shim"))


@pytest.mark.parametrize("number", range(len(power.LIVES)), ids=[e.name for e in power.LIVES])
def test_what_was_flushed_is_there_and_the_rest_is_not_trusted(
    library: Path, number: int, tmp_path: Path
) -> None:
    log = tmp_path / "log"
    power.record_in_another_process(library, number, tmp_path / "living", log)
    assert any(call.name == "mark" for call in power.calls(log))
    assert power.tried(log, tmp_path / "living", tmp_path, EVERY) == []
