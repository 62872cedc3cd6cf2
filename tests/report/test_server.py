"""The list of runs, served to this machine alone."""

import json
import re
import shutil
import socket
import threading
from collections.abc import Iterator
from http.client import HTTPConnection
from pathlib import Path

import pytest

from tests.report.browser import Browser
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
    assert '<td class="invalid">not valid</td>' in text
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
        "/lin-kv/20260101T000000.000Z/other.txt",
        "/lin-kv/20260101T000000.000Z/node-logs/../../../../secret",
        "/lin-kv/20260101T000000.000Z/node-logs/",
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


@pytest.mark.parametrize("name", ["history.jsonl", "results.json", "node-logs/n1.log"])
def test_the_files_that_a_page_links_to(server: RunServer, run_folder: Path, name: str) -> None:
    status, text = get(server, f"/lin-kv/20260101T000000.000Z/{name}")
    assert (status, text) == (200, (run_folder / name).read_text())
    (run_folder / name).unlink()
    (run_folder / name).symlink_to(run_folder.parent.parent.parent / "secret")
    assert get(server, f"/lin-kv/20260101T000000.000Z/{name}")[0] == 404


def add_run(run_folder: Path, time: str, seed: int, valid: object) -> None:
    folder = run_folder.parent / time
    shutil.copytree(run_folder, folder)
    test = {"nodes": ["n0", "n1", "n2"], "nemeses": ["kill", "pause"], "seed": seed}
    command = ["/usr/bin/python3", "/home/you/<raft>.py", "--fast"]
    results = {
        "valid": valid,
        "test": test | {"command": command},
        "stats": {"count": 12345, "ok": 12000},
        "bench": {"duration_s": 30.2},
    }
    (folder / "results.json").write_text(json.dumps(results))


def test_the_list_has_the_facts_of_a_run_and_can_be_filtered(
    server: RunServer, run_folder: Path
) -> None:
    add_run(run_folder, "20260102T000000.000Z", 7, True)
    add_run(run_folder, "20260103T000000.000Z", 8, "unknown")
    _, text = get(server, "/")
    for fact in ("3", "kill pause", "7", "12,345", "&lt;raft&gt;.py --fast", "30 s"):
        assert re.search(rf'<td data-name="[a-z]+">{re.escape(fact)}</td>', text), fact
    assert '<td class="valid">valid</td>' in text
    for query, count in {
        "words=seed+7": 1,
        "words=RAFT+kill": 2,
        "words=nothing": 0,
        "verdict=not+valid": 1,
        "verdict=unknown&words=pause": 1,
        "words=": 3,
    }.items():
        _, text = get(server, f"/?{query}")
        assert text.count('name="run"') == count, query
    _, text = get(server, "/?words=%22%3E%3Cscript%3E")
    assert "<script" not in text


def test_two_runs_side_by_side(server: RunServer, run_folder: Path) -> None:
    add_run(run_folder, "20260102T000000.000Z", 7, True)
    runs = ("lin-kv/20260101T000000.000Z", "lin-kv/20260102T000000.000Z")
    _, text = get(server, f"/compare?run={runs[0]}&run={runs[1]}")
    assert '<td class="valid">valid</td><td class="invalid">not valid</td>' in text
    assert '<th scope="row">seed</th><td>7</td><td></td>' in text
    assert text.count("<iframe ") == 2
    _, text = get(server, f"/compare?run={runs[0]}&run=../secret")
    assert "1 were chosen" in text


@pytest.mark.slow
def test_the_list_fits_a_small_window(
    browser: Browser, server: RunServer, run_folder: Path
) -> None:
    add_run(run_folder, "20260102T000000.000Z", 7, True)
    browser.show_as(width=390, height=844)
    address = f"http://127.0.0.1:{server.server_port}"
    for path in ("/", "/compare?run=lin-kv/20260101T000000.000Z&run=lin-kv/20260102T000000.000Z"):
        browser.call("Page.navigate", url=address + path)
        browser.wait_for(f"location.href === '{address}{path}' && document.body")
        assert browser.run("document.documentElement.scrollWidth") <= 390


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
