"""The catalogue of small bugs that named tests must notice fits the code as it is."""

from collections import Counter
from pathlib import Path

import pytest

from scripts.soaking.catalogue import CATALOGUE, GuardedMutation
from vsr_node.simulation.mutations import CATALOGUE as OF_THE_SIMULATOR
from vsr_node.simulation.patching import patch

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("one", CATALOGUE, ids=lambda one: one.mutation.name)
def test_every_edit_applies_exactly_once_and_names_tests_that_are_there(
    one: GuardedMutation,
) -> None:
    source = (ROOT / one.folder / one.file).read_text()
    compile(patch(one.mutation, one.file, source), one.file, "exec")
    assert one.tests
    assert [file for file in one.tests if not (ROOT / file).exists()] == []


def test_no_name_is_there_twice() -> None:
    names = [one.mutation.name for one in CATALOGUE]
    names += [mutation.name for mutation in OF_THE_SIMULATOR]
    assert [name for name, count in Counter(names).items() if count > 1] == []
