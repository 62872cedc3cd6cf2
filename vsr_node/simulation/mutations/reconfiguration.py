"""Mutations of how a group changes its members (VRR section 7)."""

from vsr_node.simulation.mutations.files import (
    CHANGE,
    CHECKPOINT,
    EXECUTION,
    FOLLOWING,
    LEADING,
    QUORUM_READ,
    RECONFIGURATION,
    RECOVERY,
    REPLICA,
    STANDBY,
    STATE_TRANSFER,
    VIEW_CHANGE,
    VOTING,
)
from vsr_node.simulation.patching import Edit, Mutation

_UNMEASURED = "how many seeds it takes is not measured yet"
_BY_HAND = "how many seeds it takes is not measured; it fails tests/core/test_reconfiguration.py, "

MUTATIONS = (
    Mutation(
        "runs-past-the-end",
        "S",
        "execution goes on behind the change, and the primary logs more behind it",
        (
            Edit(
                EXECUTION,
                "        _execute_change(replica, entry)\n"
                "        if replica.next_membership is not None:\n"
                "            return\n",
                "        _execute_change(replica, entry)\n",
            ),
            Edit(
                REPLICA,
                "            and not leading.is_closed(self)\n",
                "",
            ),
        ),
        seeds_max=1_000,
        rare=_BY_HAND + "test_nothing_is_logged_behind_the_end_of_an_epoch",
    ),
    Mutation(
        "start-epoch-commits",
        "S",
        "the op_number of START_EPOCH is taken as commit_number of the own log",
        (
            Edit(
                RECONFIGURATION,
                "    _note_newest(replica, message)\n    state_transfer.fetch(replica, source)\n",
                "    _note_newest(replica, message)\n    state_transfer.fetch(replica, source)\n"
                "    state_transfer.commit_up_to(\n"
                "        replica, min(message.op_number, replica.log.op_number)\n"
                "    )\n",
            ),
        ),
        seeds_max=1_000,
        rare=_BY_HAND + "test_the_op_number_of_start_epoch_commits_nothing",
    ),
    Mutation(
        "suffix-survives",
        "S",
        "what the log has above the change is kept on entering",
        (Edit(RECONFIGURATION, "    replica.cut_uncommitted()\n", ""),),
        seeds_max=1_000,
        rare=_UNMEASURED,
    ),
    Mutation(
        "log-rank-without-epoch",
        "S",
        "DO_VIEW_CHANGE is ranked by the view within the epoch",
        (
            Edit(
                VIEW_CHANGE,
                "(logs[name].last_normal_view, last_op_number(logs[name]))",
                "(logs[name].last_normal_view % (1 << 32), last_op_number(logs[name]))",
            ),
        ),
        seeds_max=1_000,
        rare=_UNMEASURED,
    ),
    Mutation(
        "view-begun-again",
        "S",
        "a normal replica that learns of another log begins a view change in its own view",
        (
            Edit(
                STATE_TRANSFER,
                "            replica.leave_view()\n        entries = entries[same:]",
                "            from . import view_change\n\n"
                "            view_change.restart_view_change(replica)\n"
                "        entries = entries[same:]",
            ),
        ),
        seeds_max=1_000,
        rare=_BY_HAND + "test_a_late_start_view_does_not_cut_what_a_later_epoch_has_committed",
    ),
    Mutation(
        "reads-before-entering",
        "S",
        "reads of the turn are answered between executing the change and entering the epoch",
        (
            Edit(
                QUORUM_READ,
                "    if not reads.count or replica.next_membership is not None:\n",
                "    if not reads.count:\n",
            ),
            Edit(
                QUORUM_READ,
                "    if reads.indexed and replica.next_membership is None:\n",
                "    if reads.indexed:\n",
            ),
        ),
        seeds_max=1_000,
        rare=_UNMEASURED,
    ),
    Mutation(
        "epoch-not-durable",
        "S",
        "the epoch's SetView is not in the transaction that executes the change",
        (
            Edit(
                RECONFIGURATION,
                "        replica.set_view(first_view_of(membership.epoch))\n",
                "        replica.view_number = first_view_of(membership.epoch)\n"
                "        replica.primary = membership.primary_of(replica.view_number)\n"
                "        replica.is_primary = replica.primary == replica.name\n",
            ),
        ),
    ),
    Mutation(
        "old-peers-kept",
        "S",
        "the peers stay those of the epoch before",
        (
            Edit(
                REPLICA,
                "        self.peers = membership.others(self.name)\n        self.is_m",
                "        self.is_m",
            ),
        ),
    ),
    Mutation(
        "lost-log-enters-as-new",
        "S",
        "a replica that lost its log enters an epoch in which it promised something as a new one",
        (
            Edit(
                RECONFIGURATION,
                "        if epoch_of(promised_view) == membership.epoch and replica.is_member:\n"
                "            return\n",
                "",
            ),
        ),
        seeds_max=1_000,
        rare=_BY_HAND
        + "test_a_replica_that_lost_its_log_fetches_until_it_knows_the_group_of_its_promise",
    ),
    Mutation(
        "recovers-with-the-old-group",
        "S",
        "f + 1 and the primary are those of the checkpoint's epoch",
        (
            Edit(
                RECOVERY,
                "    if not recovering.is_due or not knows_its_group(replica):\n",
                "    if not recovering.is_due:\n",
            ),
        ),
        seeds_max=1_000,
        rare=_UNMEASURED,
    ),
    Mutation(
        "promise-binds-later-epochs",
        "L",
        "a replica that lost its log waits for f + 1 of an epoch in which it promised nothing",
        (
            Edit(
                RECONFIGURATION,
                "        if epoch_of(promised_view) == membership.epoch and replica.is_member:\n",
                "        if replica.is_member:\n",
            ),
        ),
        seeds_max=1_000,
        rare=_BY_HAND + "test_it_is_recovered_where_an_epoch_begins_in_which_it_promised_nothing",
    ),
    Mutation(
        "released-too-early",
        "S",
        "one EPOCH_STARTED fewer releases a replica that left",
        (
            Edit(
                RECONFIGURATION,
                "len(beginning.started) >= replica.membership.quorum\n",
                "len(beginning.started) >= replica.membership.quorum - 1\n",
            ),
        ),
    ),
    Mutation(
        "started-before-whole",
        "S",
        "EPOCH_STARTED is the answer to START_EPOCH before the change is executed",
        (
            Edit(
                RECONFIGURATION,
                "    _note_newest(replica, message)\n    state_transfer.fetch(replica, source)\n",
                "    _note_newest(replica, message)\n    state_transfer.fetch(replica, source)\n"
                "    replica.send((source,), EpochStarted(message.view_number))\n",
            ),
        ),
    ),
    Mutation(
        "told-once",
        "L",
        "START_EPOCH is not sent again",
        (
            Edit(
                RECONFIGURATION,
                "    replica.timers.start(Timer.EPOCH, replica.now + beginning.interval)\n",
                "",
            ),
        ),
        seeds_max=1_000,
        rare=_BY_HAND + "test_all_members_may_change_at_once",
    ),
    Mutation(
        "asks-members-only",
        "L",
        "a replica that left never asks beyond the members that it knows",
        (
            Edit(
                RECONFIGURATION,
                "    return replica.other_processes\n",
                "    return replica.peers\n",
            ),
        ),
        seeds_max=1_000,
        rare=_UNMEASURED,
    ),
    Mutation(
        "votes-to-members-only",
        "L",
        "the votes of a lagging old member go to its members only",
        (Edit(VOTING, "    return replica.other_processes\n", "    return replica.peers\n"),),
        seeds_max=1_000,
        rare=_BY_HAND + "test_a_lagging_member_whose_epoch_is_over_learns_of_it_from_its_votes",
    ),
    Mutation(
        "older-epoch-unanswered",
        "L",
        "what is of an older epoch is dropped without START_EPOCH",
        (
            Edit(
                RECONFIGURATION,
                "_OF_MEMBERS = OfOtherEpoch(_fetch, _answer)\n",
                "_OF_MEMBERS = OfOtherEpoch(_fetch, _drop)\n",
            ),
        ),
        seeds_max=1_000,
        rare=_BY_HAND + "test_a_lagging_member_whose_epoch_is_over_learns_of_it_from_its_votes",
    ),
    Mutation(
        "checkpoint-without-members",
        "S",
        "a replica that installs a checkpoint keeps its own idea of the members",
        (
            Edit(
                STATE_TRANSFER,
                "        message.epoch,\n        message.members,\n    )\n",
                "        replica.membership.epoch,\n        replica.membership.members,\n    )\n",
            ),
        ),
    ),
    Mutation(
        "checkpoint-skips-the-epoch",
        "S",
        "the members of a checkpoint of a later epoch are taken, and the epoch is not entered",
        (
            Edit(
                CHECKPOINT,
                "        replica.next_membership = Membership(",
                "        replica.set_membership(Membership(checkpoint.epoch, checkpoint.members))\n"
                "        return answer_known(replica)\n"
                "        replica.next_membership = Membership(",
            ),
        ),
    ),
    Mutation(
        "client-table-left-behind",
        "S",
        "an epoch begins with an empty client table",
        (
            Edit(
                RECONFIGURATION,
                "    replica.cut_uncommitted()\n",
                "    replica.cut_uncommitted()\n"
                "    table = type(replica.client_table)\n"
                "    replica.client_table = table(replica.limits.clients_max)\n",
            ),
        ),
    ),
    Mutation(
        "r-without-catch-up",
        "L",
        "the change is logged before the members to be have caught up, or are there",
        (
            Edit(
                CHANGE,
                "    if has_quorum and not behind:\n",
                "    if heard:\n",
            ),
        ),
        seeds_max=1_000,
        rare=_BY_HAND + "test_a_change_is_logged_only_when_the_new_member_has_caught_up",
    ),
    Mutation(
        "refusal-not-logged",
        "S",
        "a declined change is answered by the primary alone",
        (
            Edit(
                CHANGE,
                "    client, request_number, _ = entry\n    log_change(",
                "    client, request_number, _ = entry\n"
                "    if isinstance(operation, Declined):\n"
                "        replica.answer(client, request_number, (request_number, operation, 0))\n"
                "        return\n"
                "    log_change(",
            ),
        ),
    ),
    Mutation(
        "held-is-lost",
        "L",
        "what waits at a replica is dropped when it leaves the group",
        (
            Edit(
                STANDBY,
                "    replica.begin_phase(Status.STANDBY, Standing())\n",
                "    replica.begin_phase(Status.STANDBY, Standing())\n"
                "    replica.waiting = waiting.Waiting()\n",
            ),
        ),
    ),
    Mutation(
        "standby-votes",
        "S",
        "a replica that is no member takes part in the epoch",
        (
            Edit(
                RECONFIGURATION,
                "    if replica.is_member:\n        view_change.restart",
                "    if True:\n        view_change.restart",
            ),
        ),
    ),
    Mutation(
        "joiner-reads-locally",
        "S",
        "a standby answers a read from what it has",
        (
            Edit(
                STANDBY,
                "    waiting.take_request(replica, *entry, size, is_read=True)\n",
                "    replica.replies.append(\n"
                "        Reply(entry[0], entry[1], replica.machine.read(entry[2]))\n"
                "    )\n",
            ),
        ),
    ),
    Mutation(
        "deaf-to-the-old-epoch",
        "L",
        "a replica that knows of a later epoch and lacks its beginning says nothing in the old one",
        (
            Edit(
                REPLICA,
                "            self._on_message_of_epoch(source, message, hearing)\n",
                "            newest = self.newest\n"
                "            known = self.membership.epoch\n"
                "            is_over = newest and newest.view_number >> 32 > known\n"
                "            if not is_over or type(message).__name__[:3] in ('New', 'Sta'):\n"
                "                self._on_message_of_epoch(source, message, hearing)\n",
            ),
        ),
        seeds_max=1_000,
        rare=_UNMEASURED,
    ),
    Mutation(
        "epoch-at-append",
        "S",
        "the new members count as soon as the change is in the log",
        (
            Edit(
                REPLICA,
                "        self.log.append(entries)\n",
                "        self.log.append(entries)\n"
                "        last = entries[-1][2] if entries else None\n"
                "        epoch = self.membership.epoch\n"
                "        if type(last).__name__ == 'Reconfiguration' and last.epoch > epoch:\n"
                "            self.membership = Membership(epoch, last.members)\n"
                "            self.peers = self.membership.others(self.name)\n",
            ),
        ),
    ),
    Mutation(
        "new-quorum-commits-r",
        "S",
        "the change commits with acknowledgements of the new members",
        (
            Edit(
                LEADING,
                "    commit_up_to(replica, _held_by_quorum(replica, own_op_number, "
                "leading.acknowledged))\n",
                "    acknowledged = dict(leading.acknowledged)\n"
                "    if is_closed(replica):\n"
                "        members = replica.log[replica.op_number][2].members\n"
                "        held = [acknowledged.get(name, 0) for name in members if name != "
                "replica.name]\n"
                "        held += [own_op_number] * (replica.name in members)\n"
                "        quorum = len(members) // 2 + 1\n"
                "        if len(held) == len(members) and sorted(held)[-quorum] == own_op_number:\n"
                "            acknowledged = dict.fromkeys(acknowledged, own_op_number)\n"
                "    commit_up_to(replica, _held_by_quorum(replica, own_op_number, "
                "acknowledged))\n",
            ),
        ),
        seeds_max=1_000,
        rare="the primary must die while only the new members have the change",
    ),
    Mutation(
        "behind-counts",
        "S",
        "a member takes part in an epoch before it has executed the change that begins it",
        (
            Edit(
                RECONFIGURATION,
                "    _note_newest(replica, message)\n    state_transfer.fetch(replica, source)\n",
                "    _note_newest(replica, message)\n    state_transfer.fetch(replica, source)\n"
                "    if replica.status is not Status.RECOVERING:\n"
                "        from .membership import Membership\n\n"
                "        epoch = epoch_of(message.view_number)\n"
                "        replica.next_membership = Membership(epoch, message.members)\n",
            ),
        ),
    ),
    Mutation(
        "epoch-ignored",
        "S",
        "only the view within the epoch is compared, so answers of another epoch count",
        (
            Edit(
                REPLICA,
                "        is_present = message.view_number == self.view_number",
                "        if type(message).__name__ in ('PrepareOk', 'ReadOk', 'DoViewChange'):\n"
                "            view_number = message.view_number % (1 << 32)\n"
                "            view_number += self.membership.epoch << 32\n"
                "            message = message._replace(view_number=view_number)\n"
                "        is_present = message.view_number == self.view_number",
            ),
        ),
    ),
    Mutation(
        "contradicted-and-normal",
        "S",
        "a replica stays normal although a later epoch has contradicted its log",
        (
            Edit(
                STATE_TRANSFER,
                "        if replica.status is Status.NORMAL:\n"
                "            replica.leave_view()\n"
                "        entries = entries[same:]\n",
                "        entries = entries[same:]\n",
            ),
        ),
        seeds_max=1_000,
        rare=_BY_HAND + "test_a_late_start_view_does_not_cut_what_a_later_epoch_has_committed",
    ),
    Mutation(
        "read-survives-the-epoch",
        "S",
        "a read that waited when an epoch ended is answered in the next with its old index",
        (
            Edit(
                REPLICA,
                "        quorum_read.begin_anew(self)\n",
                "        if self.view_number % (1 << 32):\n"
                "            quorum_read.begin_anew(self)\n",
            ),
        ),
        seeds_max=1_000,
        rare=_BY_HAND + "test_a_read_whose_index_is_the_end_of_the_epoch_begins_anew_in_the_next",
    ),
    Mutation(
        "acts-before-durable",
        "S",
        "DO_VIEW_CHANGE of an epoch leaves before the transaction that enters it",
        (
            Edit(
                REPLICA,
                "        if destinations:\n"
                "            self.sends.append(Send(destinations, message))\n",
                "        is_early = type(message).__name__ == 'DoViewChange'\n"
                "        is_early = is_early and not message.view_number % (1 << 32)\n"
                "        if destinations:\n"
                "            sends = self.asks if is_early else self.sends\n"
                "            sends.append(Send(destinations, message))\n",
            ),
        ),
        seeds_max=1_000,
        rare=_BY_HAND
        + "test_the_turn_that_executes_the_change_makes_the_epoch_durable_and_says_its_last_word",
    ),
    Mutation(
        "two-of-five-after-change",
        "S",
        "a backup of a group that has grown commits by itself, as in one with a quorum of two",
        (
            Edit(
                REPLICA,
                "        self.membership = membership\n"
                "        self.peers = membership.others(self.name)\n"
                "        self.is_m",
                "        self.old_quorum = self.membership.quorum\n"
                "        self.membership = membership\n"
                "        self.peers = membership.others(self.name)\n"
                "        self.is_m",
            ),
            Edit(
                FOLLOWING,
                "    if replica.membership.quorum == 2:\n",
                "    if 2 in (replica.membership.quorum, getattr(replica, 'old_quorum', 0)):\n",
            ),
        ),
        seeds_max=1_000,
        rare=_BY_HAND + "test_a_larger_group_has_no_rule_of_two_any_more",
    ),
    Mutation(
        "change-by-client-table",
        "S",
        "the change takes effect only if the client table calls its request new",
        (
            Edit(
                EXECUTION,
                "    client, request_number, operation = entry\n    if client == NOBODY:\n",
                "    client, request_number, operation = entry\n"
                "    is_old = replica.client_table.look_up(*entry) is not None\n"
                "    if client == NOBODY:\n",
            ),
            Edit(
                EXECUTION,
                "    if isinstance(operation, Reconfiguration) and operation",
                "    if not is_old and isinstance(operation, Reconfiguration) and operation",
            ),
        ),
        seeds_max=1_000,
        rare=_UNMEASURED,
    ),
    Mutation(
        "two-changes-at-once",
        "L",
        "a second change is prepared in the place of the first, which is answered to nobody",
        (
            Edit(
                CHANGE,
                "    elif change is not None:\n        reason =",
                "    elif change is not None and not operation.members:\n        reason =",
            ),
        ),
        seeds_max=1_000,
        rare=_BY_HAND + "test_a_second_change_is_declined_while_one_is_prepared",
    ),
    Mutation(
        "refused-though-sent",
        "S",
        "a request that was sent is refused as never executed when the epoch ends",
        (
            Edit(
                RECONFIGURATION,
                "    replica.cut_uncommitted()\n",
                "    replica.cut_uncommitted()\n"
                "    from .messages import Reason\n\n"
                "    for key in list(replica.waiting.sent):\n"
                "        del replica.waiting.sent[key]\n"
                "        replica.refuse(*key, Reason.UNAVAILABLE)\n",
            ),
        ),
    ),
    Mutation(
        "answered-by-both",
        "S",
        "a primary that gives the copy of a standby's request up refuses it to the client, too",
        (
            Edit(
                STANDBY,
                "            del origins[key]\n            if reply.reason is not",
                "            del origins[key]\n            replies.append(reply)\n"
                "            if reply.reason is not",
            ),
        ),
        seeds_max=1_000,
        rare=_UNMEASURED,
    ),
    Mutation(
        "removed-primary-goes-on",
        "L",
        "a primary that left keeps its heartbeats, and stays in the old epoch",
        (
            Edit(
                RECONFIGURATION,
                "    _say_last_word(replica)\n    replica.cut_uncommitted()\n",
                "    _say_last_word(replica)\n"
                "    if replica.is_serving_primary and replica.name not in membership.members:\n"
                "        replica.next_membership = None\n"
                "        return\n"
                "    replica.cut_uncommitted()\n",
            ),
        ),
    ),
    Mutation(
        "last-word-unsaid",
        "L",
        "a replica says nothing more in the epoch that it leaves",
        (
            Edit(
                RECONFIGURATION,
                "    _say_last_word(replica)\n    replica.cut_uncommitted()\n",
                "    replica.cut_uncommitted()\n",
            ),
        ),
        seeds_max=1_000,
        rare=_BY_HAND
        + "test_the_turn_that_executes_the_change_makes_the_epoch_durable_and_says_its_last_word",
    ),
    Mutation(
        "answered-as-the-standby-it-was",
        "L",
        "what a new member handed in before is answered to it as to a standby",
        (
            Edit(
                RECONFIGURATION,
                "    standby.forget_members(replica)\n",
                "",
            ),
        ),
        seeds_max=1_000,
        rare=_BY_HAND + "test_what_a_standby_handed_in_is_answered_although_it_has_become_a_member",
    ),
)
