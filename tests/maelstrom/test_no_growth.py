"""A group that serves for ever needs no more memory for it."""

import sys
from collections.abc import Iterator, Sequence
from itertools import count
from random import Random

import orjson

from vsr_node.core.limits import Limits
from vsr_node.maelstrom.node import Node
from vsr_node.maelstrom.options import Options

NAMES = ("n0", "n1", "n2")
BURST_MAX = 19
"""Of tuples of 20 CPython 3.11 keeps up to 2,000 and never uses them again."""

ROUND = Limits().checkpoint_interval
"""Requests after which all replicas are as far from their last checkpoint as before."""

HEARTBEAT = 150_000
"""Microseconds, within which a primary speaks to its backups."""

WARM_UP_ROUNDS = 4
ROUNDS = 8
BLOCKS_MAX = 500
"""How many more allocated blocks there may be; each round executes some 6,000 entries."""


class Group:
    """Three nodes of which each gets what the others send it in the turn after."""

    def __init__(self) -> None:
        options = Options(data_dir="none")
        self._nodes = {
            name: Node(
                random=Random(name), log=lambda _: None, write=self._deliver, options=options
            )
            for name in NAMES
        }
        self._waiting: dict[str, list[bytes]] = {name: [] for name in NAMES}
        self._now = 0
        self.answered = 0

    def give(self, name: str, body: dict[str, object]) -> None:
        message = {"src": "c1", "dest": name, "body": body}
        self._waiting[name].append(orjson.dumps(message))

    def run(self) -> None:
        """Takes turns until no node has anything to read."""
        while any(self._waiting.values()):
            for name, node in self._nodes.items():
                lines, self._waiting[name] = self._waiting[name], []
                self._now += 100
                node.turn(self._now, lines)

    def settle(self) -> None:
        """Let heartbeats tell all what is committed, and take the checkpoints that are due."""
        for _ in range(2):
            self._now += HEARTBEAT
            for node in self._nodes.values():
                node.turn(self._now, [])
            self.run()

    def _deliver(self, pieces: Sequence[bytes]) -> None:
        for line in b"".join(pieces).splitlines():
            message = orjson.loads(line)
            if message["dest"] in NAMES:
                self._waiting[message["dest"]].append(line)
            else:
                assert message["body"]["type"] in ("init_ok", "write_ok")
                self.answered += 1


def bursts(random: Random) -> Iterator[int]:
    """Sizes of bursts that make up a round."""
    left = ROUND
    while left:
        size = min(random.randint(1, BURST_MAX), left)
        yield size
        left -= size


def test_what_is_thrown_away_is_used_again() -> None:
    group, random, number = Group(), Random(1), count(1)
    for name in NAMES:
        group.give(name, {"type": "init", "node_id": name, "node_ids": NAMES, "msg_id": 0})
    group.run()

    def blocks_after_a_round() -> int:
        for size in bursts(random):
            name = random.choice(NAMES)
            for msg_id in (next(number) for _ in range(size)):
                group.give(name, {"type": "write", "key": msg_id % 9, "value": 1, "msg_id": msg_id})
            group.run()
        group.settle()
        return sys.getallocatedblocks()

    for _ in range(WARM_UP_ROUNDS):
        before = blocks_after_a_round()
    after = [blocks_after_a_round() for _ in range(ROUNDS)]
    assert group.answered == len(NAMES) + ROUND * (WARM_UP_ROUNDS + ROUNDS)
    assert max(after) < before + BLOCKS_MAX, [blocks - before for blocks in after]
