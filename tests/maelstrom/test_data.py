"""Where data lives (docs/SPECIFICATION.md), with real processes: groups of one, mostly."""

import errno
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import suppress
from itertools import count
from pathlib import Path

import pytest

from tests.maelstrom.node_process import NodeProcess
from tests.storage import shim
from vsr_node.maelstrom.process import EXIT_STORAGE

# The node's parent is another process each time, which ends together with the node.
THROUGH_A_SHELL = ("sh", "-c", '"$0" "$@"; exit $?')


class Run:
    """A node that is started again and again, in a network that numbers its messages."""

    def __init__(self, *arguments: str) -> None:
        self.arguments = arguments
        self.message_ids: Iterator[int] | None = count()
        self._msg_ids = count(2)

    def start(self, *, through: tuple[str, ...] = ()) -> NodeProcess:
        return NodeProcess(*self.arguments, through=through, message_ids=self.message_ids)

    def life(self, value: object, *, through: tuple[str, ...] = ()) -> object:
        """Start, read, write `value`, kill -9. Returns what was read; None: there was nothing."""
        with self.start(through=through) as node:
            assert node.init()["type"] == "init_ok"
            before = self.read(node)
            self.write(node, value)
        return before

    def read(self, node: NodeProcess) -> object:
        return node.ask({"type": "read", "msg_id": next(self._msg_ids), "key": 0}).get("value")

    def write(self, node: NodeProcess, value: object) -> None:
        body = {"type": "write", "msg_id": next(self._msg_ids), "key": 0, "value": value}
        assert node.ask(body)["type"] == "write_ok"


def ended_by_its_storage(node: NodeProcess) -> str:
    """What the node said of it on stderr; it has said nothing else."""
    messages, errors, status = node.end()
    assert (messages, status) == ([], EXIT_STORAGE)
    (line,) = errors.splitlines()
    return line


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return tmp_path / "data"


@pytest.fixture(params=["", "--data-dir {}", "--data-dir {} --fsync never"])
def run(request: pytest.FixtureRequest, data: Path) -> Run:
    """One for each way to keep data."""
    return Run(*request.param.format(data).split())


@pytest.fixture
def in_folder(data: Path) -> Run:
    return Run("--data-dir", str(data))


def folder_of(data: Path) -> Path:
    """The one folder of a node there."""
    (folder,) = data.iterdir()
    return folder


def test_a_node_that_was_killed_remembers(run: Run) -> None:
    assert [run.life(value) for value in ("a", "b", "c")] == [None, "a", "b"]


def test_a_node_that_has_ended_remembers(run: Run) -> None:
    with run.start() as node:
        node.init()
        run.write(node, "a")
        assert node.end() == ([], "", 0)
    assert run.life("b") == "a"


def test_what_was_answered_before_is_answered_so_again(run: Run) -> None:
    requests = (
        {"type": "cas", "msg_id": 3, "key": 0, "from": 1, "to": 2},
        {"type": "cas", "msg_id": 4, "key": 0, "from": 1, "to": 3},
    )
    answers = []
    for _ in range(2):
        with run.start() as node:
            node.init()
            node.ask({"type": "write", "msg_id": 2, "key": 0, "value": 1})
            answers.append([node.ask(request) for request in requests])
    assert answers[0] == answers[1]
    assert [answer.get("code") for answer in answers[0]] == [None, 22]


def test_in_memory_it_forgets() -> None:
    run = Run("--data-dir", "none")
    assert [run.life(value) for value in ("a", "b")] == [None, None]


def test_the_default_journal_is_that_of_one_test() -> None:
    run = Run()
    run.life("a")
    run.message_ids = count()
    assert [run.life(value) for value in ("b", "c")] == [None, "b"]


def test_the_default_journal_is_not_found_where_messages_have_no_numbers() -> None:
    run = Run()
    run.message_ids = None
    assert [run.life(value) for value in ("a", "b")] == [None, None]


def test_the_default_journal_is_that_of_one_parent() -> None:
    run = Run()
    assert run.life("a", through=THROUGH_A_SHELL) is None
    assert run.life("b", through=THROUGH_A_SHELL) is None


def test_the_default_journal_is_that_of_one_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = Run()
    run.life("a")
    monkeypatch.chdir(tmp_path)
    assert run.life("b") is None


def test_a_folder_is_found_by_any_parent_in_any_test(in_folder: Run) -> None:
    in_folder.life("a", through=THROUGH_A_SHELL)
    in_folder.message_ids = count()
    assert in_folder.life("b", through=THROUGH_A_SHELL) == "a"


def test_default_journals_whose_owners_are_gone_are_removed(temporary_folder: Path) -> None:
    home = temporary_folder / f"vsr-node-{os.geteuid()}"
    Run().life("a", through=THROUGH_A_SHELL)
    orphaned = Run().start(through=THROUGH_A_SHELL)
    with Run().start() as ours:
        orphaned.init()
        ours.init()
        # What is not named like one of them is nobody's business.
        (home / "something-else").mkdir()
        orphaned.process.kill()
        orphaned.process.wait()
        Run().life("b", through=THROUGH_A_SHELL)
        in_use = {path.name for path in home.iterdir()}
        # The orphan lives as long as its stdin.
        orphaned.process.communicate()
    assert len(in_use) == 4
    Run().life("c", through=THROUGH_A_SHELL)
    assert len(list(home.iterdir())) == 3


def test_two_processes_never_share_a_folder(run: Run) -> None:
    with run.start() as first:
        first.init()
        run.write(first, "a")
        with run.start() as second:
            answer = second.init()
            assert (answer["type"], answer["code"]) == ("error", 13)
            assert "in use by another process" in answer["text"]
            assert "in use by another process" in ended_by_its_storage(second)
        run.write(first, "b")
    assert run.life("c") == "b"


def test_each_node_of_each_group_has_a_folder_of_its_own(in_folder: Run, data: Path) -> None:
    in_folder.life("a")
    for node_id, node_ids in (("n0", ("n0", "n1")), ("n1", ("n0", "n1")), ("../n0", ("../n0",))):
        with in_folder.start() as node:
            assert node.init(node_id, node_ids)["type"] == "init_ok"
    assert len(list(data.iterdir())) == 4
    assert list(data.parent.glob("n0*")) == []


def test_a_place_where_nothing_can_be_kept_is_told(data: Path) -> None:
    data.touch()
    with Run("--data-dir", str(data)).start() as node:
        answer = node.init()
        assert answer["code"] == 13
        assert str(data) in answer["text"]
        assert str(data) in ended_by_its_storage(node)


def test_somebody_elses_temporary_folder_is_not_used(temporary_folder: Path) -> None:
    home = temporary_folder / f"vsr-node-{os.geteuid()}"
    home.mkdir()
    home.chmod(0o777)
    with Run().start() as node:
        assert "can be written by other users" in node.init()["text"]
        ended_by_its_storage(node)
    assert list(home.iterdir()) == []


def remove(folder: Path) -> None:
    shutil.rmtree(folder)


def move(folder: Path) -> None:
    folder.rename(folder.with_name("elsewhere"))


@pytest.mark.parametrize("lose", [remove, move])
def test_a_folder_that_is_gone_ends_the_node_and_all_that_the_turn_would_say(
    in_folder: Run, data: Path, lose: Callable[[Path], None]
) -> None:
    with in_folder.start() as node:
        node.init()
        in_folder.write(node, "a")
        lose(folder_of(data))
        # One turn, of which nothing may be said: also not what has to do with no data.
        lines = [
            b'{"src":"c1","dest":"n0","body":{"type":"echo","msg_id":90,"echo":1}}\n',
            b'{"src":"c1","dest":"n0","body":{"type":"write","msg_id":91,"key":0,"value":1}}\n',
        ]
        node.write(b"".join(lines))
        assert str(data) in ended_by_its_storage(node)


def test_a_full_disk_ends_the_node_and_loses_nothing_that_was_told(in_folder: Run) -> None:
    with in_folder.start(through=("sh", "-c", 'ulimit -f 256; exec "$0" "$@"')) as node:
        node.init()
        with suppress(BrokenPipeError):
            for number in range(2, 1_000):
                value = [number, "x" * 1_000]
                node.send("c2", {"type": "write", "msg_id": number, "key": 0, "value": value})
        messages, errors, status = node.end()
    (line,) = errors.splitlines()
    assert "full" in line or "I/O" in line
    assert status == EXIT_STORAGE
    told = [message["body"]["in_reply_to"] for message in messages]
    assert told == list(range(2, told[-1] + 1))
    assert in_folder.life("a") == [told[-1], "x" * 1_000]


@pytest.mark.skipif(bool(shim.why_not()), reason=shim.why_not())
@pytest.mark.parametrize("error", [errno.EMFILE, errno.EIO, errno.EACCES])
def test_a_file_call_that_fails_ends_the_node_and_loses_nothing(
    in_folder: Run, data: Path, tmp_path: Path, error: int
) -> None:
    library = shim.build(tmp_path)
    known: object = None
    statuses = set()
    for call in range(1, 60, 11):
        faults = {
            "LD_PRELOAD": library,
            "SHIM_FOLDER": data,
            "SHIM_CALL": call,
            "SHIM_ERROR": error,
        }
        through = ("env", *(f"{name}={value}" for name, value in faults.items()))
        with in_folder.start(through=through) as node:
            if node.init()["type"] == "init_ok":
                assert in_folder.read(node) == known
                in_folder.write(node, call)
                known = call
            _, errors, status = node.end()
            assert status in (0, EXIT_STORAGE), errors
            assert "Traceback" not in errors
            statuses.add(status)
        before = known
        known = -call
        assert in_folder.life(known) == before
    assert EXIT_STORAGE in statuses  # The shim was there.


def test_what_cant_be_trusted_is_set_aside_and_logged(in_folder: Run, data: Path) -> None:
    in_folder.life("a")
    (log,) = folder_of(data).glob("*-wal")
    log.unlink()
    with in_folder.start() as node:
        assert node.init()["type"] == "init_ok"
        _, errors, status = node.end()
    aside = folder_of(data) / "set-aside"
    assert f"what can't be trusted is kept in {aside}: {log.name[:-4]}" in errors
    assert status == 0
    assert (aside / log.name[:-4]).exists()


def test_a_journal_that_lost_its_end_is_not_trusted(in_folder: Run, data: Path) -> None:
    members = ("n0", "n1", "n2")
    with in_folder.start() as node:
        node.init("n1", members)
        entry = ["c9", 1, ["write", "0", "1"]]
        times = {"sent_at": 1, "time_out": 60_000_000, "wants_answer": 1}
        prepare = {"view_number": 0, "commit_number": 0, "first_op_number": 1, "entries": [entry]}
        node.send("n0", {"type": "prepare", **prepare, **times}, "n1")
        assert node.receive_type("prepare_ok")["op_number"] == 1
    (log,) = folder_of(data).glob("*-wal")
    log.unlink()
    for _ in range(2):
        with in_folder.start() as node:
            assert node.init("n1", members)["type"] == "init_ok"
            assert node.receive_type("recovery")["view_number"] == 0
            _, errors, _ = node.end()
            assert "the journal is, or may be, incomplete" in errors


def test_a_promise_that_nobody_knows_keeps_the_node_out(in_folder: Run, data: Path) -> None:
    in_folder.life("a")
    (folder_of(data) / "promise").unlink()
    for _ in range(2):
        with in_folder.start() as node:
            answer = node.init()
            assert answer["code"] == 13
            assert "stays out" in answer["text"]
            assert "stays out" in ended_by_its_storage(node)


@pytest.mark.parametrize(
    "arguments",
    [("--fsync", "never"), ("--data-dir", "none", "--fsync", "always"), ("--data-dir", "")],
)
def test_options_that_mean_nothing_are_refused(arguments: tuple[str, ...]) -> None:
    with NodeProcess(*arguments) as node:
        messages, errors, status = node.end()
    assert (messages, status) == ([], 2)
    assert "--data-dir" in errors
