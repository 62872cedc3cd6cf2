"""``bench embedding`` on the command line."""

import argparse
import importlib.util
from datetime import UTC, datetime
from typing import Any

from vsr_node.bench.command_line.arguments import UsageError, add_store
from vsr_node.bench.embedding.cells import CELLS, Cell
from vsr_node.bench.embedding.measuring import Measured, measure
from vsr_node.bench.embedding.table import text_of
from vsr_node.bench.stored.option_values import count, positive
from vsr_node.bench.stored.store import new_folder, point, write_json


def add_embedding(commands: Any) -> None:
    """Add the command to the parser."""
    parser = commands.add_parser(
        "embedding",
        help="measure an embedded group beside PySyncObj",
        description="Measure three members of a replicated dictionary, in processes of their own, "
        "beside the same on PySyncObj, whose better setting counts in each cell: in the process of "
        "a member and from other processes, in memory, with a journal, and with each turn "
        "flushed; and how long no call succeeds when the primary is killed.",
        epilog="PySyncObj has no clients outside of its members, and never flushes its journal: "
        "flushed cells are compared with its journal. Without the package (pip install pysyncobj) "
        "only ours is measured.",
        allow_abbrev=False,
    )
    parser.add_argument("--rounds", type=count, default=3, metavar="N", help="rounds (3)")
    parser.add_argument(
        "--seconds", type=positive, default=2.0, metavar="S", help="seconds of each load (2)"
    )
    parser.add_argument(
        "--only",
        default="",
        metavar="TEXT",
        help="only cells that have this in their name, such as 'a backup'",
    )
    add_store(parser)
    parser.set_defaults(carry_out=_embedding)


def _embedding(arguments: argparse.Namespace) -> int:
    cells = [cell for cell in CELLS if arguments.only in cell.text]
    if not cells:
        names = "\n  ".join(cell.text for cell in CELLS)
        raise UsageError(f"--only {arguments.only}: no cell has that in its name:\n  {names}")
    with_yardsticks = importlib.util.find_spec("pysyncobj") is not None
    if not with_yardsticks:
        print("PySyncObj is not installed (pip install pysyncobj): only ours is measured")
    folder = new_folder(arguments.store / "embedding", datetime.now(UTC))
    point(arguments.store / "embedding" / "latest", folder)
    measured = measure(
        cells,
        rounds=arguments.rounds,
        seconds=arguments.seconds,
        with_yardsticks=with_yardsticks,
        report=print,
    )
    text = text_of(measured, cells)
    write_json(folder / "embedding.json", _as_json(measured))
    (folder / "embedding.txt").write_text(text + "\n", encoding="utf-8")
    print(text)
    return 0


def _as_json(measured: Measured) -> list[dict[str, Any]]:
    def names_of(cell: Cell) -> dict[str, Any]:
        return {"cell": cell.text, "clients": cell.clients, "journal": cell.journal.value}

    return [
        {**names_of(cell), "subject": subject, "rounds": [load._asdict() for load in loads]}
        for (cell, subject), loads in measured.items()
    ]
