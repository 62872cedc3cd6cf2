"""The process that ends the nodes of a bench that was killed."""

import subprocess

from vsr_node.bench.nodes.guard import Guard


def test_a_guard_that_is_gone_is_replaced_by_one_that_guards_all() -> None:
    guard = Guard()
    first = sleeping()
    guard.add(first.pid)
    end(guard)
    second = sleeping()
    guard.add(second.pid)
    process = guard._process
    assert process is not None
    assert process.stdin is not None
    process.stdin.close()  # As if the bench had been killed.
    assert (first.wait(10), second.wait(10)) == (-9, -9)


def test_a_guard_that_is_gone_has_nothing_to_forget() -> None:
    guard = Guard()
    node = sleeping()
    guard.add(node.pid)
    end(guard)
    node.kill()
    node.wait()
    guard.remove(node.pid)


def sleeping() -> "subprocess.Popen[bytes]":
    return subprocess.Popen(["sleep", "60"], start_new_session=True)


def end(guard: Guard) -> None:
    """Kill the process."""
    process = guard._process
    assert process is not None
    process.kill()
    process.wait()
