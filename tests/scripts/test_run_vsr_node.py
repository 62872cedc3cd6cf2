import json
import subprocess
from pathlib import Path

from tests.scripts.conftest import Checkout


def test_a_fresh_clone_sets_itself_up_and_says_nothing_on_stdout(checkout: Checkout) -> None:
    result = checkout.run("./run-vsr-node", "--option", "two words", given="a line\n")
    node = json.loads(result.stdout)
    assert node["arguments"] == ["--option", "two words"]
    assert node["input"] == "a line\n"
    assert "setting up" in result.stderr


def test_works_from_any_directory_and_stays_in_it(checkout: Checkout, tmp_path: Path) -> None:
    result = checkout.run(checkout.root / "run-vsr-node", directory=tmp_path)
    assert json.loads(result.stdout)["directory"] == str(tmp_path)
    result = checkout.run("a checkout/run-vsr-node", directory=tmp_path)
    assert json.loads(result.stdout)["directory"] == str(tmp_path)


def test_works_through_symlinks_and_path(checkout: Checkout, tmp_path: Path) -> None:
    (tmp_path / "links").mkdir()
    (tmp_path / "links/inner").symlink_to("../a checkout/run-vsr-node")
    (tmp_path / "outer").symlink_to("links/inner")
    (checkout.programs / "vsr").symlink_to(checkout.root / "run-vsr-node")
    for command in (tmp_path / "outer", "./outer", "links/inner", "vsr"):
        result = checkout.run(command, directory=tmp_path)
        assert json.loads(result.stdout)["directory"] == str(tmp_path)


def test_the_node_takes_the_place_of_the_script(checkout: Checkout) -> None:
    process = subprocess.Popen(
        ["./run-vsr-node"],
        cwd=checkout.root,
        env=checkout.environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    output, _ = process.communicate(timeout=60)
    assert json.loads(output)["process"] == process.pid


def test_assertions_stay_on_whatever_the_environment_says(checkout: Checkout) -> None:
    result = checkout.run("./run-vsr-node", variables={"PYTHONOPTIMIZE": "1"})
    assert json.loads(result.stdout)["asserts"] is True


def test_a_set_up_that_fails_is_told_on_stderr(checkout: Checkout) -> None:
    for name in ("python3", "python3.13", "python3.12", "python3.11"):
        checkout.add_program(name, "#!/bin/sh\nexit 1\n")
    result = checkout.run("./run-vsr-node")
    assert (result.returncode, result.stdout) == (1, "")
    assert "3.11 or newer" in result.stderr
