"""``vsr check FILE --workload NAME``: what can be read, what is printed, how it ends."""

import json
from pathlib import Path
from typing import Any

import pytest

from vsr_node.checker.__main__ import (
    EXIT_INVALID,
    EXIT_MALFORMED,
    EXIT_UNKNOWN,
    EXIT_USAGE,
    EXIT_VALID,
    main,
)

FOLDER = Path(__file__).parent / "samples"

# File: workload, and what --json prints: valid, as_maelstrom, strict and names.
SAMPLES: dict[str, tuple[str, Any, Any, Any, list[str]]] = {
    "broadcast.edn": ("broadcast", False, False, False, ["lost", "missing-at-end"]),
    "g-set.edn": ("g-set", True, True, True, []),
    "g-set.json": ("g-set", False, True, False, ["aborted-read"]),
    "g-counter.jsonl": ("g-counter", True, True, False, []),
    "pn-counter.edn": ("pn-counter", False, False, False, ["wrong-final-read"]),
    "kafka.edn": ("kafka", False, "unknown", False, ["phantom"]),
    "kafka-integer-keys.edn": ("kafka", False, False, False, ["precommitted-read"]),
    "list-append.edn": ("txn-list-append", False, False, False, ["G-single-item-realtime"]),
    "rw-register.edn": ("txn-rw-register", True, True, True, []),
    "unique-ids.edn": ("unique-ids", False, False, False, ["duplicate-id"]),
    "echo.edn": ("echo", True, False, True, []),
    "lin-kv.txt": ("lin-kv", False, False, False, ["not-linearizable"]),
}


def checked(
    capsys: pytest.CaptureFixture[str], name: str, workload: str, *arguments: str
) -> tuple[int, str]:
    status = main([str(FOLDER / name), "--workload", workload, *arguments])
    output = capsys.readouterr()
    return status, output.out + output.err


def test_every_sample_is_in_the_table() -> None:
    assert {path.name for path in FOLDER.iterdir()} == SAMPLES.keys()


@pytest.mark.parametrize("name", SAMPLES)
def test_a_sample_gets_its_verdicts_and_names(
    capsys: pytest.CaptureFixture[str], name: str
) -> None:
    workload, valid, as_maelstrom, strict, names = SAMPLES[name]
    status, text = checked(capsys, name, workload, "--json")
    result = json.loads(text)
    verdicts = result["valid"], result["as_maelstrom"], result["strict"]
    assert verdicts == (valid, as_maelstrom, strict)
    assert result["anomalies"] == names
    assert [proof["name"] for proof in result["proofs"]] == names
    assert all(proof["events"] for proof in result["proofs"])
    assert status == (EXIT_VALID if valid else EXIT_INVALID)


def test_strict_decides_the_exit_status_and_the_names(capsys: pytest.CaptureFixture[str]) -> None:
    status, text = checked(capsys, "g-counter.jsonl", "g-counter", "--json", "--strict")
    result = json.loads(text)
    assert status == EXIT_INVALID
    assert (result["valid"], result["strict"]) == (True, False)
    assert result["anomalies"] == ["not-linearizable"]


def test_the_text_has_the_verdict_and_the_operations(capsys: pytest.CaptureFixture[str]) -> None:
    status, text = checked(capsys, "g-set.json", "g-set")
    assert status == EXIT_INVALID
    lines = text.splitlines()
    assert lines[0] == "Not valid: aborted-read."
    assert lines[1] == "Maelstrom's own verdict: valid."
    assert "add 5  (events 0 to 1" in text
    assert "read [5,6]  (events 4 to 5" in text


def test_text_that_is_valid_has_what_strict_would_find(capsys: pytest.CaptureFixture[str]) -> None:
    status, text = checked(capsys, "g-counter.jsonl", "g-counter")
    assert (status, text) == (
        EXIT_VALID,
        "Valid: 3 operations.\nStrict: invalid: not-linearizable.\n",
    )


def test_nothing_known_is_the_status_for_unknown(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    path = tmp_path / "history.jsonl"
    path.write_text('{"process": 0, "type": "invoke", "f": "read", "value": null}\n')
    status, text = checked(capsys, str(path), "g-set")
    assert status == EXIT_UNKNOWN
    assert text.startswith("Unknown: ")


def test_a_history_of_another_workload_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    status, text = checked(capsys, "echo.edn", "kafka")
    assert status == EXIT_MALFORMED
    assert "event 0: kafka has send, poll" in text
    assert "not echo" in text


def test_only_faults_are_refused(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    path = tmp_path / "history.edn"
    path.write_text("{:process :nemesis, :type :info, :f :kill, :value nil}")
    status, text = checked(capsys, str(path), "g-set")
    assert status == EXIT_MALFORMED
    assert "only faults" in text


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--workload", "queue"), "argument --workload: invalid choice: 'queue'"),
        (("--workload", "kafka", "--model", "map"), "--model can't be combined with --workload"),
        (("--workload", "kafka", "--initial", "0"), "--initial can't be combined with --workload"),
        (("--workload", "kafka", "--memory-limit", "1"), "--memory-limit can't be combined"),
        (
            ("--workload", "txn-list-append", "--consistency-models", "serializable, none"),
            "there is no model 'none'; these are: strict-serializable",
        ),
        (("--strict",), "--strict needs --workload"),
        (("--json",), "--json needs --workload"),
        (("--consistency-models", "serializable"), "--consistency-models needs --workload"),
    ],
)
def test_wrong_arguments(
    capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], message: str
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["history.edn", *arguments])
    assert ended.value.code == EXIT_USAGE
    assert message in capsys.readouterr().err
