"""The hunt: what it tries, what it finds, and what it says."""

import json
import os
import tempfile
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path
from random import Random
from xml.etree import ElementTree

import pytest

from vsr_node.bench.command_line import cli, hunt
from vsr_node.bench.command_line.cli import main
from vsr_node.bench.hunting.recipes import CHOICES, Cook, Recipe, varied
from vsr_node.bench.hunting.scratch import scratch_folder
from vsr_node.bench.workshop.broken_nodes import FOLDER

HONEST = ("--bin", "broken:honest-on-disk", "--", "{run}")
Hunts = Callable[..., int]


@pytest.fixture
def hunts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Hunts:
    """Hunt for some seconds, with little time to find the smallest part."""
    monkeypatch.setattr(hunt, "SHRINK_SECONDS", 4.0)
    monkeypatch.setattr(hunt, "MEASURED", 1)

    def run(*words: str, minutes: str = "0.1") -> int:
        own = ("--minutes", minutes, "--jobs", "2", "--store", str(tmp_path / "store"))
        return main(["hunt", *own, "--junit", str(tmp_path / "junit.xml"), "--seed", "1", *words])

    return run


def differing_fields(one: Recipe, other: Recipe) -> int:
    return sum(getattr(one, each.name) != getattr(other, each.name) for each in fields(Recipe))


def test_the_list_of_recipes_follows_from_the_seed() -> None:
    first, again, other = Cook(1), Cook(1), Cook(2)
    recipes = [first.recipe(number) for number in range(200)]
    assert recipes == [again.recipe(number) for number in range(200)]
    assert recipes != [other.recipe(number) for number in range(200)]
    for each in fields(Recipe):
        assert {getattr(recipe, each.name) for recipe in recipes} == {*CHOICES[each.name]}


def test_each_recipe_is_a_command_line_of_bench_test() -> None:
    cook = Cook(3)
    for number in range(100):
        recipe = cook.recipe(number)
        words = ["test", "-w", "lin-kv", "--bin", "broken:honest", *recipe.words()]
        options = cli.options_of(cli.parse(words), 1)
        assert len(options.nodes) == recipe.node_count
        assert {*options.nemeses} == {*recipe.nemeses}
        assert (options.latency_ms, options.loss) == (recipe.latency_ms, recipe.loss)
        assert (options.slow_ms, options.rate) == (recipe.slow_ms, recipe.rate)


def test_some_runs_vary_what_has_shown_something_new() -> None:
    cook, plain = Cook(1), Cook(1)
    promising = cook.recipe(0)
    cook.learn(promising, {"fail of read with error 99"})
    differing = [n for n in range(30) if cook.recipe(n) != plain.recipe(n)]
    assert differing == list(range(2, 30, 3))
    for number in differing:
        assert differing_fields(cook.recipe(number), promising) <= 2


def test_what_was_seen_before_is_not_new() -> None:
    cook = Cook(1)
    first, second = cook.recipe(0), cook.recipe(1)
    cook.learn(first, {"leader changes 1"})
    cook.learn(second, {"leader changes 1"})
    assert differing_fields(cook.recipe(2), first) <= 2


def test_a_variation_draws_from_the_choices() -> None:
    recipe = Cook(1).recipe(0)
    for seed in range(50):
        other = varied(recipe, Random(seed))
        assert all(getattr(other, name) in choices for name, choices in CHOICES.items())


def test_a_hunt_finds_a_broken_node_and_shows_how(
    hunts: Hunts, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert hunts("--bin", "broken:own-dict", minutes="0.5") == 1
    screen = capsys.readouterr().out
    assert screen.splitlines()[-1].startswith("Found after ")
    for text in ("the first was number ", "report in     file://", "repeat with "):
        assert text in screen
    (written,) = (tmp_path / "store/hunt").glob("*/hunt.json")
    stored = json.loads(written.read_bytes())
    assert stored["valid"] is False
    assert [each for each in stored["tried"] if each["wrong"] == ["history"]]
    assert ElementTree.parse(tmp_path / "junit.xml").findall("testsuite/testcase/failure")
    assert json.loads((tmp_path / "store/latest/results.json").read_bytes())["valid"] is False


def test_a_hunt_for_nothing_lists_what_it_tried(
    hunts: Hunts, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert hunts(*HONEST) == 0
    screen = capsys.readouterr().out
    assert screen.splitlines()[-1].startswith("Nothing found in ")
    assert "old values read" in screen
    suite = ElementTree.parse(tmp_path / "junit.xml").getroot()[0]
    assert suite.attrib["failures"] == "0"
    assert not (tmp_path / "store/lin-kv").exists(), "valid runs are not kept"


def test_a_node_that_never_comes_up_is_an_error(
    hunts: Hunts, capsys: pytest.CaptureFixture[str]
) -> None:
    assert hunts("--bin", "false", minutes="1") == 255
    screen = capsys.readouterr().out
    assert "ERROR: the group did not come up" in screen
    assert "bench doctor --bin false" in screen


def test_a_hunt_removes_what_a_killed_one_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    left, young = (tmp_path / f"bench-hunt-{name}" for name in ("left", "young"))
    for folder in (left, young):
        (folder / "0").mkdir(parents=True)
    os.utime(left, (0, 0))
    with scratch_folder() as held:
        os.utime(held, (0, 0))
        assert {*tmp_path.iterdir()} == {young, held}
        with scratch_folder():
            assert held.exists(), "its hunt is under way"
    assert {*tmp_path.iterdir()} == {young}


def test_a_hunt_for_all_goes_on(hunts: Hunts, capsys: pytest.CaptureFixture[str]) -> None:
    assert hunts("--all", "--bin", str(FOLDER / "own_dict.py"), minutes="0.2") == 1
    screen = capsys.readouterr().out
    (line,) = [line for line in screen.splitlines() if line.startswith("history: ")]
    assert int(line.split()[1]) > 1
