import json
import subprocess
from pathlib import Path

import pytest

from tests.scripts.conftest import Checkout

JAVA = """#!/bin/sh
[ "$1" != -version ] || exit 0
for argument; do printf '%s\\n' "$argument"; done
"""


def bench_arguments(result: subprocess.CompletedProcess[str]) -> list[str]:
    assert result.returncode == 0, result.stderr
    arguments = json.loads(result.stdout)["arguments"]
    assert isinstance(arguments, list)
    return arguments


def add_release(checkout: Checkout) -> Path:
    jar = checkout.root / "maelstrom/lib/maelstrom.jar"
    jar.parent.mkdir(parents=True)
    jar.write_text("a jar")
    return jar


def test_three_nodes_without_faults_for_ten_seconds(checkout: Checkout) -> None:
    arguments = bench_arguments(checkout.run("./maelstrom-kv"))
    node = str(checkout.root / "run-vsr-node")
    assert arguments == [
        *("test", "-w", "lin-kv", "--bin", node, "--node-count", "3", "--time-limit", "10"),
        *("--rate", "20", "--concurrency", "4n"),
    ]


def test_positional_values_and_options_go_on_to_the_runner(checkout: Checkout) -> None:
    result = checkout.run(
        *("./maelstrom-kv", "5", "partition,kill", "30", "--rate", "200", "--bench"),
        *("--bin", "/bin/cat", "--", "--bench", "x"),
    )
    assert bench_arguments(result) == [
        *("test", "-w", "lin-kv", "--bin", "/bin/cat", "--node-count", "5", "--time-limit", "30"),
        *("--rate", "20", "--concurrency", "4n", "--nemesis", "partition,kill"),
        *("--rate", "200", "--", "--bench", "x"),
    ]


def test_a_binary_is_found_from_the_callers_directory(checkout: Checkout, tmp_path: Path) -> None:
    (tmp_path / "my node").symlink_to("/bin/cat")
    script = checkout.root / "maelstrom-kv"
    arguments = bench_arguments(checkout.run(script, "--bin=my node", directory=tmp_path))
    assert str(tmp_path / "my node") in arguments


@pytest.mark.parametrize(
    ("arguments", "fault"),
    [
        (["three"], "NODE_COUNT must be"),
        (["0"], "NODE_COUNT must be"),
        (["3", "7"], "NEMESIS must be"),
        (["3", "none", "soon"], "TIME_LIMIT must be"),
        (["3", "none", "0"], "TIME_LIMIT must be"),
        (["3", "none", "10", "20"], "at most NODE_COUNT, NEMESIS and TIME_LIMIT"),
        (["--bin"], "--bin needs"),
        (["--bin", "/nowhere/node"], "'/nowhere/node' is not an executable file"),
        (["--bin", "/"], "'/' is not an executable file"),
        (["--maelstrom"], "no Maelstrom to run under"),
    ],
)
def test_wrong_usage_is_told_in_one_line(
    checkout: Checkout, arguments: list[str], fault: str
) -> None:
    result = checkout.run("./maelstrom-kv", *arguments)
    assert (result.returncode, result.stdout) == (254, "")
    (line,) = result.stderr.splitlines()
    assert fault in line


def test_help_needs_no_set_up(checkout: Checkout) -> None:
    result = checkout.run("./maelstrom-kv", "--help")
    assert result.returncode == 0
    assert result.stdout.startswith("usage: ./maelstrom-kv [NODE_COUNT] [NEMESIS] [TIME_LIMIT]")
    assert not (checkout.root / ".venv").exists()


@pytest.mark.parametrize("place", ["unpacked", "MAELSTROM_JAR"])
def test_maelstrom_is_taken_where_it_is_there_and_java_runs(checkout: Checkout, place: str) -> None:
    jar = add_release(checkout)
    variables = {}
    if place == "MAELSTROM_JAR":
        jar = jar.rename(checkout.root / "elsewhere.jar")
        variables = {"MAELSTROM_JAR": str(jar)}
    checkout.add_program("java", JAVA)
    result = checkout.run("./maelstrom-kv", "3", "partition", variables=variables)
    arguments = result.stdout.splitlines()
    assert arguments[1] == "-jar"
    assert Path(arguments[2]).samefile(jar)
    assert arguments[3:6] == ["test", "-w", "lin-kv"]
    assert arguments[-2:] == ["--nemesis", "partition"]
    assert "running under Maelstrom" in result.stderr
    assert "as it is there and Java runs" in result.stderr
    assert "get-maelstrom" not in result.stderr


def test_bench_is_forced_past_a_maelstrom_that_runs(checkout: Checkout) -> None:
    add_release(checkout)
    checkout.add_program("java", JAVA)
    result = checkout.run("./maelstrom-kv", "--bench")
    assert bench_arguments(result)
    assert "under the bench, as --bench says" in result.stderr
    assert "get-maelstrom" not in result.stderr


@pytest.mark.parametrize(
    ("java_status", "jar", "reason"),
    [
        (None, None, "MAELSTROM_JAR is not set and maelstrom/ holds no release"),
        (1, None, "'java -version' fails"),
        (0, "/nowhere.jar", "MAELSTROM_JAR=/nowhere.jar is not a file"),
    ],
)
def test_without_maelstrom_the_bench_runs_and_one_line_says_why(
    checkout: Checkout, java_status: int | None, jar: str | None, reason: str
) -> None:
    if java_status is not None:
        add_release(checkout)
        checkout.add_program("java", f"#!/bin/sh\nexit {java_status}\n")
    checkout.run("scripts/setup", "node")
    variables = {"MAELSTROM_JAR": jar} if jar else {}
    result = checkout.run("./maelstrom-kv", variables=variables)
    assert bench_arguments(result)
    (line,) = result.stderr.splitlines()
    assert "running under the bench" in line
    assert reason in line
    has_release = java_status == 1
    assert ("scripts/get-maelstrom fetches the release" in line) != has_release


@pytest.mark.parametrize(
    "arguments", [["3", "kill"], ["3", "partition,pause"], ["--nemesis", "all"], ["--nemesis=kill"]]
)
def test_a_nemesis_that_maelstrom_lacks_is_refused_with_the_way_out(
    checkout: Checkout, arguments: list[str]
) -> None:
    add_release(checkout)
    checkout.add_program("java", JAVA)
    result = checkout.run("./maelstrom-kv", *arguments)
    assert (result.returncode, result.stdout) == (254, "")
    (line,) = result.stderr.splitlines()
    assert "Maelstrom 0.2.4 lacks the nemesis" in line
    assert "--bench has it" in line


@pytest.mark.parametrize(
    "arguments",
    [
        ["--latency-dist", "uniform"],
        ["--latency-dist=exponential"],
        ["--latency", "0", "--latency-dist", "uniform"],
        ["--latency=0.0", "--latency-dist", "uniform"],
    ],
)
def test_delays_that_end_maelstrom_are_refused(checkout: Checkout, arguments: list[str]) -> None:
    add_release(checkout)
    checkout.add_program("java", JAVA)
    result = checkout.run("./maelstrom-kv", *arguments)
    assert (result.returncode, result.stdout) == (254, "")
    (line,) = result.stderr.splitlines()
    assert "Maelstrom 0.2.4 divides by zero" in line
    assert "add --latency MS, or --bench" in line


@pytest.mark.parametrize(
    "arguments",
    [
        ["--latency-dist", "uniform", "--latency", "10"],
        ["--latency-dist", "constant"],
        ["--", "--latency-dist", "uniform"],
    ],
)
def test_other_delays_go_on_to_maelstrom(checkout: Checkout, arguments: list[str]) -> None:
    add_release(checkout)
    checkout.add_program("java", JAVA)
    result = checkout.run("./maelstrom-kv", *arguments)
    assert result.returncode == 0
    assert result.stdout.splitlines()[-len(arguments) :] == arguments


STORING_JAVA = """#!/bin/sh
[ "$1" != -version ] || exit 0
mkdir -p store/lin-kv/2
ln -sfn lin-kv/2 store/latest
exit 1
"""


def test_a_run_under_maelstrom_gets_a_page_and_keeps_its_status(checkout: Checkout) -> None:
    add_release(checkout)
    checkout.add_program("java", STORING_JAVA)
    result = checkout.run("./maelstrom-kv")
    assert result.returncode == 1
    assert json.loads(result.stdout)["arguments"] == ["report", "store/latest"]


def test_a_run_that_stored_nothing_gets_no_page_of_an_earlier_one(checkout: Checkout) -> None:
    add_release(checkout)
    checkout.add_program("java", '#!/bin/sh\n[ "$1" = -version ] || exit 255\n')
    (checkout.root / "store/lin-kv/1").mkdir(parents=True)
    (checkout.root / "store/latest").symlink_to("lin-kv/1")
    result = checkout.run("./maelstrom-kv")
    assert (result.returncode, result.stdout) == (255, "")
