"""Processes that a test watches from outside."""

import subprocess
import time


def gone(pid: int, grace_s: float) -> bool:
    """Whether a process has ended, if need be soon; a zombie that init will reap has."""
    deadline = time.monotonic() + grace_s
    while time.monotonic() < deadline:
        state = subprocess.run(
            ["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True, check=False
        ).stdout.strip()
        if not state or state.startswith("Z"):
            return True
        time.sleep(0.01)
    return False
