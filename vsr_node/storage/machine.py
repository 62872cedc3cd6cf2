"""What distinguishes one run of the machine, and one process on it, from another.

Each function returns a text to compare for equality, which is empty if the system does not say.
"""

from pathlib import Path


def boot_id() -> str:
    """Return the id of the machine's present run, which changes with each restart."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    except OSError:
        return _output_of("/usr/sbin/sysctl", "-n", "kern.bootsessionuuid")


def process_namespace() -> str:
    """Return the id of the container, so to speak: process ids are valid within one only."""
    try:
        return str(Path("/proc/self/ns/pid").readlink())
    except OSError:
        return ""


def process_start(process_id: int) -> str:
    """Return when a process began, to distinguish it from an older one of the same id."""
    try:
        status = Path(f"/proc/{process_id}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        if Path("/proc/self/stat").exists():
            return ""  # There is no such process.
        return _output_of("/bin/ps", "-o", "lstart=", "-p", str(process_id))
    # The program's name, in brackets, may hold anything. The start time is field 22 (proc(5)).
    return status.rpartition(")")[2].split()[19]


def _output_of(*command: str) -> str:
    import subprocess  # Linux does not need it, and a start should be quick.

    try:
        done = subprocess.run(command, capture_output=True, check=True, encoding="utf-8")
    except (OSError, subprocess.CalledProcessError):
        return ""
    return done.stdout.strip()
