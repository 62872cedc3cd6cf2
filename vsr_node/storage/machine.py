"""What tells one run of the machine, and one process on it, from another.

Each answer is a text to be compared for equality, and empty where the system does not tell.
"""

from pathlib import Path


def boot_id() -> str:
    """The machine's present run: another one after each restart of it."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    except OSError:
        return _output_of("/usr/sbin/sysctl", "-n", "kern.bootsessionuuid")


def process_namespace() -> str:
    """The container, as it were: process ids mean something within one of these only."""
    try:
        return str(Path("/proc/self/ns/pid").readlink())
    except OSError:
        return ""


def process_start(process_id: int) -> str:
    """When a process began, so that it is not taken for an older one of the same id."""
    try:
        status = Path(f"/proc/{process_id}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        if Path("/proc/self/stat").exists():
            return ""  # There is no such process.
        return _output_of("/bin/ps", "-o", "lstart=", "-p", str(process_id))
    # The program's name, in brackets, may hold anything; proc(5) counts the start time as 22nd.
    return status.rpartition(")")[2].split()[19]


def _output_of(*command: str) -> str:
    import subprocess  # Linux needs none of this, and a start should be quick.

    try:
        done = subprocess.run(command, capture_output=True, check=True, text=True)
    except (OSError, subprocess.CalledProcessError):
        return ""
    return done.stdout.strip()
