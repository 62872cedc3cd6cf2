"""The shell, fed from a file and from a pipe."""

import subprocess
import sys
from pathlib import Path

WORDS = (sys.executable, "-m", "vsr_node.bench", "shell", "--bin", "broken:honest")

SESSION = """\
# who keeps the data
write 1 3
read 1 @n1
cut n0 | n1 n2
nodes
read 1 @n1 &
wait 0.1
heal
cut n1 > n2
nodes
heal
pause n0
read 1 @n0 &
nodes
resume n0
wait 0.1
kill n1
nodes
start n1
read 1 @n1
messages off
send n2 {"type": "write", "key": "a", "value": [1]}
read a
read b
write 1
read 1 @n9
cut
send n0 7
messages loud
wait soon
fly
quit
"""


def session(text: str, tmp_path: Path, *, as_file: bool) -> list[str]:
    path = tmp_path / "session"
    path.write_text(text)
    with path.open() as file:
        done = subprocess.run(
            WORDS,
            stdin=file if as_file else None,
            input=None if as_file else text,
            capture_output=True,
            text=True,
            timeout=60,
            check=True,
        )
    assert done.stderr == ""
    return done.stdout.splitlines()


def after(lines: list[str], command: str) -> list[str]:
    """What was said between a command and the next one."""
    begin = lines.index(f"> {command}") + 1
    count = next((i for i, line in enumerate(lines[begin:]) if line.startswith("> ")), len(lines))
    return lines[begin : begin + count]


def test_a_session_from_a_file(tmp_path: Path) -> None:
    lines = session(SESSION, tmp_path, as_file=True)
    assert after(lines, "write 1 3")[-1].startswith('= {"type":"write_ok"}')
    asked = after(lines, "read 1 @n1")
    assert [line.split()[2:5] for line in asked[:3]] == [
        ["c90", "->", "n1"],
        ["n1", "->", "n0"],
        ["n0", "->", "c90"],
    ]
    assert '"type":"forward"' in asked[1]
    assert asked[-1].startswith('= {"type":"read_ok","value":3}')
    assert after(lines, "nodes") == [
        "n0: running; does not hear n1, n2",
        "n1: running; does not hear n0",
        "n2: running; does not hear n0",
    ]
    assert "  CUT" in "".join(after(lines, "read 1 @n1 &") + after(lines, "wait 0.1"))
    rest = lines[lines.index("> cut n1 > n2") :]
    assert after(rest, "nodes") == ["n0: running", "n1: running", "n2: running; does not hear n1"]
    rest = rest[rest.index("> pause n0") :]
    assert after(rest, "nodes") == ["n0: paused", "n1: running", "n2: running"]
    assert '"read_ok"' in "".join(after(rest, "wait 0.1"))
    rest = rest[rest.index("> kill n1") :]
    assert after(rest, "nodes")[1] == "n1: by signal 9 (SIGKILL)"
    assert '"init_ok"' in "".join(after(rest, "start n1"))
    assert after(rest, "read 1 @n1")[-1].startswith('= {"type":"read_ok","value":3}')
    (only,) = after(rest, "read a")
    assert only.startswith('= {"type":"read_ok","value":[1]}')
    assert '"code":20' in after(rest, "read b")[0]


def test_what_makes_no_sense_is_told(tmp_path: Path) -> None:
    lines = session(SESSION, tmp_path, as_file=False)
    told = {
        "write 1": "write takes KEY VALUE",
        "read 1 @n9": "there is no node n9; there are n0, n1, n2",
        "cut": "cut takes sides",
        "send n0 7": "a body is a JSON object",
        "messages loud": "messages takes one of",
        "wait soon": "wait takes SECONDS",
        "fly": "there is no command fly",
    }
    for command, text in told.items():
        assert after(lines, command)[0].startswith(text)


def test_the_end_of_the_input_is_the_end(tmp_path: Path) -> None:
    lines = session("help\nread 1", tmp_path, as_file=False)
    assert any("kill -9" in line for line in lines)
    assert '"code":20' in lines[-1]
