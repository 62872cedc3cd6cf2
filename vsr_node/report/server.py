"""A local web server that lists the runs in a store."""

import html
import time
from collections.abc import Iterator
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import quote, unquote, urlsplit

from vsr_node.command import command_here
from vsr_node.report.drawing import PAGE
from vsr_node.report.recorded_run import HISTORIES, load_results, verdict_of

HOST = "127.0.0.1"
RUNS_SHOWN = 500

_WORDS = {True: "valid", False: "not valid", "unknown": "unknown", None: "not judged"}
_PAGE = """\
<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Runs</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<style>body {{ font: 1rem/1.5 system-ui, sans-serif; margin: 0 auto; max-width: 60rem;
padding: 0 1rem; }} td, th {{ text-align: left; padding: .3rem 1rem .3rem 0; }}</style></head>
<body><h1>Runs</h1>{body}</body></html>
"""


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
        """Answer with the list, or with a run's page."""
        if not self._is_asked_as_this_machine():
            self._answer(HTTPStatus.FORBIDDEN, "only for this machine")
            return
        path = unquote(urlsplit(self.path).path)
        if path == "/":
            self._answer(
                HTTPStatus.OK,
                _PAGE.format(body="".join(_table(self.server.store, self.server.runs()))),
            )
            return
        # Only pages in the list are served: a requested path is never opened.
        pages = {f"/{run.parent.name}/{run.name}/": run / PAGE for run in self.server.runs()}
        page = pages.get(path)
        if page is None or not page.is_file() or page.is_symlink():
            self._answer(HTTPStatus.NOT_FOUND, "there is no such run, or it has no page")
        else:
            self._answer(HTTPStatus.OK, page.read_text(encoding="utf-8"))

    def _is_asked_as_this_machine(self) -> bool:
        """Return whether Host names this machine, which no foreign site can make a browser send."""
        host = (self.headers.get("Host") or "").rpartition(":")[0]
        return host in (HOST, "localhost")

    def _answer(self, status: HTTPStatus, text: str) -> None:
        content = text.encode()
        self.send_response(status)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.send_header("Content-Length", str(len(content)))
        self.send_header("X-Content-Type-Options", "nosniff")
        self.send_header("Cache-Control", "no-store")
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        """Log nothing: errors are in the answers."""


def _table(store: Path, runs: list[Path]) -> Iterator[str]:
    if not runs:
        yield f"<p>There are none in {html.escape(str(store.absolute()))}.</p>"
        return
    yield '<table><thead><tr><th scope="col">run</th><th scope="col">verdict</th>'
    yield '<th scope="col">size</th><th scope="col">age</th></tr></thead><tbody>'
    for run in runs:
        name = html.escape(f"{run.parent.name}/{run.name}")
        if (run / PAGE).is_file():
            link = quote(f"/{run.parent.name}/{run.name}/")
            name = f'<a href="{link}">{name}</a>'
        else:
            make = html.escape(command_here("bench", "report", str(run)))
            name += f" (no page yet: <code>{make}</code> makes it)"
        verdict = _WORDS[verdict_of(load_results(run))]
        size = sum(path.stat().st_size for path in run.rglob("*") if path.is_file())
        yield f"<tr><td>{name}</td><td>{verdict}</td><td>{size / 1e6:.1f} MB</td>"
        yield f"<td>{_age(time.time() - run.stat().st_mtime)}</td></tr>"
    yield "</tbody></table>"


def _age(seconds: float) -> str:
    for unit, length in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= length:
            return f"{seconds / length:.0f} {unit}"
    return f"{max(0, seconds):.0f} s"
