"""A read or a cas that fails because the key does not exist has seen a missing key."""

from collections.abc import Sequence
from pathlib import Path
from random import Random
from typing import Any

import pytest

from tests.checker.test_command import run
from vsr_node.bench.workloads import WORKLOADS, Setting
from vsr_node.checker import Bounds, Event, MapModel, RegisterModel, check, load_history
from vsr_node.checker.history import failed_operations, pair_operations
from vsr_node.checker.validity import Validity

WRITE = (
    Event(0, 1, 0, "invoke", "write", 1, 7),
    Event(1, 2, 0, "ok", "write", 1, 7),
)

MISSING_KEY: tuple[Any, ...] = (
    [20, "no such key"],
    [20],
    ["key-does-not-exist", "not found"],
    "key-does-not-exist",
)

OTHER: tuple[Any, ...] = (
    None,
    20,
    [22, "expected 1, had 2"],
    [11, "no leader"],
    [0, "timeout"],
    "timeout",
    ["no", 20],
    [],
)


def failed(f: str, value: Any, error: Any) -> tuple[Event, Event]:
    return (
        Event(2, 3, 1, "invoke", f, 1, value),
        Event(3, 4, 1, "fail", f, 1, value, error),
    )


def valid(events: Sequence[Event]) -> bool | None:
    return check(events, RegisterModel()).valid


@pytest.mark.parametrize("error", MISSING_KEY)
def test_a_missing_key_is_read(error: Any) -> None:
    read = failed("read", None, error)
    assert valid(read) is True
    assert valid([*WRITE, *read]) is False
    (operation,) = pair_operations(read)
    assert (operation.value, operation.completed) == (None, 3)
    assert failed_operations(read) == []


@pytest.mark.parametrize("error", OTHER)
def test_another_failure_of_a_read_says_nothing(error: Any) -> None:
    read = failed("read", None, error)
    assert valid([*WRITE, *read]) is True
    assert pair_operations(read) == []
    assert len(failed_operations(read)) == 1


@pytest.mark.parametrize("error", MISSING_KEY)
def test_a_cas_that_found_no_key_has_read_that(error: Any) -> None:
    cas = failed("cas", [1, 2], error)
    assert valid(cas) is True
    assert valid([*WRITE, *cas]) is False
    (operation,) = pair_operations(cas)
    assert (operation.f, operation.value, operation.completed) == ("read", None, 3)
    assert failed_operations(cas) == []


@pytest.mark.parametrize("error", OTHER)
def test_a_cas_that_failed_otherwise_did_not_happen(error: Any) -> None:
    assert valid([*WRITE, *failed("cas", [1, 2], error)]) is True


def test_a_write_that_failed_did_not_happen() -> None:
    assert valid([*WRITE, *failed("write", 2, [20, "no such key"])]) is True


def test_a_read_of_unknown_outcome_says_nothing() -> None:
    call, completion = failed("read", None, [20, "no such key"])
    assert valid([*WRITE, call, completion._replace(type="info")]) is True


JSON_LINES = """\
{"index":0,"time":1,"process":0,"type":"invoke","f":"write","key":1,"value":7}
{"index":1,"time":2,"process":0,"type":"ok","f":"write","key":1,"value":7}
{"index":2,"time":3,"process":1,"type":"invoke","f":"read","key":1,"value":null}
{"index":3,"time":4,"process":1,"type":"fail","f":"read","key":1,"value":null,"error":[20,"gone"]}
"""

HISTORY_EDN = """\
{:process 0, :type :invoke, :f :write, :value [1 7], :index 0, :time 1}
{:process 0, :type :ok, :f :write, :value [1 7], :index 1, :time 2}
{:process 1, :type :invoke, :f :read, :value [1 nil], :index 2, :time 3}
{:process 1, :type :fail, :f :read, :value [1 nil], :index 3, :time 4,
 :error [:key-does-not-exist "gone"]}
"""


HISTORY_TXT = """\
0\t:invoke\t:write\t[1 7]
0\t:ok\t:write\t[1 7]
1\t:invoke\t:read\t[1 nil]
1\t:fail\t:read\t[1 nil]\t[:key-does-not-exist "gone"]
"""


@pytest.mark.parametrize("text", [JSON_LINES, HISTORY_EDN, HISTORY_TXT])
def test_the_bench_and_the_command_agree(tmp_path: Path, text: str) -> None:
    path = tmp_path / "history"
    path.write_text(text)
    lin_kv = WORKLOADS["lin-kv"](Setting(1, 2), Random(0))
    assert lin_kv.judge(load_history(path), Bounds()).valid is Validity.INVALID
    result = run(str(path))
    assert result.returncode == 1
    assert "read null" in result.stdout


def test_a_map_knows_no_such_read() -> None:
    get = [event._replace(f="get") for event in failed("read", None, [20, "no such key"])]
    put = [event._replace(f="put", value="x") for event in WRITE]
    assert check([*put, *get], MapModel()).valid is True
