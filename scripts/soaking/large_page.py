"""Makes the page of a large run of our node, and uses it in a real browser."""

import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.report import browser as chromium

OPERATIONS_MIN = 50_000
MESSAGES_MIN = 500_000
PAGE_BYTES_MAX = 20_000_000
OPEN_SECONDS_MAX = 10.0
ACT_SECONDS_MAX = 1.0

RUN = Path("store/latest")
BIN = Path(__file__).resolve().parent.parent.parent / "run-vsr-node"
TEST = (
    "--node-count 7 --concurrency 4n --rate 560 --time-limit 140 "
    "--latency 5 --nemesis partition --nemesis-interval 10 --seed 3"
)

ACTS = {
    "show all operations": "document.getElementById('zoom-all').click()",
    "zoom in": "document.getElementById('zoom-in').click()",
    "hide what failed": "document.getElementById('show-fail').click()",
    "show one key": "(() => { const key = document.getElementById('key');"
    " key.selectedIndex = 1; key.dispatchEvent(new Event('change')); })()",
    "show all messages": "for (let n = 0; n < 30; n++)"
    " document.getElementById('messages-out').click()",
    "hide all types": "document.getElementById('kinds-none').click()",
}


def main() -> int:
    """Run, measure, judge; return 0 if the page is small and quick enough."""
    program = chromium.find()
    if program is None:
        return _failed("no Chromium here")
    command = (sys.executable, "-m", "vsr_node.bench", "test", "-w", "lin-kv", "--bin", str(BIN))
    if subprocess.run((*command, *TEST.split()), check=False).returncode != 0:
        return _failed("the run was not valid")
    results = json.loads((RUN / "results.json").read_bytes())
    operations, messages = results["stats"]["count"], results["network"]["all"]["sent"]
    size = (RUN / "report.html").stat().st_size
    print(f"{operations} operations, {messages} messages: {size} bytes")
    if operations < OPERATIONS_MIN or messages < MESSAGES_MIN:
        return _failed("the run was too small")
    if size >= PAGE_BYTES_MAX:
        return _failed("the page is too large")
    with tempfile.TemporaryDirectory() as profile, chromium.running(program, Path(profile)) as tab:
        tab.show_as(width=1280, height=900)
        opened = tab.open(RUN / "report.html")
        print(f"open: {opened:.2f} s")
        slow = [] if opened <= OPEN_SECONDS_MAX else ["open"]
        slow += [
            name for name, script in ACTS.items() if _seconds(tab, name, script) > ACT_SECONDS_MAX
        ]
    return _failed(f"too slow: {', '.join(slow)}") if slow else 0


def _seconds(tab: chromium.Browser, name: str, script: str) -> float:
    """Run a script and wait until the page is drawn; print and return the seconds it took."""
    begin = time.monotonic()
    tab.run(script)
    tab.frame()
    seconds = time.monotonic() - begin
    print(f"{name}: {seconds:.2f} s")
    return seconds


def _failed(text: str) -> int:
    print(f"FAILED: {text}")
    return 1


if __name__ == "__main__":
    sys.exit(main())
