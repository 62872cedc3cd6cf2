"""Large histories that a correct node could have produced, to measure the judges on."""

from random import Random
from typing import Any

from vsr_node.checker import Event

KEYS = [str(key) for key in range(10)]
CLIENTS = 10


def large_set(elements: int, reads: int) -> list[Event]:
    """Return a history of a set that one client adds to and another reads."""
    events = _Events()
    state: list[int] = []
    for element in range(elements):
        state.append(element)
        events.add(0, "add", element, element)
        if element % (elements // reads) == 0:
            events.add(1, "read", None, list(state))
    return events.events


def large_kafka(operations: int, first_offset: int = 0) -> list[Event]:
    """Return a history of ten logs that ten clients send to and poll, all of them to the end."""
    random = Random(2)
    events = _Events()
    logs: dict[str, list[list[int]]] = {key: [] for key in KEYS}
    places = [dict.fromkeys(KEYS, 0) for _ in range(CLIENTS)]

    def poll(client: int) -> bool:
        answer: dict[str, Any] = {}
        for key, place in places[client].items():
            if found := logs[key][place : place + 20]:
                answer[key] = found
                places[client][key] += len(found)
        events.add(client, "poll", [["poll"]], [["poll", answer]])
        return bool(answer)

    for client in range(CLIENTS):
        events.add(client, "assign", KEYS, KEYS)
    for message in range(operations):
        client = random.randrange(CLIENTS)
        if random.random() < 0.5:
            key = random.choice(KEYS)
            sent = [first_offset + 7 * len(logs[key]), message]
            logs[key].append(sent)
            events.add(client, "send", [["send", key, message]], [["send", key, sent]])
        else:
            poll(client)
    for client in range(CLIENTS):
        while poll(client):
            pass
    return events.events


class _Events:
    def __init__(self) -> None:
        self.events: list[Event] = []

    def add(self, process: int, f: str, asked: Any, answered: Any) -> None:
        for kind, value in (("invoke", asked), ("ok", answered)):
            index = len(self.events)
            self.events.append(Event(index, index * 1000, process, kind, f, value=value))
