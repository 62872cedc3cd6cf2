"""docs/TELEMETRY.md against the catalogue."""

import json
import re

from tests.telemetry.document import BEGIN, DOCUMENT, tables, with_examples
from vsr_node.telemetry.catalogue import EVENTS

TEXT = DOCUMENT.read_text(encoding="utf-8")
EXAMPLES = {json.loads(each)["event"]: each for each in re.findall(r"```json\n(.*)\n```", TEXT)}


def test_the_document_is_made_from_the_catalogue() -> None:
    made = with_examples(tables(), EXAMPLES)
    assert TEXT.partition(BEGIN)[2].strip() == made.strip(), "python -m tests.telemetry.document"


def test_each_example_has_the_fields_of_its_event() -> None:
    kinds = {kind.name: kind for kind in EVENTS}
    assert set(kinds) - set(EXAMPLES) == {"state_machine.operation.exception"}
    for name, line in EXAMPLES.items():
        example = json.loads(line)
        assert set(example["measurements"]) == set(kinds[name].measurements)
        assert set(example["metadata"]) == {"node_id", *kinds[name].metadata}
