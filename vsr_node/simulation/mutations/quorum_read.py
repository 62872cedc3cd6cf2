"""Mutations of quorum reads (Charapko et al., HotStorage 2019).

Answers of different views that make one quorum are not among them: with refusals after a time-out
such a read hangs no longer than another, and it is never stale, since a write that was committed
in the asker's view without those of an older one was committed with all others.
"""

from vsr_node.simulation.mutations.files import (
    QUORUM_READ,
    REPLICA,
)
from vsr_node.simulation.patching import Edit, Mutation

MUTATIONS = (
    Mutation(
        "read-at-a-backup",
        "S",
        "a backup answers from its own state, without a quorum",
        (
            Edit(
                QUORUM_READ,
                "        _begin_round(replica)\n",
                "        if replica.is_primary:\n"
                "            _begin_round(replica)\n"
                "        else:\n"
                "            reads.indexed.append((0, reads.unsent))\n"
                "            reads.unsent = []\n",
            ),
        ),
    ),
    Mutation(
        "read-at-the-primary",
        "S",
        "a primary answers from its own state, without a quorum, deposed or not (VRR 6.2)",
        (
            Edit(
                QUORUM_READ,
                "        _begin_round(replica)\n",
                "        if not replica.is_primary:\n"
                "            _begin_round(replica)\n"
                "        else:\n"
                "            reads.indexed.append((0, reads.unsent))\n"
                "            reads.unsent = []\n",
            ),
        ),
    ),
    Mutation(
        "index-from-commit-number",
        "S",
        "others answer READ with their commit_number",
        (
            Edit(
                QUORUM_READ,
                "ReadOk(replica.view_number, message.nonce, replica.op_number)",
                "ReadOk(replica.view_number, message.nonce, replica.commit_number)",
            ),
        ),
    ),
    Mutation(
        "index-is-least",
        "S",
        "the lowest answer is the index",
        (
            Edit(
                QUORUM_READ,
                "    index = max(round_.op_numbers.values())\n",
                "    index = min(round_.op_numbers.values())\n",
            ),
        ),
    ),
    Mutation(
        "answered-before-the-index",
        "S",
        "commit_number has not reached the index",
        (
            Edit(
                QUORUM_READ,
                "        if index > replica.commit_number:\n",
                "        if index < 0:\n",
            ),
        ),
    ),
    Mutation(
        "answers-of-an-earlier-round",
        "S",
        "answers that were sent before a read was asked serve it",
        (
            Edit(
                QUORUM_READ,
                "    round_ = replica.reads.rounds.get(message.nonce)\n",
                "    nonce = next(reversed(replica.reads.rounds), 0)\n"
                "    round_ = replica.reads.rounds.get(nonce)\n",
            ),
            Edit(
                QUORUM_READ,
                "    _end_round_if_due(replica, message.nonce)\n",
                "    _end_round_if_due(replica, nonce)\n",
            ),
        ),
        rare="an answer must be under way while a write is done without the asker",
    ),
    Mutation(
        "joins-a-round-under-way",
        "S",
        "a read joins a READ that was sent before it was asked",
        (
            Edit(
                QUORUM_READ,
                "        _begin_round(replica)\n",
                "        if reads.rounds:\n"
                "            next(iter(reads.rounds.values())).reads += reads.unsent\n"
                "            reads.unsent = []\n"
                "        else:\n"
                "            _begin_round(replica)\n",
            ),
        ),
        rare="a write must end, unknown here, while answers to READ are on their way",
    ),
    Mutation(
        "own-answer-counts-twice",
        "S",
        "a quorum of answers is one short",
        (
            Edit(
                QUORUM_READ,
                "    if len(round_.op_numbers) < replica.membership.quorum:\n",
                "    if len(round_.op_numbers) < replica.membership.quorum - 1:\n",
            ),
        ),
    ),
    Mutation(
        "commits-the-index",
        "S",
        "what only one of the quorum holds counts as held by all of it",
        (
            Edit(
                QUORUM_READ,
                "    commit_up_to(replica, min(round_.op_numbers.values()))\n",
                "    commit_up_to(replica, min(index, replica.op_number))\n",
            ),
        ),
    ),
    Mutation(
        "recovering-answers-reads",
        "S",
        "a recovering replica answers READ",
        (
            Edit(
                QUORUM_READ,
                "        on_read,\n        (Status.NORMAL,),\n",
                "        on_read,\n        (Status.NORMAL, Status.RECOVERING),\n",
            ),
        ),
    ),
    Mutation(
        "read-never-retried",
        "L",
        "READ is sent once, and what a view change interrupts hangs",
        (
            Edit(
                REPLICA,
                "    Timer.READ: quorum_read.look_after,\n",
                "    Timer.READ: quorum_read.go_on,\n",
            ),
        ),
    ),
    Mutation(
        "never-asks-all",
        "L",
        "READ goes to the same few, whether they answer or not",
        (Edit(QUORUM_READ, "    asks_all = reads.failures > 0\n", "    asks_all = False\n"),),
    ),
    Mutation(
        "old-rounds-go-on",
        "S",
        "reads that begin anew in the next view also go on in the last one's rounds,"
        " and are answered twice",
        (
            Edit(
                QUORUM_READ,
                "    reads.indexed = []\n    reads.rounds = {}\n",
                "    reads.indexed = []\n",
            ),
        ),
    ),
)
