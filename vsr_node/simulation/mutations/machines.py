"""Mutations of the replicated machine, and of what a node makes of its answers."""

from vsr_node.simulation.mutations.files import (
    COLLECTION,
    KEY_VALUE,
    LOGS,
    PAGES,
    QUORUM_READ,
)
from vsr_node.simulation.patching import Edit, Mutation

MUTATIONS = (
    Mutation(
        "txn-applied-twice",
        "S",
        "a transaction changes the registers twice",
        (
            Edit(
                KEY_VALUE,
                '        if kind == "txn":\n',
                '        if kind == "txn":\n            self._transact(operation[1])\n',
            ),
        ),
    ),
    Mutation(
        "txn-reads-two-states",
        "S",
        "the reads of a transaction do not see what it wrote before",
        (
            Edit(
                KEY_VALUE,
                '                argument = draft[:] = ["".join(draft)]\n',
                '                argument = [self._registers.get(key, "null")]\n',
            ),
        ),
    ),
    Mutation(
        "half-a-txn",
        "S",
        "a transaction writes the first of its keys alone",
        (
            Edit(
                KEY_VALUE,
                "        self._registers.update(changes)\n",
                "        self._registers.update(list(changes.items())[:1])\n",
            ),
        ),
    ),
    Mutation(
        "snapshot-without-last-message",
        "S",
        "a snapshot has all messages of a log but the last",
        (
            Edit(
                PAGES,
                "(*self._full, tuple(self._last)) if self._last else ()",
                "(*self._full, tuple(self._last[:-1])) if self._last[1:] else ()",
            ),
        ),
    ),
    Mutation(
        "snapshot-without-committed-offsets",
        "S",
        "a snapshot has the logs, and not how far their readers have come",
        (
            Edit(
                LOGS,
                '(*pages, *(("committed", *each) for each in self._committed.items()))',
                "tuple(pages)",
            ),
        ),
    ),
    Mutation(
        "committed-offsets-go-back",
        "S",
        "the offset that was committed last counts, not the highest",
        (Edit(LOGS, "max(offset, self._committed.get(key, 0))", "offset"),),
    ),
    Mutation(
        "poll-begins-one-late",
        "S",
        "a poll leaves the message at its offset out",
        (Edit(LOGS, "log.from_place(offset)", "log.from_place(offset + 1)"),),
    ),
    Mutation(
        "snapshot-without-tickets",
        "S",
        "timestamps begin again after a snapshot",
        (
            Edit(
                COLLECTION,
                '            ("number", "tickets", str(self._ticket_count)),\n',
                "",
            ),
        ),
    ),
    Mutation(
        "held-without-a-quorum",
        "S",
        "a read that is held was answered by no quorum: the state that answers it may be older",
        (
            Edit(
                QUORUM_READ,
                "    reads.count += 1\n    reads.size += size\n",
                "    nothing = replica.machine.read(operation)\n"
                '    if nothing == ("nothing_written",):\n'
                "        replica.replies.append(Reply(client, request_number, nothing))\n"
                "        return\n"
                "    reads.count += 1\n    reads.size += size\n",
            ),
        ),
        rare="a replica that lags must be asked before it knows of any write without a key",
    ),
)
