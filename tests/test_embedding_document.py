"""The code in README and docs/EMBEDDING.md is that of the examples, and runs as printed."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


def blocks(document: str) -> list[str]:
    text = (ROOT / document).read_text(encoding="utf-8")
    return re.findall(r"^```python\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize(("position", "example"), [(0, "counter"), (1, "shop")])
def test_the_document_prints_the_examples(position: int, example: str) -> None:
    code = (ROOT / "examples" / f"{example}.py").read_text(encoding="utf-8")
    assert blocks("docs/EMBEDDING.md")[position] in code


@pytest.mark.parametrize("document", ["README.md", "docs/EMBEDDING.md"])
def test_the_first_code_of_a_document_runs_as_printed(document: str, tmp_path: Path) -> None:
    script = tmp_path / "hello.py"
    script.write_text(f"import sys\nsys.path.insert(0, {str(ROOT)!r})\n" + blocks(document)[0])
    done = subprocess.run([sys.executable, script], capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == ("5\n", "")


def test_all_code_of_the_document_can_be_compiled() -> None:
    for block in blocks("docs/EMBEDDING.md"):
        compile(block, "block", "exec")
