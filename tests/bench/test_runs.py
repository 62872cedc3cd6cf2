"""Short runs of real processes."""

import errno
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.bench.processes import gone
from vsr_node.bench.command_line.cli import main
from vsr_node.bench.nodes import members
from vsr_node.bench.nodes.loop import NANOSECONDS_PER_SECOND
from vsr_node.bench.stored.store import Store
from vsr_node.bench.workshop.broken_nodes import BROKEN_NODES, FOLDER
from vsr_node.checker import Event, load_history
from vsr_node.shell_command import command_here

Bench = Callable[..., int]

FLAWED_ECHO = Path(__file__).parent / "nodes/flawed_echo.py"


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    def run(*words: str) -> int:
        return main(["test", "--store", str(tmp_path / "store"), "--seed", "7", *words])

    return run


@pytest.fixture
def echo(bench: Bench, tmp_path: Path) -> Bench:
    """Run two echo nodes with that flaw."""

    def run(*words: str, flaw: str = "none") -> int:
        work = ("-w", "echo", "--node-count", "2", "--rate", "40", "--time-limit", "0.5")
        node = ("--bin", sys.executable, "--", str(FLAWED_ECHO), flaw, str(tmp_path))
        return bench(*work, *words, *node)

    return run


@pytest.fixture
def results(tmp_path: Path) -> Callable[[], dict[str, Any]]:
    def read() -> dict[str, Any]:
        value = json.loads((tmp_path / "store/latest/results.json").read_bytes())
        assert isinstance(value, dict)
        return value

    return read


@pytest.mark.parametrize("generator", ["", "--as-maelstrom"])
def test_the_honest_node_is_valid_under_all_faults(
    generator: str,
    bench: Bench,
    results: Any,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    words = "-w lin-kv --node-count 3 --concurrency 4n --rate 100 --time-limit 3 --latency 5"
    faults = "--latency-dist exponential --nemesis partition --nemesis-interval 0.7 --loss 0.05"
    status = bench(
        "--bin", "broken:honest", *f"{words} {faults} --duplicate 0.1 {generator}".split()
    )
    screen = capsys.readouterr().out
    assert status == 0, screen
    assert screen.splitlines()[-1].startswith("Everything looks good!")
    told = results()
    assert told["valid"] is True
    assert {key["valid"] for key in told["workload"]["keys"]} == {True}
    servers = told["network"]["servers"]
    assert min(servers["cut"], servers["lost"], servers["repeated"]) > 0
    assert servers["by_type"] == {"forward": servers["sent"]}
    assert sum(fault["messages_touched"] for fault in told["faults"]) == servers["cut"]
    assert told["bite"]["touched"]
    assert told["bite"]["leader_known"] > 0
    assert {fault["leader"] for fault in told["faults"]} <= {None, "n0"}
    stats = told["stats"]
    assert stats["count"] == stats["ok"] + stats["fail"] + stats["info"]
    assert told["latency_ms"].keys() == {"read", "write", "cas"}
    assert told["test"]["seed"] == 7
    _check_folder(tmp_path / "store/latest", stats["count"])


AIMED = ("primary", "backup")


def _is_aimed(event: Event) -> bool:
    return isinstance(event.value, dict) and event.value["kind"] in AIMED


def _check_folder(folder: Path, count: int) -> None:
    events = load_history(folder / "history.jsonl")
    assert sum(event.type == "invoke" for event in events) == count
    planned = [json.loads(line) for line in (folder / "faults.jsonl").read_text().splitlines()]
    acted = [event for event in events if event.process == "nemesis"]
    assert acted
    leaders = [fault for fault in planned if fault["value"] and fault["value"]["kind"] in AIMED]
    assert all(not fault["value"]["cuts"] for fault in leaders), "it is not known before"
    assert [(e.f, e.value) for e in acted if not _is_aimed(e)] == [
        (fault["f"], fault["value"]) for fault in planned if fault not in leaders
    ]
    assert len(acted) == len(planned)
    messages = [json.loads(line) for line in (folder / "messages.jsonl").read_text().splitlines()]
    assert {m["fate"] for m in messages} == {"delivered", "cut", "lost", "repeated"}
    ids = [m["message"]["id"] for m in messages if m["fate"] != "repeated"]
    assert len(set(ids)) == len(ids)
    assert (folder / "command.txt").read_text().startswith(f"{command_here('bench')} test --seed 7")
    assert {path.name for path in (folder / "node-logs").iterdir()} == {
        "n0.log",
        "n1.log",
        "n2.log",
    }
    assert (folder / "history.txt").read_text()
    assert "partition" in (folder / "bench.log").read_text()


def test_a_node_that_finds_its_data_again_is_valid_whatever_happens_to_the_processes(
    bench: Bench, results: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = "-w lin-kv --node-count 3 --concurrency 4n --rate 100 --time-limit 4 --nemesis all"
    more = "--nemesis-interval 0.5 --slow --bin broken:honest-on-disk -- {run}/data"
    assert bench(*words.split(), *more.split()) == 0, capsys.readouterr().out
    told = results()
    assert {fault["f"] for fault in told["faults"]} == {"kill", "pause", "partition", "slow"}
    assert told["bite"]["kills"] > 0
    assert told["mistakes"]["count"] == 0
    folder = tmp_path / "store/latest"
    assert (folder / "data/n0.jsonl").exists()
    for fault in told["faults"]:
        assert fault["operations_at_nodes"] <= fault["operations_in_flight"]
        assert fault["begin"] <= fault["end"]
    messages = [json.loads(line) for line in (folder / "messages.jsonl").read_text().splitlines()]
    requests = [m["message"] for m in messages if m["message"]["body"]["type"] == "init"]
    ids = [message["id"] for message in requests if message["dest"] == "n0"]
    assert len(ids) > 1
    assert ids == sorted(ids)
    assert len({message["src"] for message in requests}) == len(requests)


@pytest.mark.parametrize(
    ("flaw", "kind"), [("damaged-when-back", "exited"), ("silent-when-back", "no-init-ok")]
)
def test_a_node_that_does_not_come_back_is_a_mistake(
    echo: Bench, results: Any, monkeypatch: pytest.MonkeyPatch, flaw: str, kind: str
) -> None:
    monkeypatch.setattr(members, "INIT_TIME_OUT_NS", NANOSECONDS_PER_SECOND // 2)
    kills = ("--nemesis", "kill", "--nemesis-interval", "0.2", "--time-limit", "1")
    assert echo(*kills, flaw=flaw) == 1
    kinds = {kind for kinds in results()["mistakes"]["by_node"].values() for kind in kinds}
    assert kinds == {kind}


def test_a_pause_is_no_mistake_and_holds_up_what_is_asked(echo: Bench, results: Any) -> None:
    pauses = ("--nemesis", "pause", "--nemesis-interval", "0.2", "--time-limit", "1")
    assert echo(*pauses, "--rate", "200") == 0
    assert any(fault["messages_touched"] for fault in results()["faults"])
    assert results()["mistakes"]["count"] == 0


@pytest.mark.parametrize("name", ["own-dict", "cached-reads"])
def test_a_broken_node_is_invalid(
    bench: Bench, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (broken,) = [each for each in BROKEN_NODES if each.name == name]
    words = [*broken.found_by, "--time-limit", "2", "-w", "lin-kv"]
    assert bench("--bin", str(FOLDER / f"{name.replace('-', '_')}.py"), *words) == 1
    screen = capsys.readouterr().out
    assert screen.splitlines()[-1].startswith("Analysis invalid!")
    assert "can't be placed" in screen


def test_head_of_line_delivery_serves(bench: Bench, results: Any) -> None:
    words = "-w lin-kv --node-count 3 --rate 100 --time-limit 1 --latency 5 --delivery head-of-line"
    assert bench("--bin", "broken:honest", *words.split()) == 0
    assert results()["test"]["delivery"] == "head-of-line"
    assert results()["time_outs"] == 0


def test_echo_is_valid_and_leaves_no_descriptor_open(echo: Bench, results: Any) -> None:
    before = len(list(Path("/dev/fd").iterdir()))
    assert echo() == 0
    assert len(list(Path("/dev/fd").iterdir())) == before
    assert results()["stats"]["by_f"].keys() == {"echo"}
    assert results()["bench"]["duration_s"] < 5


def test_a_changed_echo_is_invalid(echo: Bench, results: Any) -> None:
    assert echo(flaw="hello") == 1
    assert results()["mistakes"]["count"] == 0


def test_a_run_without_a_single_ok_is_invalid_as_in_maelstrom(
    echo: Bench, results: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    assert echo(flaw="unavailable") == 1
    assert results()["never_ok"] == ["echo"]
    count = results()["stats"]["count"]
    assert f"echo was tried {count} times and never ok: Maelstrom's stats check" in (
        capsys.readouterr().out
    )


def test_a_node_can_stand_on_a_service(
    bench: Bench, results: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    node = Path(__file__).parent / "nodes" / "service_client.py"
    options = ("--node-count", "3", "--concurrency", "2n", "--rate", "50", "--time-limit", "1")
    faults = ("--nemesis", "partition", "--nemesis-interval", "0.3", "--loss", "1")
    assert bench("-w", "lin-kv", "--bin", str(node), *options, *faults) == 0, capsys.readouterr()
    servers = results()["network"]["servers"]
    assert servers["sent"] > 50
    assert (servers["cut"], servers["lost"]) == (0, 0), "no fault comes between node and service"


def test_availability_can_be_asked_for(echo: Bench) -> None:
    assert echo("--availability", "0.2", flaw="unavailable-at-n0") == 0
    assert echo("--availability", "total", flaw="unavailable-at-n0") == 1


def test_faults_that_touch_nothing_are_told(
    echo: Bench, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ("--nemesis", "partition", "--nemesis-interval", "0.3")
    assert echo(*words) == 0
    last = capsys.readouterr().out.splitlines()[-1]
    assert last.startswith("Nothing wrong was found, but THE FAULTS TOUCHED NOTHING")
    assert echo(*words, "--require-faults") == 2
    assert "the verdict is unknown" in capsys.readouterr().out.splitlines()[-1]


@pytest.mark.parametrize(
    ("flaw", "kind", "text"),
    [
        ("ready", "not-json", "Ready!"),
        ("tells-n7", "unknown-destination", '"n7"'),
        ("tells-c77", "reply-to-nobody", '"c77"'),
        ("echo-extra", "malformed-reply", '"ms"'),
        ("exits", "exited", "exit status 3"),
        ("crashes", "exited", "SIGSEGV"),
        ("closes-stdout", "output-closed", "closed"),
    ],
)
def test_a_nodes_mistake_is_told_and_makes_the_run_invalid(
    echo: Bench,
    results: Any,
    capsys: pytest.CaptureFixture[str],
    flaw: str,
    kind: str,
    text: str,
) -> None:
    assert echo("--node-count", "1", flaw=flaw) == 1
    screen = capsys.readouterr().out
    assert results()["mistakes"]["by_node"]["n0"].keys() == {kind}
    assert "MISTAKE of n0 at" in screen
    assert text in screen
    assert "expected:" in screen
    if text == "exit status 3":
        assert "why I left" in screen


@pytest.mark.parametrize(
    ("flaw", "text"),
    [
        ("never-answers", "no answer to init"),
        ("no-disk", "no such disk"),
        ("init-error", "an error in answer to init"),
    ],
)
def test_a_group_that_does_not_come_up_is_an_error(
    echo: Bench,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    flaw: str,
    text: str,
) -> None:
    monkeypatch.setattr(members, "INIT_TIME_OUT_NS", NANOSECONDS_PER_SECOND)
    assert echo(flaw=flaw) == 255
    screen = capsys.readouterr().out
    assert text in screen
    assert "ERROR" in screen


def test_an_init_ok_with_more_is_advice(
    echo: Bench, results: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    assert echo(flaw="init-extra") == 0
    assert "ADVICE to n0" in (screen := capsys.readouterr().out)
    assert '"extra"' in screen
    assert results()["mistakes"]["count"] == 0


def test_a_node_that_never_reads_and_its_children_are_ended(echo: Bench, tmp_path: Path) -> None:
    assert echo(flaw="has-child") == 0
    left = [int(pid) for pid in (tmp_path / "pids").read_text().split()]
    assert len(left) == 4
    assert all(gone(pid, 2) for pid in left)


def _started(tmp_path: Path) -> subprocess.Popen[str]:
    words = "-w lin-kv --bin broken:honest --node-count 3 --rate 100 --time-limit 60 --seed 3"
    process = subprocess.Popen(
        [sys.executable, "-m", "vsr_node.bench", "test", *words.split(), "--store", tmp_path],
        stdout=subprocess.PIPE,
        text=True,
    )
    history = tmp_path / "latest/history.jsonl"
    deadline = time.monotonic() + 20
    while not (history.exists() and history.stat().st_size > 20_000):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    return process


def _children(pid: int) -> list[int]:
    table = subprocess.run(
        ["ps", "-A", "-o", "pid=,ppid="], capture_output=True, text=True, check=True
    ).stdout
    pairs = [tuple(map(int, line.split())) for line in table.splitlines()]
    return [child for child, parent in pairs if parent == pid]


@pytest.mark.parametrize(
    ("number", "status", "text"),
    [
        (signal.SIGINT, 130, "Valid so far: "),
        (signal.SIGTERM, 143, "Valid so far: "),
    ],
)
def test_ctrl_c_judges_what_there_is_and_no_signal_leaves_anything_behind(
    tmp_path: Path, number: int, status: int, text: str
) -> None:
    process = _started(tmp_path)
    nodes = _children(process.pid)
    assert len(nodes) == 4, "three nodes and their guard"
    os.kill(process.pid, number)
    output, _ = process.communicate(timeout=20)
    assert process.returncode == status
    assert text in output.splitlines()[-1]
    assert all(gone(pid, 2) for pid in nodes)
    assert load_history(tmp_path / "latest/history.jsonl")


def test_a_reader_that_goes_away_stops_nothing(tmp_path: Path) -> None:
    process = _started(tmp_path)
    assert process.stdout is not None
    process.stdout.close()
    os.kill(process.pid, signal.SIGINT)
    assert process.wait(timeout=20) == 130
    assert (tmp_path / "latest/results.json").exists()


def test_tests_in_a_row_count_the_seed_up_and_number_messages_afresh(
    echo: Bench, tmp_path: Path
) -> None:
    assert echo("--test-count", "2") == 0
    folders = sorted((tmp_path / "store/echo").glob("2*"))
    seeds = [
        re.findall(r"--seed (\d+)", (folder / "command.txt").read_text()) for folder in folders
    ]
    assert seeds == [["7"], ["8"]]
    for folder in folders:
        first = (folder / "messages.jsonl").read_text().splitlines()[0]
        assert json.loads(first)["message"]["id"] == 0


def test_messages_kept_are_bounded(echo: Bench, results: Any, tmp_path: Path) -> None:
    assert echo("--messages-kept", "5") == 0
    assert len((tmp_path / "store/latest/messages.jsonl").read_text().splitlines()) == 5
    assert results()["network"]["not_in_messages_jsonl"] > 0


def test_stderr_goes_to_the_log_and_on_request_to_the_screen(
    echo: Bench, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert echo("--log-stderr", flaw="logs") == 0
    assert "n1: up and well" in capsys.readouterr().out
    log = (tmp_path / "store/latest/node-logs/n1.log").read_text()
    assert re.fullmatch(r"\[ {4}\d\.\d{6}\] up and well\n", log)


def test_a_node_that_logs_a_lot_is_read_to_its_end(
    echo: Bench, results: Any, tmp_path: Path
) -> None:
    assert echo(flaw="logs-a-lot") == 0
    log = (tmp_path / "store/latest/node-logs/n0.log").read_text()
    lines = re.findall(r"^\[ {4}\d\.\d{6}\] (y{20000}|and no end)", log, re.MULTILINE)
    assert lines.count("y" * 20_000) >= 100
    assert lines[-1] == "and no end"


def test_a_line_of_100_megabytes_is_one_mistake_and_noticed_at_once(
    echo: Bench, results: Any, tmp_path: Path
) -> None:
    assert echo("--rate", "1", flaw="endless-line") == 1
    first = results()["mistakes"]["first"]
    begun = [
        event.time
        for event in load_history(tmp_path / "store/latest/history.jsonl")
        if event.type == "invoke"
    ]
    assert {each["kind"] for each in first} == {"line-too-long"}
    assert len(first) <= len(begun)
    assert first[0]["time"] - begun[0] < NANOSECONDS_PER_SECOND


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (
            "#!/usr/bin/nowhere\n",
            "the interpreter of its first line is missing: #!/usr/bin/nowhere",
        ),
        ("print(1)\n", "it has no #! line with its interpreter"),
    ],
)
def test_a_program_that_can_not_be_started_is_told_with_what_is_missing(
    bench: Bench, tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str, problem: str
) -> None:
    script = tmp_path / "node"
    script.write_text(text)
    script.chmod(0o755)
    assert bench("-w", "echo", "--bin", str(script)) == 255
    told = capsys.readouterr().out
    assert problem in told
    assert str(script) in told
    assert main(["doctor", "--bin", str(script)]) == 255
    assert problem in capsys.readouterr().out


def test_a_full_disk_is_told_with_its_path_and_what_to_do(
    echo: Bench, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(Store, "flush", full)
    assert echo() == 255
    told = capsys.readouterr().out
    judge = command_here("bench", "check", str(tmp_path / "store/latest"))
    assert f"The disk of {tmp_path}/store is full" in told
    assert told.rstrip().endswith(judge)


def test_runs_at_one_moment_get_folders_of_their_own(tmp_path: Path) -> None:
    from datetime import UTC, datetime

    now = datetime(2026, 1, 2, 3, 4, 5, 678_901, tzinfo=UTC)
    stores = [Store(tmp_path, "lin-kv", now) for _ in range(3)]
    assert [store.folder.name for store in stores] == [
        "20260102T030405.678Z",
        "20260102T030405.679Z",
        "20260102T030405.680Z",
    ]
    for link in ("latest", "current", "lin-kv/latest"):
        assert (tmp_path / link).resolve() == stores[-1].folder.resolve()
