"""A local web server that lists the runs in a store."""

import shutil
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, unquote, urlsplit

from vsr_node.report.drawing import PAGE, linked_files
from vsr_node.report.recorded_run import HISTORIES
from vsr_node.report.run_list import comparison_page, facts_of, list_page

HOST = "127.0.0.1"
RUNS_SHOWN = 500
HTML, TEXT = "text/html; charset=utf-8", "text/plain; charset=utf-8"


class RunServer(ThreadingHTTPServer):
    """Serves the runs under ``store`` (``store/<test>/<time>/``) to this machine alone.

    ``port`` 0 takes any free port, then found in ``server_port``. Raises OSError if it is taken.
    """

    daemon_threads = True

    def __init__(self, store: Path, port: int) -> None:
        self.store = store
        super().__init__((HOST, port), _Handler)

    def runs(self) -> list[Path]:
        """Return the folders of runs, newest first."""
        folders = [
            path
            for path in self.store.glob("*/*")
            if not path.is_symlink()
            and not path.parent.is_symlink()
            and any((path / name).is_file() for name in HISTORIES)
        ]
        return sorted(folders, key=lambda path: path.name, reverse=True)[:RUNS_SHOWN]


class _Handler(BaseHTTPRequestHandler):
    server: RunServer

    def do_GET(self) -> None:
        """Answer with the list, with two runs, with a run's page, or with a file of a run."""
        if not self._is_asked_as_this_machine():
            self._answer(HTTPStatus.FORBIDDEN, "only for this machine")
            return
        address = urlsplit(self.path)
        path, query = unquote(address.path), parse_qs(address.query)
        if path == "/":
            words, verdict = ("".join(query.get(name, [""])[:1]) for name in ("words", "verdict"))
            facts = [facts_of(run) for run in self.server.runs()]
            self._answer(HTTPStatus.OK, list_page(self.server.store, facts, words, verdict))
        elif path == "/compare":
            chosen = query.get("run", [])
            runs = [run for run in self.server.runs() if _name_of(run) in chosen]
            self._answer(HTTPStatus.OK, comparison_page([facts_of(run) for run in runs]))
        else:
            self._answer_file(path)

    def _answer_file(self, path: str) -> None:
        """Answer with a file. Only what the list and the pages link to: no path is opened."""
        test, _, rest = path.removeprefix("/").partition("/")
        time, _, name = rest.partition("/")
        runs = {_name_of(run): run for run in self.server.runs()}
        run = runs.get(f"{test}/{time}") if rest.count("/") else None
        names = () if run is None else ("", *linked_files(run))
        if run is None or name not in names:
            self._answer(HTTPStatus.NOT_FOUND, "there is no such run, or it has no such file")
            return
        file = run / (name or PAGE)
        if not file.is_file() or file.is_symlink():
            self._answer(HTTPStatus.NOT_FOUND, "there is no such run, or it has no page")
            return
        self._begin(HTTPStatus.OK, TEXT if name else HTML, file.stat().st_size)
        with file.open("rb") as content:
            shutil.copyfileobj(content, self.wfile)

    def _is_asked_as_this_machine(self) -> bool:
        """Return whether Host names this machine, which no foreign site can make a browser send."""
        host = (self.headers.get("Host") or "").rpartition(":")[0]
        return host in (HOST, "localhost")

    def _answer(self, status: HTTPStatus, text: str) -> None:
        content = text.encode()
        self._begin(status, HTML, len(content))
        self.wfile.write(content)

    def _begin(self, status: HTTPStatus, kind: str, size_bytes: int) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(size_bytes))
        self.send_header("X-Content-Type-Options", "nosniff")
        self.send_header("Cache-Control", "no-store")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Log nothing: errors are in the answers."""


def _name_of(run: Path) -> str:
    return f"{run.parent.name}/{run.name}"
