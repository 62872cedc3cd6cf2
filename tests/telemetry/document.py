"""Makes docs/TELEMETRY.md from the catalogue: `python -m tests.telemetry.document`.

What people wrote stands between the marks of the file and stays; what is between BEGIN and END is
made anew. The example lines come from seeds of the simulator, and from members over TCP.
"""

import json
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.telemetry.test_tcp import watch_connections
from tests.telemetry.trace_check import read_events
from vsr_node.simulation.plan import draw
from vsr_node.simulation.run import execute
from vsr_node.telemetry.catalogue import COMMON_METADATA, EVENTS, EventKind
from vsr_node.telemetry.dispatch import Event, Telemetry

DOCUMENT = Path(__file__).parent.parent.parent / "docs" / "TELEMETRY.md"
BEGIN = "<!-- The rest is made from the catalogue: python -m tests.telemetry.document -->\n"
SEEDS = (10, 16, 7, 28)


def tables() -> str:
    """The catalogue as the document has it, without examples."""
    return "\n".join(_lines())


def _lines() -> Iterator[str]:
    yield "## What all events have"
    yield ""
    yield "| metadata | what it is |"
    yield "|---|---|"
    yield from (f"| `{name}` | {text} |" for name, text in COMMON_METADATA.items())
    yield ""
    yield "## The events"
    for kind in EVENTS:
        yield ""
        yield from section(kind)


def section(kind: EventKind) -> Iterator[str]:
    """The part of the document about one event."""
    yield f"### `{kind.name}`"
    yield ""
    yield f"When {kind.when}. Level: {kind.level.name.lower()}."
    yield ""
    yield f"- Measurements: {_fields(kind.measurements)}"
    yield f"- Metadata: {_fields(kind.metadata)}"


def _fields(fields: Mapping[str, str]) -> str:
    return "; ".join(f"`{name}`: {text}" for name, text in fields.items()) or "none of its own"


def with_examples(text: str, examples: Mapping[str, str]) -> str:
    """The document's tables with an example line at the end of each event."""
    parts = text.split("\n### ")
    for place, part in enumerate(parts[1:], 1):
        name = part.split("`")[1]
        if name in examples:
            parts[place] = f"{part.rstrip()}\n\n```json\n{examples[name]}\n```\n"
    return "\n### ".join(parts).rstrip() + "\n"


def examples_of_runs() -> dict[str, str]:
    """A line of each event that the runs come across, without what all events have."""
    examples: dict[str, str] = {}

    def take(event: Event) -> None:
        if event.name not in examples:
            own = {
                name: value
                for name, value in event.metadata.items()
                if name == "node_id" or name not in COMMON_METADATA
            }
            examples[event.name] = json.dumps(
                {
                    "event": event.name,
                    "at_us": event.at_us,
                    "measurements": dict(event.measurements),
                    "metadata": own,
                }
            )

    for seed in SEEDS:
        telemetry = Telemetry(print)
        telemetry.attach(take)
        execute(draw(seed), telemetry=telemetry)
    with TemporaryDirectory() as folder:
        for line in read_events(watch_connections(Path(folder))):
            take(Event(line["event"], line["at_us"], line["measurements"], line["metadata"]))
    return examples


def main() -> int:
    by_hand = DOCUMENT.read_text(encoding="utf-8").partition(BEGIN)[0]
    text = with_examples(tables(), examples_of_runs())
    DOCUMENT.write_text(f"{by_hand}{BEGIN}\n{text}", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
