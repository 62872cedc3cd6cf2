"""Mutations of state transfer and checkpoints (VRR 5.1, 5.2)."""

from vsr_node.simulation.mutations.files import (
    CHECKPOINT,
    CLIENT_TABLE,
    REPLICA,
    STATE_TRANSFER,
    VIEW_CHANGE,
)
from vsr_node.simulation.patching import Edit, Mutation

MUTATIONS = (
    Mutation(
        "cut-first",
        "S",
        "on news of a newer view the log is cut before the new one is there (TLA+, VRR 5.2)",
        (
            Edit(
                VIEW_CHANGE,
                "    replica.set_view(view_number)\n",
                "    replica.set_view(view_number)\n"
                "    replica.replace_log(replica.commit_number + 1, ())\n",
            ),
        ),
    ),
    Mutation(
        "append-behind-old-suffix",
        "S",
        "entries of the newer view go behind the old suffix",
        (
            Edit(
                VIEW_CHANGE,
                "    first_op_number = replica.commit_number + 1\n    replica.replace_log(",
                "    first_op_number = max(\n"
                "        replica.commit_number + 1, min(replica.op_number, log.op_number) + 1\n"
                "    )\n"
                "    replica.replace_log(",
            ),
        ),
    ),
    Mutation(
        "state-from-the-unsettled",
        "S",
        "a replica in a view change sends its uncommitted entries (VRR 5.2)",
        (
            Edit(
                STATE_TRANSFER,
                "    last = replica.log.op_number if replica.status is Status.NORMAL "
                "else replica.commit_number\n",
                "    last = replica.log.op_number\n",
            ),
        ),
    ),
    Mutation(
        "state-of-another-view",
        "S",
        "NEW_STATE of an older view is taken (VRR 5.2)",
        (
            Edit(
                STATE_TRANSFER,
                "on_new_state, _ANY,",
                "on_new_state, _ANY, is_served_in_any_view=True,",
            ),
        ),
        rare="NEW_STATE must cross a view change, with entries that the new view lacks",
    ),
    Mutation(
        "overlap-appended",
        "S",
        "entries of NEW_STATE that are there already are appended again",
        (
            Edit(
                STATE_TRANSFER,
                "    missing = message.entries[known_count:]\n",
                "    missing = message.entries\n",
            ),
        ),
    ),
    Mutation(
        "uncommitted-state-adopted",
        "S",
        "a replica in a view change takes and commits all that NEW_STATE brings",
        (
            Edit(
                STATE_TRANSFER,
                "    missing = message.entries[known_count:committed_count]\n",
                "    missing = message.entries[known_count:]\n",
            ),
        ),
        rare="a replica in a view change must be sent entries that never commit",
    ),
    Mutation(
        "checkpoint-without-client-table",
        "S",
        "a checkpoint is restored without the client table (VRR 5.1)",
        (
            Edit(
                CHECKPOINT,
                "    replica.client_table.restore(clients, checkpoint.op_number)\n",
                "    replica.client_table.restore((), checkpoint.op_number)\n",
            ),
        ),
    ),
    Mutation(
        "checkpoint-without-its-number",
        "S",
        "what a checkpoint covers is executed again",
        (
            Edit(
                CHECKPOINT,
                "    replica.commit_number = checkpoint.op_number\n",
                "    replica.client_table.restore((), 0)\n",
            ),
        ),
    ),
    Mutation(
        "checkpoint-of-the-uncommitted",
        "S",
        "a checkpoint is said to cover the whole log",
        (
            Edit(
                CHECKPOINT,
                "        Checkpoint(replica.commit_number, len(clients), parts, ",
                "        Checkpoint(replica.op_number, len(clients), parts, ",
            ),
            Edit(
                REPLICA,
                "        assert self.checkpoint.op_number <= self.commit_number, "
                '"checkpoints are executed"\n',
                "",
            ),
        ),
    ),
    Mutation(
        "checkpoint-goes-back",
        "S",
        "an older checkpoint replaces newer state",
        (
            Edit(
                STATE_TRANSFER,
                "    if (leads and not is_later) or message.op_number <= replica.commit_number:\n",
                "    if leads and not is_later:\n",
            ),
            Edit(
                CHECKPOINT,
                "    assert checkpoint.op_number > replica.commit_number, "
                '"the state never goes back"\n',
                "",
            ),
            Edit(
                CHECKPOINT,
                "    replica.set_checkpoint(checkpoint, checkpoint.op_number + 1)\n",
                "    if checkpoint.op_number > replica.checkpoint.op_number:\n"
                "        replica.set_checkpoint(checkpoint, checkpoint.op_number + 1)\n",
            ),
        ),
    ),
    Mutation(
        "chunks-mixed",
        "S",
        "chunks of two checkpoints make one",
        (
            Edit(
                STATE_TRANSFER,
                "    if incoming is None or incoming.op_number != message.op_number:\n",
                "    if incoming is None:\n",
            ),
            Edit(
                STATE_TRANSFER,
                "    if message.op_number == replica.checkpoint.op_number:\n",
                "    if message.op_number <= replica.checkpoint.op_number:\n",
            ),
        ),
    ),
    Mutation(
        "chunk-taken-twice",
        "S",
        "a repeated chunk is put behind what came after it",
        (
            Edit(
                STATE_TRANSFER,
                "    if message.position != len(incoming.parts):\n        return\n",
                "",
            ),
        ),
    ),
    Mutation(
        "transfer-cuts-the-log",
        "S",
        "own entries above another replica's checkpoint go, though a quorum may need them",
        (
            Edit(
                CHECKPOINT,
                "    replica.set_checkpoint(checkpoint, checkpoint.op_number + 1)\n",
                "    replica.set_checkpoint(checkpoint, checkpoint.op_number + 1)\n"
                "    replica.replace_log(checkpoint.op_number + 1, ())\n",
            ),
        ),
        rare="own entries must reach beyond a checkpoint that is fetched",
    ),
    Mutation(
        "installed-and-silent",
        "L",
        "what waits is not answered when a checkpoint comes that covers it",
        (
            Edit(
                CHECKPOINT,
                "        replica.enter_epoch()\n    answer_known(replica)\n",
                "        replica.enter_epoch()\n",
            ),
        ),
    ),
    Mutation(
        "tail-one-short",
        "L",
        "a checkpoint leaves one entry fewer than it should for replicas that are a little behind",
        (
            Edit(
                CHECKPOINT,
                "replica.limits.checkpoint_interval + 1\n",
                "replica.limits.checkpoint_interval + 2\n",
            ),
            Edit(
                CHECKPOINT,
                "    return max(begin, by_count, ",
                "    return max(begin, min(by_count, replica.commit_number + 1), ",
            ),
        ),
    ),
    Mutation(
        "truncate-before-durable",
        "S",
        "the log is cut a turn before its checkpoint is durable (VRR 5.1)",
        (
            Edit(
                REPLICA,
                "            records.append(SaveCheckpoint(self.checkpoint, "
                "self.log.first_op_number))\n"
                "            self._checkpoint_changed = False\n",
                '            durable = self.__dict__.get("durable_checkpoint", Checkpoint())\n'
                "            records.append(SaveCheckpoint(durable, self.log.first_op_number))\n"
                "            self._checkpoint_changed = durable is not self.checkpoint\n"
                '            self.__dict__["durable_checkpoint"] = self.checkpoint\n',
            ),
        ),
    ),
    Mutation(
        "truncated-and-silent",
        "L",
        "a request for truncated entries is not answered with a checkpoint (VRR 5.2)",
        (
            Edit(
                STATE_TRANSFER,
                "        _send_chunk(replica, source, 0)\n        return\n    last",
                "        return\n    last",
            ),
        ),
    ),
    Mutation(
        "lost-chunk-never-asked-again",
        "L",
        "a transfer that lost a chunk waits for ever",
        (
            Edit(
                STATE_TRANSFER,
                "        _ask_on(replica, destination, incoming)\n        return\n"
                "    replica.incoming = None\n",
                "        return\n    if incoming is not None:\n        return\n",
            ),
        ),
    ),
    Mutation(
        "chunk-of-any-size",
        "S",
        "a chunk of a checkpoint has its number of parts however large they are",
        (
            Edit(
                STATE_TRANSFER,
                "limits.batch_size, size_of)\n",
                "1 << 60, size_of)\n",
            ),
        ),
        rare="a checkpoint must be sent in one of the few seeds whose messages have to be small",
    ),
    Mutation(
        "restored-in-another-order",
        "S",
        "a restored client table has its clients by name, not by when they executed last",
        (
            Edit(
                CLIENT_TABLE,
                "        for part in parts:\n",
                "        for part in sorted(parts):\n",
            ),
        ),
    ),
)
