"""EDN: a map or a record an event, as Jepsen's and Maelstrom's ``history.edn`` has them."""

import re
from collections.abc import Iterator

from vsr_node.checker.edn import EdnError, read_records
from vsr_node.checker.formats.jepsen_values import with_jepsen_values
from vsr_node.checker.formats.records import fail, record_events, unwrapped
from vsr_node.checker.history import Event, Json


def begins_like_edn(text: str) -> bool:
    """Return whether a text begins with a collection, tag, comment or metadata of EDN."""
    return re.match(r"[\s,]*[{(\[#;^]", text) is not None


def edn_events(text: str) -> Iterator[tuple[int, Event]]:
    """Yield the events of a text, each with the number of its line."""
    return with_jepsen_values(record_events(unwrapped(_records(text))))


def _records(text: str) -> Iterator[tuple[int, Json]]:
    try:
        for line, record in read_records(text):
            yield line, _without_namespaces(record)
    except EdnError as error:
        fail(error.line, str(error))


def _without_namespaces(record: Json) -> Json:
    """Return a record whose fields all have a namespace without them."""
    if not isinstance(record, dict) or "process" in record:
        return record
    return {name.rpartition("/")[2]: value for name, value in record.items()}
