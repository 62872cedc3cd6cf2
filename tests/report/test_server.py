"""The list of runs, served to this machine alone."""

import socket
import threading
from collections.abc import Iterator
from http.client import HTTPConnection
from pathlib import Path

import pytest

from vsr_node.report import RunServer, draw


@pytest.fixture
def server(run_folder: Path) -> Iterator[RunServer]:
    draw(run_folder)
    store = run_folder.parent.parent
    (store / "latest").symlink_to(run_folder)
    (run_folder.parent / "latest").symlink_to(run_folder)
    (store / "lin-kv" / "no-run").mkdir()
    (store.parent / "secret").write_text("secret")
    with RunServer(store, 0) as running:
        thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield running
        running.shutdown()
        thread.join()


def get(server: RunServer, path: str, **headers: str) -> tuple[int, str]:
    connection = HTTPConnection("127.0.0.1", server.server_port, timeout=30)
    try:
        connection.request("GET", path, headers=headers)
        response = connection.getresponse()
        return response.status, response.read().decode()
    finally:
        connection.close()


def test_the_list_has_each_run_once_with_verdict_size_and_age(server: RunServer) -> None:
    status, text = get(server, "/")
    assert status == 200
    assert text.count("<a ") == 1
    assert '<a href="/lin-kv/20260101T000000.000Z/">lin-kv/20260101T000000.000Z</a>' in text
    assert "<td>not valid</td>" in text
    assert " MB</td>" in text
    assert " s</td>" in text
    assert "no-run" not in text


def test_a_runs_page(server: RunServer, run_folder: Path) -> None:
    status, text = get(server, "/lin-kv/20260101T000000.000Z/")
    assert (status, text) == (200, (run_folder / "report.html").read_text())


@pytest.mark.parametrize(
    "path",
    [
        "/../secret",
        "/%2e%2e/secret",
        "/lin-kv/../../secret",
        "/lin-kv/20260101T000000.000Z/../../../secret",
        "/lin-kv/20260101T000000.000Z/history.jsonl",
        "/lin-kv/20260101T000000.000Z",
        "/lin-kv/latest/",
        "//etc/passwd",
        "/lin-kv/no-run/",
        "/%00",
    ],
)
def test_nothing_else_is_served(server: RunServer, path: str) -> None:
    status, text = get(server, path)
    assert status == 404
    assert "secret" not in text


def test_a_page_that_is_a_link_is_not_followed(server: RunServer, run_folder: Path) -> None:
    (run_folder / "report.html").unlink()
    (run_folder / "report.html").symlink_to(run_folder.parent.parent.parent / "secret")
    assert get(server, "/lin-kv/20260101T000000.000Z/")[0] == 404


def test_another_name_for_this_machine_is_refused(server: RunServer) -> None:
    assert get(server, "/", Host="evil.example:80")[0] == 403
    assert get(server, "/", Host=f"localhost:{server.server_port}")[0] == 200


def test_it_listens_to_this_machine_alone(server: RunServer) -> None:
    assert server.socket.getsockname()[0] == "127.0.0.1"
    assert server.address_family == socket.AF_INET


def test_an_empty_store(tmp_path: Path) -> None:
    with RunServer(tmp_path / "none", 0) as server:
        assert server.runs() == []
