"""Reading histories from files. The content says which format it is, not the file's name.

- ``json_history``: JSON Lines, one event a line, as the bench writes them; a JSON array of events,
  or an object with them as its ``history``.
- ``edn_history``: ``history.edn`` of Jepsen and Maelstrom: maps or records, one after another or in
  a vector.
- ``jepsen_log``: Jepsen's logs of all years, and its ``history.txt``.

``jepsen_values`` turns Jepsen's values, which may hold a key or an error, into ours. ``content``
names files that hold no history.
"""

from collections.abc import Iterator
from pathlib import Path

from vsr_node.checker.formats.content import decoded, refusal
from vsr_node.checker.formats.edn_history import begins_like_edn, edn_events
from vsr_node.checker.formats.jepsen_log import has_log_events, log_events
from vsr_node.checker.formats.json_history import begins_like_json, json_events
from vsr_node.checker.history import Event, HistoryError, pair_operations


def load_history(path: str | Path) -> list[Event]:
    """Return the events of a file. Raises OSError if it can't be read, else as ``read_history``."""
    return read_history(Path(path).read_bytes())


def read_history(content: bytes) -> list[Event]:
    """Return the events of a file's content.

    Raises HistoryError, with the number of the line, if it is malformed, holds no event, or its
    events don't fit together (see ``pair_operations``).
    """
    text = decoded(content)
    numbered = list(_events(text))
    if not numbered:
        raise HistoryError(f"there are no events in it: {refusal(text)}")
    events = [event for _, event in numbered]
    try:
        pair_operations(events)
    except HistoryError as error:
        line = next(line for line, event in numbered if event is error.event)
        raise HistoryError(f"line {line}: {error}") from None
    return events


def _events(text: str) -> Iterator[tuple[int, Event]]:
    """Yield the events of a text, each with the number of its line."""
    if begins_like_json(text):
        return json_events(text)
    if begins_like_edn(text) and not has_log_events(text):
        return edn_events(text)
    return log_events(text)
