"""The commands for looking at stored runs: report and serve."""

import argparse
import contextlib
import sys
from pathlib import Path
from typing import Any

from vsr_node.bench.command_line.arguments import EXIT_ERROR, UsageError, add_store
from vsr_node.report import RunServer, draw

PORT = 8080


def add_to(commands: Any) -> None:
    """Add the commands to the parser."""
    report = commands.add_parser(
        "report",
        help="write the page of a stored run, also of Maelstrom's",
        description="Explain what is wrong with a stored run, and write its report.html: one file "
        "that needs no network. Folders of Maelstrom's store work, too, without messages. "
        "Exit status: 0 if the page was written, whatever the verdict; 255 if not.",
        allow_abbrev=False,
    )
    report.add_argument(
        "run",
        nargs="?",
        type=Path,
        default=Path("store/latest"),
        metavar="DIR",
        help="the run's folder (store/latest)",
    )
    report.set_defaults(carry_out=_report)
    serve = commands.add_parser(
        "serve",
        help="list the stored runs, for a browser on this machine",
        description="List the stored runs, filter and compare them, and serve their pages and "
        "files to browsers on this machine, until Ctrl-C.",
        allow_abbrev=False,
    )
    serve.add_argument("--port", type=int, default=PORT, metavar="N", help=f"({PORT})")
    add_store(serve)
    serve.set_defaults(carry_out=_serve)


def _report(arguments: argparse.Namespace) -> int:
    drawing = draw(arguments.run)
    for line in drawing.explanation:
        print(line)
    if drawing.page is None:
        print(f"no report: {drawing.problem}", file=sys.stderr)
        return EXIT_ERROR
    print(f"report in {drawing.page.absolute().as_uri()}")
    return 0


def _serve(arguments: argparse.Namespace) -> int:
    if not arguments.store.is_dir():
        raise UsageError(f"--store {arguments.store}: there is no such folder")
    try:
        server = RunServer(arguments.store, arguments.port)
    except (OSError, OverflowError) as error:
        print(f"ERROR: port {arguments.port}: {error}", file=sys.stderr)
        return EXIT_ERROR
    with server, contextlib.suppress(KeyboardInterrupt):
        print(f"http://127.0.0.1:{server.server_port}/ until Ctrl-C", flush=True)
        if not server.runs():
            print(f"there are no runs in {arguments.store} yet", flush=True)
        server.serve_forever()
    return 0
