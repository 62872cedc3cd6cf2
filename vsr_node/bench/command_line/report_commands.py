"""The commands that show stored runs: report and serve."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from vsr_node.bench.command_line.arguments import EXIT_ERROR, add_store
from vsr_node.report import RunServer, draw

PORT = 8080


def add_to(commands: Any) -> None:
    """Make the commands known to the parser."""
    report = commands.add_parser(
        "report",
        help="make the page of a stored run, of Maelstrom too",
        description="Explain what is wrong with a stored run, and write its report.html: one file "
        "that needs no network. Folders of Maelstrom's store will do, too; they have no messages. "
        "Exit status: 0 when the page was written, whatever the verdict; 255 when it was not.",
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
        description="List the stored runs with verdict, size and age, and serve their pages to "
        "browsers on this machine, until Ctrl-C.",
        allow_abbrev=False,
    )
    serve.add_argument("--port", type=int, default=PORT, metavar="N", help=f"({PORT})")
    add_store(serve)
    serve.set_defaults(carry_out=_serve)


def _report(
    arguments: argparse.Namespace, words: Sequence[str], node_arguments: Sequence[str]
) -> int:
    del words, node_arguments
    drawing = draw(arguments.run)
    for line in drawing.explanation:
        print(line)
    if drawing.page is None:
        print(f"no report: {drawing.problem}", file=sys.stderr)
        return EXIT_ERROR
    print(f"report in {drawing.page.absolute().as_uri()}")
    return 0


def _serve(
    arguments: argparse.Namespace, words: Sequence[str], node_arguments: Sequence[str]
) -> int:
    del words, node_arguments
    try:
        server = RunServer(arguments.store, arguments.port)
    except (OSError, OverflowError) as error:
        print(f"ERROR: port {arguments.port}: {error}", file=sys.stderr)
        return EXIT_ERROR
    with server:
        print(f"http://127.0.0.1:{server.server_port}/ until Ctrl-C", flush=True)
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            return 0
    return 0
