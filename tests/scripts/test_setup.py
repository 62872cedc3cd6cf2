import os
import signal
import subprocess
import time
from pathlib import Path

import pytest

from tests.scripts.conftest import INSTALLER, Checkout

OLD_PYTHON = "#!/bin/sh\nexit 1\n"

# An interpreter whose maker left out pip and the parts that make a pip.
BARE_PYTHON = """#!/bin/sh
case "$*" in
    *version_info*) echo "$0" ;;
    *fcntl*) ;;
    *realpath*) readlink "$0" ;;
    "-I -m venv "*)
        for folder; do :; done
        rm -rf "$folder"
        mkdir -p "$folder/bin" "$folder/lib/python3.11/site-packages"
        ln -s "$0" "$folder/bin/python" ;;
    *) echo "no $*"; exit 1 ;;
esac
"""


def test_made_once_and_then_left_alone_without_starting_a_process(checkout: Checkout) -> None:
    first = checkout.run("scripts/setup", "node")
    assert (first.returncode, first.stdout) == (0, "")
    (call,) = checkout.calls()
    assert call.startswith("pip install --quiet --require-hashes -r ")
    assert "/requirements.txt" in call

    bash = Path("/bin/bash") if Path("/bin/bash").exists() else Path("/usr/bin/bash")
    again = checkout.run(bash, "scripts/setup", "node", variables={"PATH": "/nowhere"})
    assert (again.returncode, again.stdout, again.stderr) == (0, "", "")
    assert len(checkout.calls()) == 1


def test_the_packages_folder_finds_the_checkout_also_after_it_moved(checkout: Checkout) -> None:
    assert checkout.run("scripts/setup", "node").returncode == 0
    moved = checkout.root.rename(checkout.root.with_name("moved"))
    find = "import importlib.util as u; print(u.find_spec('vsr_node').submodule_search_locations)"
    found = checkout.run(moved / ".venv/bin/python", "-I", "-c", find, directory=moved.parent)
    assert str(moved / "vsr_node") in found.stdout
    assert checkout.run("scripts/setup", "node", directory=moved).returncode == 0
    assert len(checkout.calls()) == 1


def test_development_includes_the_node_and_not_the_other_way(checkout: Checkout) -> None:
    checkout.run("scripts/setup", "node")
    checkout.run("scripts/setup", "dev")
    assert len(checkout.calls()) == 2
    (checkout.root / ".venv/requirements.txt.stamp").unlink()
    (checkout.root / ".venv/requirements-dev.txt.stamp").unlink()
    checkout.run("scripts/setup", "dev")
    checkout.run("scripts/setup", "node")
    assert len(checkout.calls()) == 3


def test_changed_requirements_are_installed_into_the_same_environment(checkout: Checkout) -> None:
    checkout.run("scripts/setup", "node")
    kept = checkout.root / ".venv/kept"
    kept.touch()
    (checkout.root / "requirements.txt").write_text("orjson==1\n")
    assert checkout.run("scripts/setup", "node").returncode == 0
    assert len(checkout.calls()) == 2
    assert kept.exists()


@pytest.mark.parametrize("damage", ["no stamp", "unfinished", "interpreter gone", "empty"])
def test_a_half_made_environment_is_made_from_scratch(checkout: Checkout, damage: str) -> None:
    environment = checkout.root / ".venv"
    if damage == "empty":
        environment.mkdir()
    else:
        checkout.run("scripts/setup", "node")
    leftover = environment / "leftover"
    leftover.touch()
    stamp = environment / "requirements.txt.stamp"
    match damage:
        case "no stamp":
            stamp.unlink()
        case "unfinished":
            stamp.write_text("unfinished\n")
        case "interpreter gone":
            (environment / "bin/python").unlink()
            (environment / "bin/python").symlink_to("/nowhere/python3")
    assert checkout.run("scripts/setup", "node").returncode == 0
    assert not leftover.exists()
    assert checkout.run(environment / "bin/python", "-c", "pass").returncode == 0


def test_an_install_that_fails_leaves_no_stamp_and_is_tried_again(checkout: Checkout) -> None:
    checkout.add_program("uv", "#!/bin/sh\nexit 1\n")
    checkout.add_program("python3", BARE_PYTHON)
    assert checkout.run("scripts/setup", "node").returncode == 1
    checkout.add_program("uv", INSTALLER)
    assert checkout.run("scripts/setup", "node").returncode == 0
    assert len(checkout.calls()) == 1


def test_three_at_once_set_up_once(checkout: Checkout) -> None:
    started = [start_setup(checkout) for _ in range(3)]
    assert [process.wait(timeout=60) for process in started] == [0, 0, 0]
    assert len(checkout.calls()) == 1


def test_a_killed_holder_of_the_lock_holds_nobody_up(checkout: Checkout) -> None:
    block = checkout.programs / "block"
    os.mkfifo(block)
    checkout.add_program("uv", f"{INSTALLER}read line <'{block}'\n")
    holder = start_setup(checkout)
    wait_until_called(checkout)
    os.killpg(holder.pid, signal.SIGKILL)
    holder.wait(timeout=60)

    checkout.add_program("uv", INSTALLER)
    assert checkout.run("scripts/setup", "node").returncode == 0
    assert len(checkout.calls()) == 2


def test_a_python_that_is_new_enough_is_looked_for(checkout: Checkout) -> None:
    (checkout.programs / "python3").rename(checkout.programs / "python3.12")
    checkout.add_program("python3", OLD_PYTHON)
    checkout.add_program("python3.13", OLD_PYTHON)
    assert checkout.run("scripts/setup", "node").returncode == 0


def test_a_newer_python_is_found_where_there_is_no_other(checkout: Checkout) -> None:
    (checkout.programs / "python3").rename(checkout.programs / "python3.14")
    for name in ("python3", "python3.13", "python3.12", "python3.11"):
        checkout.add_program(name, OLD_PYTHON)
    assert checkout.run("scripts/setup", "node").returncode == 0


def test_no_python_is_told_in_one_line(checkout: Checkout) -> None:
    for name in ("python3", *(f"python3.{minor}" for minor in range(11, 16))):
        checkout.add_program(name, OLD_PYTHON)
    result = checkout.run("scripts/setup", "node")
    assert result.returncode == 1
    (line,) = result.stderr.splitlines()
    assert "3.11 or newer is needed" in line


def test_a_missing_venv_module_is_told_with_the_package_to_install(checkout: Checkout) -> None:
    checkout.add_program("uv", "#!/bin/sh\nexit 1\n")
    checkout.add_program("python3", BARE_PYTHON)
    result = checkout.run("scripts/setup", "node")
    assert result.returncode == 1
    _, line = result.stderr.splitlines()
    assert "apt install python3-venv" in line


def test_where_uv_fails_the_pip_beside_python_installs(checkout: Checkout) -> None:
    checkout.add_program("uv", "#!/bin/sh\nexit 1\n")
    record = "import os, sys; open(os.environ['CALLS'], 'a').write(' '.join(sys.argv[1:]))"
    checkout.add_program("runner.py", record)
    wrap_python(checkout, "echo ${0%/*}/runner.py")
    assert checkout.run("scripts/setup", "node").returncode == 0
    (call,) = checkout.calls()
    assert call.startswith("install --quiet --require-hashes -r ")


def test_where_no_pip_is_installed_the_one_that_python_keeps_installs(checkout: Checkout) -> None:
    (checkout.root / "requirements.txt").write_text("# Nothing, as there is no network.\n")
    checkout.add_program("uv", "#!/bin/sh\nexit 1\n")
    # Without site-packages.
    wrap_python(checkout, 'exec "${0%/*}/real" -S "$@"')
    result = checkout.run("scripts/setup", "node")
    assert result.returncode == 0, result.stderr
    assert checkout.run("scripts/setup", "node").stderr == ""


def test_an_unknown_role_is_refused(checkout: Checkout) -> None:
    result = checkout.run("scripts/setup", "everything")
    assert result.returncode == 1
    assert "usage" in result.stderr


def wrap_python(checkout: Checkout, where_is_pip: str) -> None:
    """Let `where_is_pip` answer in place of python where it is asked for its pip."""
    (checkout.programs / "python3").rename(checkout.programs / "real")
    cases = f"""
case "$*" in
    *version_info*) echo "$0" ;;
    *__pip-runner__*) {where_is_pip} ;;
    *) exec "${{0%/*}}/real" "$@" ;;
esac
"""
    checkout.add_program("python3", f"#!/bin/sh{cases}")


def start_setup(checkout: Checkout) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        ["scripts/setup", "node"],
        cwd=checkout.root,
        env=checkout.environment,
        stdin=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )


def wait_until_called(checkout: Checkout) -> None:
    while not checkout.calls():
        time.sleep(0.01)
