"""Options of ``vsr serve`` and the others: command line, environment, and a file."""

from pathlib import Path

import pytest

from vsr_node.cluster.command_line import main


def test_options_come_from_a_file_too(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "vsr.toml"
    file.write_text('peers = "file=127.0.0.1:1"\ntimeout = 0.1\n', encoding="utf-8")
    assert main(["status", "--config", str(file)]) == 3
    assert capsys.readouterr().out.startswith("file ")
    monkeypatch.setenv("VSR_CONFIG", str(file))
    monkeypatch.setenv("VSR_PEERS", "environment=127.0.0.1:1")
    assert main(["status"]) == 3
    assert capsys.readouterr().out.startswith("environment ")
    assert main(["status", "--peers", "line=127.0.0.1:1"]) == 3
    assert capsys.readouterr().out.startswith("line ")


@pytest.mark.parametrize(
    ("text", "why"), [("color = 1", "color is none of peers"), ("=", "Invalid"), (None, "No such")]
)
def test_a_file_that_makes_no_sense_is_explained(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str | None, why: str
) -> None:
    file = tmp_path / "vsr.toml"
    if text is not None:
        file.write_text(text, encoding="utf-8")
    assert main(["status", "--config", str(file)]) == 2
    assert why in capsys.readouterr().err
