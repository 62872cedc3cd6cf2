"""The doctor finds mistakes in nodes for each of Maelstrom's other workloads, and invents none.

The nodes are ``nodes/memory.py`` with a flaw each: what is done to the reply of a request.
"""

import sys
from pathlib import Path

import pytest

from vsr_node.bench.workloads import WORKLOADS
from vsr_node.bench.workshop.broken_nodes import HONEST_ALL, broken_command
from vsr_node.bench.workshop.doctor import Doctor
from vsr_node.bench.workshop.examination import Level, Line
from vsr_node.start import NODE

MEMORY = Path(__file__).parent / "nodes" / "memory.py"
READS = {"broadcast": "messages", "g-set": "elements"}

ERROR = "{}:reply.clear(); reply.update(type='error', code=14, text='no')"
MORE = "{}:reply['why'] = 1"
OTHER_TYPE = "{}:reply['type'] = 'ok'"

ELEMENTS = {
    "lost": ("read:del reply[READ][:1]", "0 is missing"),
    "twice": ("read:reply[READ] = reply[READ][:1] + reply[READ]", "0 is there 2 times"),
    "made up": ("read:reply[READ] = reply[READ] + [77]", "77 is there, which nobody added"),
    "text": ("read:reply[READ] = [str(each) for each in reply[READ]]", '"0" is there'),
    "no list": ("read:reply[READ] = {}", "is no list"),
    "error": (ERROR.format("read"), "error 14"),
}
SUM = {
    "off by one": ("read:reply['value'] += reply['value'] > 1", "the sum is"),
    "no start at 0": ("read:reply['value'] += 1", "1 before anything was added"),
    "text": ("read:reply['value'] = str(reply['value'])", "is no integer"),
    "fraction": ("read:reply['value'] = float(reply['value'])", "is no integer"),
    "adds twice": ("add:memory.sum += body['delta']", "the sum is"),
    "another field": (MORE.format("add"), '"why"'),
}
TXN = {
    "another function": ("txn:reply['txn'][0][0] = 'write'", "came back as"),
    "one less": ("txn:reply['txn'].pop()", "came back as"),
    "no txn": ("txn:reply['result'] = reply.pop('txn')", 'without "txn"'),
    "pairs": ("txn:reply['txn'] = [each[:2] for each in reply['txn']]", "is no list of operations"),
    "0 for null": ("txn:reply['txn'][0][2] = reply['txn'][0][2] or 0", "a read returned 0"),
    "error": (ERROR.format("txn"), "error 14"),
}

MISTAKES: dict[str, dict[str, tuple[str, str]]] = {
    "unique-ids": {
        "the same": ("generate:reply['id'] = 1", "which n0 had made before"),
        "every other": ("generate:reply['id'] //= 2", "which n0 had made before"),
        "under another name": ("generate:reply['value'] = reply.pop('id')", 'without "id"'),
        "another field": (MORE.format("generate"), '"why"'),
        "another type": (OTHER_TYPE.format("generate"), "\"type\" is 'ok'"),
        "error": (ERROR.format("generate"), "error 14"),
    },
    "broadcast": {
        **{name: (flaw.replace("READ", "'messages'"), t) for name, (flaw, t) in ELEMENTS.items()},
        "no topology": (ERROR.format("topology"), "error 14"),
        "topology echoed": ("topology:reply['topology'] = {}", '"topology"'),
    },
    "g-set": {
        **{name: (flaw.replace("READ", "'value'"), t) for name, (flaw, t) in ELEMENTS.items()},
        "add echoed": ("add:reply['element'] = 1", '"element"'),
    },
    "g-counter": SUM,
    "pn-counter": SUM | {"only grows": ("add:memory.sum -= min(0, body['delta'])", "the sum is")},
    "kafka": {
        "offset is text": ("send:reply['offset'] = str(reply['offset'])", "is no integer"),
        "one offset": ("send:reply['offset'] = 7", "after 7 was given"),
        "leaves out": (
            "poll:[pairs.pop(1) for pairs in reply['msgs'].values() if len(pairs) > 2]",
            "is missing",
        ),
        "backwards": (
            "poll:reply['msgs'] = {k: v[::-1] for k, v in reply['msgs'].items()}",
            "came after",
        ),
        "begins early": (
            "poll:reply['msgs'] = {k: list(enumerate(log)) for k, log in memory.logs.items()}",
            "no message before the offset",
        ),
        "bare messages": (
            "poll:reply['msgs'] = {k: [m for o, m in v] for k, v in reply['msgs'].items()}",
            "list of [offset, message]",
        ),
        "commits too much": ("commit_offsets:memory.committed['1'] += 5", "would skip messages"),
        "null for no offset": (
            "list_committed_offsets:reply['offsets'] = dict.fromkeys(body['keys'])",
            "no integer for each key",
        ),
        "commit refused": (ERROR.format("commit_offsets"), "error 14"),
    },
    "txn-list-append": TXN
    | {
        "newest first": (
            "txn:[op.__setitem__(2, op[2][1:]) for op in reply['txn'] if op[0] == 'r' and op[2]]",
            "a read returned",
        ),
    },
    "txn-rw-register": TXN
    | {
        "as text": (
            "txn:[op.__setitem__(2, str(op[2])) for op in reply['txn'] if op[0] == 'r']",
            "a read returned",
        ),
    },
}
CASES = [(workload, name) for workload, flaws in MISTAKES.items() for name in flaws]


def examined(workload: str, nodes: int, *flaws: str) -> list[Line]:
    command = (sys.executable, "-E", "-S", str(MEMORY), READS.get(workload, "sum"), *flaws)
    doctor = Doctor(command, nodes, workload, 0.3 if flaws else 5, lambda line: None)
    doctor.examine()
    return doctor.lines


def test_every_workload_has_at_least_five_mistakes() -> None:
    assert MISTAKES.keys() == WORKLOADS.keys() - {"lin-kv", "echo"}
    assert all(len(flaws) >= 5 for flaws in MISTAKES.values())


@pytest.mark.parametrize(("workload", "name"), CASES)
def test_a_mistake_is_found_and_explained(workload: str, name: str) -> None:
    flaw, text = MISTAKES[workload][name]
    mistakes = [line for line in examined(workload, 1, flaw) if line.level is Level.MISTAKE]
    told = "\n".join(line.format() for line in mistakes)
    assert text in told, told


@pytest.mark.parametrize("workload", MISTAKES)
@pytest.mark.parametrize("nodes", [1, 3])
def test_nothing_is_held_against_an_honest_node(workload: str, nodes: int) -> None:
    lines = examined(workload, nodes)
    assert {line.level for line in lines} == {Level.OK}, [line.format() for line in lines]


@pytest.mark.parametrize("command", [NODE, broken_command(HONEST_ALL)], ids=["ours", HONEST_ALL])
@pytest.mark.parametrize("workload", MISTAKES)
def test_nothing_is_held_against_a_node_for_all(workload: str, command: tuple[str, ...]) -> None:
    doctor = Doctor(command, 3, workload, 5, lambda line: None)
    doctor.examine()
    held = [line.format() for line in doctor.lines if line.level in (Level.MISTAKE, Level.ADVICE)]
    assert not held


def test_the_traps_of_kafka_are_named() -> None:
    told = "\n".join(line.format() for line in examined("kafka", 1, ERROR.format("commit_offsets")))
    assert "its client has moved on" in told
    empty = "poll:reply['msgs'] = {k: reply['msgs'].get(k, []) for k in body['offsets']}"
    told = "\n".join(line.format() for line in examined("kafka", 1, empty))
    assert "Maelstrom misses a skip behind such a list" in told
    large = "send:reply['offset'] += 10**9"
    assert "takes memory for each one" in "\n".join(
        line.format() for line in examined("kafka", 1, large)
    )
