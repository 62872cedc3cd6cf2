"""Mutations of restart and recovery (VRR 4.3)."""

from vsr_node.simulation.mutations.files import (
    RECOVERY,
    REPLICA,
    TRUST,
    VIEW_CHANGE,
)
from vsr_node.simulation.patching import Edit, Mutation

MUTATIONS = (
    Mutation(
        "recovers-from-the-recovering",
        "S",
        "a recovering replica answers RECOVERY (VRR 4.3)",
        (
            Edit(
                RECOVERY,
                "on_recovery, (Status.NORMAL,),",
                "on_recovery, (Status.NORMAL, Status.RECOVERING),",
            ),
        ),
    ),
    Mutation(
        "recovers-from-the-unsettled",
        "S",
        "a replica in a view change answers RECOVERY (VRR 4.3)",
        (
            Edit(
                RECOVERY,
                "on_recovery, (Status.NORMAL,),",
                "on_recovery, (Status.NORMAL, Status.VIEW_CHANGE),",
            ),
        ),
    ),
    Mutation(
        "without-the-primary",
        "S",
        "f + 1 answers suffice, none of them the newest view's primary's (VRR 4.3)",
        (
            Edit(
                RECOVERY,
                "    if log is None or log.view_number < view_number:\n        return\n",
                "    if log is None or log.view_number < view_number:\n"
                "        log = max(responses.values(), key=lambda one: one.view_number)\n",
            ),
        ),
        rare="a replica must recover while the newest primary alone has what it acknowledged",
    ),
    Mutation(
        "older-answer-of-the-newest-primary",
        "S",
        "the newest view's primary counts as having answered in it, though it answered in an older"
        " view (VRR 4.3)",
        (
            Edit(
                RECOVERY,
                "    if log is None or log.view_number < view_number:\n",
                "    if log is None:\n",
            ),
        ),
        rare="a replica must recover amid a view change, in a group of five or more",
    ),
    Mutation(
        "recovery-skips-the-hole",
        "S",
        "what lies between the own log and the primary's suffix is not fetched",
        (
            Edit(
                RECOVERY,
                "        state_transfer.ask(replica, primary)\n        return\n",
                "        pass\n",
            ),
            Edit(
                VIEW_CHANGE,
                "log.entries[first_op_number - log.first_op_number :]",
                "log.entries[max(0, first_op_number - log.first_op_number) :]",
            ),
        ),
    ),
    Mutation(
        "view-forgotten",
        "S",
        "recovery ignores the view that was promised (DISC 2017)",
        (
            Edit(
                REPLICA,
                "        self.view_number = durable.view_number\n",
                "        self.view_number = 0 if durable.is_recovering else durable.view_number\n",
            ),
            Edit(
                REPLICA,
                "        self.last_normal_view = durable.last_normal_view\n",
                "        self.last_normal_view = min(self.view_number, durable.last_normal_view)\n",
            ),
        ),
    ),
    Mutation(
        "works-while-recovering",
        "S",
        "a replica whose log can't be trusted goes on with what is left of it (VRR 4.3)",
        (
            Edit(
                REPLICA,
                "Status.RECOVERING if durable.is_recovering else Status.VIEW_CHANGE\n",
                "Status.VIEW_CHANGE\n",
            ),
        ),
    ),
    Mutation(
        "recovery-below-promise",
        "L",
        "RECOVERY does not tell the view that was promised: every answer is refused for ever",
        (
            Edit(
                RECOVERY,
                "        view_number=replica.view_number,\n        op_number=replica.commit",
                "        view_number=0,\n        op_number=replica.commit",
            ),
        ),
        rare="the replica must lose its log after it promised a view that never began",
    ),
    Mutation(
        "recovery-not-resent",
        "L",
        "RECOVERY is sent once",
        (
            Edit(
                RECOVERY,
                "    replica.timers.start(Timer.RECOVERY, replica.now + replica.time_out // 4)\n",
                "",
            ),
        ),
    ),
    Mutation(
        "first-answers-kept",
        "L",
        "a replica's later answer to RECOVERY does not replace its earlier one",
        (
            Edit(
                RECOVERY,
                "    if known is None or known.view_number <= message.view_number:\n",
                "    if known is None:\n",
            ),
        ),
    ),
    Mutation(
        "recovered-and-untold",
        "L",
        "that the log can be trusted again is not made durable",
        (Edit(RECOVERY, "    replica.set_recovered()\n", ""),),
    ),
    Mutation(
        "old-nonce",
        "S",
        "answers to an earlier incarnation's RECOVERY count (VRR 4.3)",
        (
            Edit(
                RECOVERY,
                "    if message.nonce != recovering.nonce:\n        return\n",
                "",
            ),
        ),
        rare="a replica must lose its log twice, and hear answers of its earlier life",
    ),
    Mutation(
        "nonce-comes-round",
        "S",
        "nonces begin anew with the process",
        (
            Edit(
                REPLICA,
                'nonce=f"{self._random.getrandbits(128):032x}"',
                'nonce=f"{0:032x}"',
            ),
        ),
        rare="a replica must lose its log twice, and hear answers of its earlier life",
    ),
    Mutation(
        "bad-record-believed",
        "S",
        "the checksum of an entry is not looked at (Protocol-Aware Recovery, FAST 2018)",
        (
            Edit(
                TRUST,
                "        and len(covered) == len(found.damaged)\n",
                "",
            ),
        ),
        rare="a damaged entry must be one that was not committed anywhere else",
    ),
    Mutation(
        "bad-checkpoint-believed",
        "S",
        "a damaged checkpoint is taken for an empty one, and the log for whole",
        (
            Edit(
                TRUST,
                "    if found.checkpoint_is_damaged:\n"
                "        return _distrusted(found, Checkpoint())\n",
                "    if found.checkpoint_is_damaged:\n"
                "        found = found._replace(checkpoint=Checkpoint(), commit_number=0)\n",
            ),
            Edit(
                TRUST,
                "        and first_op_number <= checkpoint.op_number + 1\n",
                "",
            ),
        ),
        rare="the checkpoint must be damaged, and the log whole from its first entry on",
    ),
    Mutation(
        "lost-tail-shrugged-off",
        "S",
        "a journal whose tail is gone goes on as if whole (Protocol-Aware Recovery, FAST 2018)",
        (
            Edit(TRUST, "        found.is_whole\n        and not", "        not"),
            Edit(
                TRUST,
                "        and checkpoint.op_number <= found.commit_number <= op_number\n",
                "        and checkpoint.op_number <= op_number\n",
            ),
            Edit(
                TRUST,
                "        found.commit_number,\n        checkpoint,\n        first_op_number,\n",
                "        min(found.commit_number, op_number),\n"
                "        checkpoint,\n"
                "        first_op_number,\n",
            ),
        ),
    ),
    Mutation(
        "recovers-only-once",
        "S",
        "a crash during a recovery makes the log trusted",
        (Edit(TRUST, "        and not found.was_recovering\n", ""),),
    ),
    Mutation(
        "one-answer-short",
        "S",
        "f answers suffice, and the view that was promised is forgotten (VRR 4.3)",
        (
            Edit(
                RECOVERY,
                "    if len(responses) < replica.membership.failures_max + 1:\n",
                "    if len(responses) < max(1, replica.membership.failures_max):\n",
            ),
            Edit(
                RECOVERY,
                "    if message.view_number < replica.view_number:\n        return\n",
                "",
            ),
            Edit(
                RECOVERY,
                "        view_number=replica.view_number,\n        op_number=replica.commit",
                "        view_number=0,\n        op_number=replica.commit",
            ),
        ),
    ),
    Mutation(
        "older-primary",
        "S",
        "the log comes from an answer of a lower view than another's, and the view that was"
        " promised is forgotten (VRR 4.3)",
        (
            Edit(
                RECOVERY,
                "    view_number = max(response.view_number for response in responses.values())\n",
                "    view_number = min(response.view_number for response in responses.values())\n",
            ),
            Edit(
                RECOVERY,
                "    if message.view_number < replica.view_number:\n        return\n",
                "",
            ),
            Edit(
                RECOVERY,
                "        view_number=replica.view_number,\n        op_number=replica.commit",
                "        view_number=0,\n        op_number=replica.commit",
            ),
        ),
    ),
    Mutation(
        "nothing-left-is-trusted",
        "S",
        "a journal that lost every entry counts as that of a new replica",
        (
            Edit(
                TRUST,
                "        is_recovering=True,\n",
                "        is_recovering=bool(found.entries),\n",
            ),
        ),
    ),
    Mutation(
        "recovered-with-the-checkpoint-alone",
        "S",
        "what the log has above the commit_number of a recovery's answer is left out",
        (
            Edit(
                RECOVERY,
                "    replace_uncommitted(replica, log)\n",
                "    if log.first_op_number <= log.commit_number:\n"
                "        replace_uncommitted(replica, log)\n    else:\n"
                "        replica.replace_log(replica.commit_number + 1, ())\n",
            ),
        ),
        rare="the replica must have acknowledged what the primary does not know to be committed",
    ),
    Mutation(
        "restart-executes-nothing",
        "S",
        "a restart executes nothing of the log, though its commit_number is known",
        (
            Edit(
                REPLICA,
                "        commit_up_to(self, durable.commit_number)\n        while",
                "        while",
            ),
        ),
    ),
)
