"""The CPU time and memory that a process has used."""

import os
import subprocess
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

CLOCK_TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")
PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
BYTES_PER_KIB = 1024


class Usage(NamedTuple):
    """CPU seconds in user and system mode since the start, and resident memory now."""

    cpu_seconds: float
    resident_bytes: int


def usage_of(process_id: int) -> Usage:
    """Return what a process uses; zeros if it is gone."""
    stat = Path(f"/proc/{process_id}/stat")
    if not Path("/proc/self/stat").exists():
        return _usage_by_ps(process_id)
    with suppress(OSError):
        # The second field, the name, is in brackets and may hold spaces.
        fields = stat.read_text(encoding="utf-8").rpartition(")")[2].split()
        ticks = int(fields[11]) + int(fields[12])
        return Usage(ticks / CLOCK_TICKS_PER_SECOND, int(fields[21]) * PAGE_BYTES)
    return Usage(0.0, 0)


def _usage_by_ps(process_id: int) -> Usage:
    """Ask ps, where there is no /proc (macOS): kibibytes, and [[hours:]minutes:]seconds."""
    words = subprocess.run(
        ["ps", "-o", "rss=,time=", "-p", str(process_id)],
        capture_output=True,
        text=True,
        check=False,
    ).stdout.split()
    if len(words) != 2:
        return Usage(0.0, 0)
    seconds = 0.0
    for part in words[1].split(":"):
        seconds = 60 * seconds + float(part)
    return Usage(seconds, int(words[0]) * BYTES_PER_KIB)
