"""What people have: a small sample of every shape of history, and of what is none, judged."""

import gzip
import os
import re
from pathlib import Path

import pytest

from vsr_node.checker.__main__ import EXIT_INVALID, EXIT_MALFORMED, EXIT_VALID, main
from vsr_node.checker.formats import read_history

FOLDER = Path(__file__).parent / "samples"
PAGE = FOLDER.parent.parent.parent / "docs" / "HISTORIES.md"

SAMPLES: dict[str, tuple[int, str]] = {
    # Logs
    "log-2014.log": (EXIT_VALID, "3 operations on 1 key"),
    "log-java-util.log": (EXIT_INVALID, "read null by process 1 (events 2 to 3)"),
    "log-2017-blanks.log": (EXIT_VALID, "2 operations on 1 key"),
    "log-2019.log": (EXIT_VALID, "3 operations on 2 keys"),
    "log-2023.log": (EXIT_INVALID, "read 2 by process 1 (events 5 to 6)"),
    "log-of-a-container.log": (EXIT_INVALID, "read null by process 1"),
    "log-cut.log": (EXIT_MALFORMED, "line 2: an operation is its process, type, f and value"),
    "history.txt": (EXIT_INVALID, "Key 7: valid up to operation 1 of 2; read null by process 2"),
    # JSON
    "array.json": (EXIT_VALID, "1 operation on 1 key"),
    "object.json": (EXIT_INVALID, "read 2 by process 0 (events 2 to 3)"),
    "object-in-a-line.json": (EXIT_VALID, "1 operation on 1 key"),
    "objects.json": (EXIT_VALID, "1 operation on 1 key"),
    "no-index.jsonl": (EXIT_INVALID, "read null by process 1 (events 2 to 3)"),
    "pairs.jsonl": (EXIT_VALID, "3 operations on 2 keys"),
    "cut.jsonl": (EXIT_MALFORMED, "line 2: this is not JSON"),
    "cut.json": (EXIT_MALFORMED, "line 2: this is not JSON: ] is needed, not the end"),
    "cut-at-the-beginning.jsonl": (EXIT_MALFORMED, "is the beginning of the history missing?"),
    # EDN
    "records.edn": (EXIT_INVALID, "Key 1: valid up to operation 2 of 3; read 2 by process 0"),
    "clojure.edn": (EXIT_VALID, "5 operations on 1 key"),
    "cas-of-three.edn": (EXIT_INVALID, 'Key "a": valid up to operation 3 of 4; cas 1 -> 3'),
    "key-only-in-calls.edn": (EXIT_VALID, "2 operations on 1 key"),
    "history-of-a-test.edn": (EXIT_VALID, "1 operation on 1 key"),
    "cut.edn": (EXIT_MALFORMED, "line 2: { is never closed"),
    # Values before any write
    "initial-0.edn": (EXIT_INVALID, "Nobody wrote 0. If it was there before the first operation"),
    "initial-0-and-stale.edn": (EXIT_INVALID, "judge again with --initial 0."),
    "dirty-read.edn": (EXIT_INVALID, "read 1 by process 0 (events 2 to 3) can't be placed"),
    # What the register model can't judge
    "map.edn": (EXIT_MALFORMED, "the register model does not know append; the map model does"),
    "list-append.edn": (EXIT_MALFORMED, "transactions on lists (list-append); it takes"),
    "rw-register.edn": (EXIT_MALFORMED, "does not know txn: this looks like transactions"),
    "long-fork.edn": (EXIT_MALFORMED, "does not know write: this looks like transactions"),
    "set.edn": (EXIT_MALFORMED, "this looks like a set or a counter; it takes"),
    "queue.log": (EXIT_MALFORMED, "this looks like a queue; it takes"),
    "broadcast.edn": (EXIT_MALFORMED, "this looks like a broadcast; it takes"),
    "kafka.edn": (EXIT_MALFORMED, "this looks like a log such as Kafka's; it takes"),
    "echo.log": (EXIT_MALFORMED, "this looks like an echo; it takes"),
    "bank.edn": (EXIT_MALFORMED, "this looks like a bank; it takes"),
    "unknown.edn": (EXIT_MALFORMED, "does not know shuffle; it judges read, write and cas"),
    "cas-of-four.edn": (EXIT_MALFORMED, "does not know cas with the value [1,2,3,4]"),
    # What is no history
    "results.edn": (EXIT_MALFORMED, "line 1: these are the results of a test, not its history"),
    "results.json": (EXIT_MALFORMED, "line 1: these are the results of a test, not its history"),
    "messages.jsonl": (EXIT_MALFORMED, 'this has "time", "message"'),
    "no-operations.log": (EXIT_MALFORMED, "this is a log without operations"),
    "only-faults.edn": (EXIT_MALFORMED, "there is no operation of a client in it, only faults"),
    "timeline.html": (EXIT_MALFORMED, "this is a page or a picture"),
    "notes.txt": (EXIT_MALFORMED, 'this begins with "The register was read once'),
    "empty.jsonl": (EXIT_MALFORMED, "the file is empty"),
}

INPUTS: dict[str, tuple[int, str]] = {
    "jepsen-new.log": (EXIT_INVALID, "read 2 by process 1 (events 3 to 4) can't be placed"),
    "jepsen-2019.log": (EXIT_INVALID, "read 2 by process 1 (events 2 to 3) can't be placed"),
    "array.json": (EXIT_VALID, "Linearizable"),
    "array-invalid.json": (EXIT_INVALID, "judge again with --initial 5."),
    "cas-of-three.edn": (EXIT_VALID, "2 operations on 1 key"),
    "missing-key-after-write.jsonl": (EXIT_INVALID, "Key 1: valid up to operation 1 of 2"),
    "no-index.jsonl": (EXIT_VALID, "1 operation on 1 key"),
}
"""Inputs that are no part of the project: VSR_INPUTS names a folder that has them."""

BINARY = {
    gzip.compress(b"{}", mtime=0): "this is compressed by gzip; unpack it",
    b"JEPSEN\x00\x01": "this is Jepsen's test.jepsen, which is binary; history.edn",
    b"PK\x03\x04\x00": "this is a zip archive",
    b"\xff\xfe{\x00}\x00": "this is UTF-16; convert it to UTF-8",
    b"SQLite format 3\x00": "this is a database of SQLite",
    b"\x01\x02\x00\xff": "this is binary data",
}


def judged(capsys: pytest.CaptureFixture[str], path: Path, *arguments: str) -> tuple[int, str]:
    """Return the exit status and the text of the checker's command."""
    status = main([str(path), *arguments])
    output = capsys.readouterr()
    return status, output.out + output.err


def assert_judged(
    capsys: pytest.CaptureFixture[str], path: Path, expected: tuple[int, str], *arguments: str
) -> None:
    status, text = judged(capsys, path, *arguments)
    assert (status, expected[1] in text) == (expected[0], True), text


def test_every_sample_is_in_the_table() -> None:
    assert {path.name for path in FOLDER.iterdir()} == SAMPLES.keys()


@pytest.mark.parametrize("name", SAMPLES)
def test_sample(capsys: pytest.CaptureFixture[str], name: str) -> None:
    assert_judged(capsys, FOLDER / name, SAMPLES[name])


@pytest.mark.parametrize("name", SAMPLES)
def test_sample_with_other_line_ends(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, name: str
) -> None:
    content = (FOLDER / name).read_bytes().replace(b"\n", b"\r\n")
    path = tmp_path / name
    path.write_bytes(b"\xef\xbb\xbf" + content)
    assert_judged(capsys, path, SAMPLES[name])


@pytest.mark.parametrize("name", INPUTS)
def test_input(capsys: pytest.CaptureFixture[str], name: str) -> None:
    folder = os.environ.get("VSR_INPUTS")
    if not folder:
        pytest.skip("VSR_INPUTS names no folder with inputs")
    assert_judged(capsys, Path(folder) / name, INPUTS[name])


def test_the_examples_of_the_page_are_read() -> None:
    examples = re.findall(
        r"^```\n(.*?)^```", PAGE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL
    )
    assert [len(read_history(example.encode())) for example in examples] == [2] * 5 + [4] * 2


@pytest.mark.parametrize("content", BINARY)
def test_binary(capsys: pytest.CaptureFixture[str], tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "history"
    path.write_bytes(content)
    assert_judged(capsys, path, (EXIT_MALFORMED, BINARY[content]))


@pytest.mark.parametrize(
    ("name", "arguments", "expected"),
    [
        ("initial-0.edn", ("--initial", "0"), (EXIT_VALID, "2 operations on 1 key")),
        ("initial-0-and-stale.edn", ("--initial", "0"), (EXIT_INVALID, "the register is 1")),
        ("initial-0.edn", ("--initial", "7"), (EXIT_INVALID, "judge again with --initial 0.")),
        ("initial-0.edn", ("--initial", '"0"'), (EXIT_INVALID, 'the register is "0"')),
        ("array.json", ("--initial", "null"), (EXIT_VALID, "1 operation")),
        ("map.edn", ("--model", "map"), (EXIT_VALID, "2 operations on 1 key")),
        ("map.edn", ("--model", "map", "--initial", '"y"'), (EXIT_INVALID, 'the value is "yx"')),
        ("array.json", ("--model", "map"), (EXIT_MALFORMED, "write; the register model does")),
    ],
)
def test_sample_with_arguments(
    capsys: pytest.CaptureFixture[str],
    name: str,
    arguments: tuple[str, ...],
    expected: tuple[int, str],
) -> None:
    assert_judged(capsys, FOLDER / name, expected, *arguments)


@pytest.mark.parametrize("name", ["dirty-read.edn", "log-2023.log", "records.edn"])
def test_no_hint_where_the_value_was_written_or_came_later(
    capsys: pytest.CaptureFixture[str], name: str
) -> None:
    assert "--initial" not in judged(capsys, FOLDER / name)[1]
