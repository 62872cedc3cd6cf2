"""A node whose stdin, stdout or stderr is closed, or full."""

import os
import signal
import subprocess
import time
from contextlib import suppress
from pathlib import Path
from threading import Thread

import pytest

RUN = Path(__file__).parents[2] / "run-vsr-node"
INIT = (
    b'{"src":"c0","dest":"n0","body":{"type":"init","msg_id":1,"node_id":"n0","node_ids":["n0"]}}\n'
)


def run(redirection: str) -> subprocess.CompletedProcess[bytes]:
    command = ["bash", "-c", f'exec "$0" --data-dir none {redirection}', str(RUN)]
    return subprocess.run(command, input=INIT, capture_output=True, timeout=60, check=False)


def test_a_closed_stdin_is_one_that_has_ended() -> None:
    result = run("<&-")
    assert (result.returncode, result.stdout, result.stderr) == (0, b"", b"")


def test_a_closed_stdout_is_reported_in_one_line() -> None:
    result = run(">&-")
    assert (result.returncode, result.stdout) == (2, b"")
    assert result.stderr == b"stdout is closed, so nobody can read what this node answers\n"


@pytest.mark.parametrize("redirection", ["2>&-", "2>&- --reads log"])
def test_a_closed_stderr_changes_no_answer(redirection: str) -> None:
    result = run(redirection)
    assert result.returncode == 0
    assert b'"init_ok"' in result.stdout


def test_a_node_with_all_of_them_closed_ends() -> None:
    assert run("<&- >&- 2>&-").returncode == 2


def test_a_full_stdout_that_does_not_block_is_waited_for_and_a_signal_ends_it() -> None:
    readable, writable = os.pipe()
    os.set_blocking(writable, False)
    process = subprocess.Popen(
        [RUN, "--data-dir", "none"], stdin=subprocess.PIPE, stdout=writable, stderr=subprocess.PIPE
    )
    os.close(writable)
    echo = b'{"src":"c1","dest":"n0","body":{"type":"echo","msg_id":%d,"echo":"%b"}}\n'

    def ask() -> None:
        assert process.stdin is not None
        process.stdin.write(INIT)
        with suppress(BrokenPipeError):
            for number in range(400):
                process.stdin.write(echo % (number, b"x" * 10_000))
                process.stdin.flush()

    asking = Thread(target=ask)
    asking.start()
    data = b""
    while data.count(b"echo_ok") < 100:
        data += os.read(readable, 1 << 16)
    # From here on nobody reads.
    time.sleep(1)
    process.send_signal(signal.SIGTERM)
    assert process.wait(timeout=60) == 0
    asking.join()
    assert process.stdin is not None
    assert process.stderr is not None
    assert process.stderr.read() == b""
    process.stderr.close()
    with suppress(BrokenPipeError):
        process.stdin.close()
    os.close(readable)


def test_what_does_not_fit_at_once_comes_whole() -> None:
    readable, writable = os.pipe()
    os.set_blocking(writable, False)
    with subprocess.Popen(
        [RUN, "--data-dir", "none"], stdin=subprocess.PIPE, stdout=writable
    ) as process:
        os.close(writable)
        assert process.stdin is not None
        text = b"y" * 1_000_000
        body = b'{"type":"echo","msg_id":2,"echo":"%b"}' % text
        process.stdin.write(INIT + b'{"src":"c1","dest":"n0","body":%b}\n' % body)
        process.stdin.close()
        data = b""
        while piece := os.read(readable, 1 << 16):
            data += piece
            time.sleep(0.001)
        os.close(readable)
    assert text in data
    assert process.returncode == 0
