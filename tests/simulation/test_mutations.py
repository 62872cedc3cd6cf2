"""Mutations: they fit the core as it is, and the simulator notices them."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

import vsr_node.client
import vsr_node.core
import vsr_node.links
import vsr_node.machines
import vsr_node.storage
from vsr_node.simulation.mutants import lifeline, start_mutant
from vsr_node.simulation.mutations import CATALOGUE, find
from vsr_node.simulation.patching import Edit, Mutation, StaleMutationError, install, patch

PACKAGES = tuple(
    Path(package.__path__[0])
    for package in (
        *(vsr_node.core, vsr_node.links, vsr_node.machines, vsr_node.storage),
        vsr_node.client,
    )
)


@pytest.mark.parametrize("mutation", CATALOGUE, ids=lambda mutation: mutation.name)
def test_every_edit_applies_to_the_core_exactly_once(mutation: Mutation) -> None:
    for file in {edit.file for edit in mutation.edits}:
        (path,) = (folder / file for folder in PACKAGES if (folder / file).exists())
        source = path.read_text()
        patched = patch(mutation, file, source)
        assert patched != source
        compile(patched, file, "exec")


def test_names_are_unique_and_the_catalogue_is_large() -> None:
    names = [mutation.name for mutation in CATALOGUE]
    assert len(set(names)) == len(names) >= 45


def test_a_stale_mutation_is_an_error() -> None:
    mutation = Mutation("stale", "S", "", (Edit("log.py", "no such text", ""),))
    with pytest.raises(StaleMutationError, match="occurs 0 times"):
        patch(mutation, "log.py", "the text")


def test_an_ambiguous_mutation_is_an_error() -> None:
    mutation = Mutation("ambiguous", "S", "", (Edit("log.py", "text", ""),))
    with pytest.raises(StaleMutationError, match="occurs 2 times"):
        patch(mutation, "log.py", "text and text")


def test_a_process_that_has_the_core_cannot_become_a_mutant() -> None:
    with pytest.raises(RuntimeError, match="imported before"):
        install(CATALOGUE[0])


@pytest.mark.parametrize(
    ("name", "invariant", "first_seed"),
    [
        ("primary-counts-itself-twice", "commit-quorum", 0),
        ("send-before-durable", "durable-before-sent", 0),
        ("one-vote-short", "leader-completeness", 0),
        ("idle-commit-untold", "convergence", 0),
        # In seed 0 clients register, and another table is first.
        ("number-without-client", "honest-refusal", 1),
    ],
)
def test_mutants_are_caught_by_the_invariant_that_guards_the_rule(
    name: str, invariant: str, first_seed: int
) -> None:
    with lifeline() as (stdin, _):
        verdict = start_mutant(find(name), first_seed, stdin, shrink=False)
    assert verdict.invariant == invariant
    assert verdict.seed_count <= 20


def test_a_mutant_is_shrunk_to_a_few_operations() -> None:
    with lifeline() as (stdin, _):
        verdict = start_mutant(find("two-of-five"), 0, stdin, shrink=True)
    assert verdict.size is not None
    assert sum(verdict.size) <= 5


def test_a_mutant_prints_its_verdict_as_one_line() -> None:
    command = [sys.executable, "-m", "vsr_node.simulation.mutants", "reply-before-quorum", "0", "5"]
    with lifeline() as (stdin, _):
        result = subprocess.run(command, stdin=stdin, capture_output=True, text=True, check=True)
    name, seed_count, invariant, _, size = json.loads(result.stdout)
    assert (name, seed_count, invariant, size) == ("reply-before-quorum", 1, "commit-quorum", None)
