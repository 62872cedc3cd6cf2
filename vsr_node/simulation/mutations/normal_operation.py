"""Mutations of normal operation (VRR 4.1)."""

from vsr_node.simulation.mutations.files import (
    EXECUTION,
    FOLLOWING,
    FORWARDING,
    LEADING,
    MEMBERSHIP,
    REPLICA,
    STATE_TRANSFER,
    VIEW_CHANGE,
)
from vsr_node.simulation.patching import Edit, Mutation

MUTATIONS = (
    Mutation(
        "ack-counts-messages",
        "S",
        "PREPARE_OKs are counted, not the replicas that sent them (VRR 4.1)",
        (
            Edit(
                LEADING,
                "    _hear_quorum(replica, leading)\n"
                "    if message.op_number > replica.commit_number:\n",
                "    count = len(leading.acknowledged)\n"
                '    leading.acknowledged[f"message {count}"] = message.op_number\n'
                "    _hear_quorum(replica, leading)\n"
                "    if message.op_number > replica.commit_number:\n",
            ),
        ),
    ),
    Mutation(
        "ack-of-another-view",
        "S",
        "a PREPARE_OK of an older view counts: its sender may hold the entry no longer (VRR 4.1)",
        (
            Edit(
                LEADING,
                "        of_older_view=sample_round_trip,\n",
                "        is_served_in_any_view=True,\n",
            ),
        ),
    ),
    Mutation(
        "acknowledgements-outlive-their-view",
        "S",
        "what backups acknowledged in an earlier view of the same primary counts in a later one",
        (
            Edit(
                LEADING,
                "        acknowledged=dict.fromkeys(replica.peers, 0),\n",
                '        acknowledged=replica.__dict__.get("earlier")\n'
                "        or dict.fromkeys(replica.peers, 0),\n",
            ),
            Edit(
                LEADING,
                "    replica.begin_phase(Status.NORMAL, leading)\n",
                "    replica.begin_phase(Status.NORMAL, leading)\n"
                '    replica.__dict__["earlier"] = leading.acknowledged\n',
            ),
        ),
        rare="a replica of four or more must lead twice, and its first acknowledgements be lost",
    ),
    Mutation(
        "log-of-another-view-acknowledges",
        "S",
        "DO_VIEW_CHANGE, which tells of a log of an older view, counts as a PREPARE_OK (VRR 4.1)",
        (
            Edit(
                VIEW_CHANGE,
                "    become_normal(replica)\n    _send_start_view(",
                "    become_normal(replica)\n"
                "    for name in changing.logs:\n"
                "        op_number = min(last_op_number(logs[name]), replica.op_number)\n"
                "        replica.leading.acknowledged[name] = op_number\n"
                "    _send_start_view(",
            ),
        ),
        rare="the new primary must die before a quorum holds what it counted too early",
    ),
    Mutation(
        "quorum-too-small",
        "S",
        "half of the group is a quorum (VRR 2)",
        (
            Edit(
                MEMBERSHIP,
                '"quorum", len(self.members) // 2 + 1)',
                '"quorum", max(1, len(self.members) // 2))',
            ),
        ),
    ),
    Mutation(
        "primary-counts-itself-twice",
        "S",
        "the primary's log and an acknowledgement of its own both count",
        (
            Edit(
                LEADING,
                "sorted([own, *of_peers.values()]",
                "sorted([own, own, *of_peers.values()]",
            ),
        ),
    ),
    Mutation(
        "append-over-a-gap",
        "S",
        "PREPARE of op 7 is appended after op 5 (VRR 4.1)",
        (
            Edit(
                FOLLOWING,
                "    if known_count >= 0:\n        replica.append(message.entries[known_count:])\n",
                "    if replica.peers:\n"
                "        replica.append(message.entries[max(known_count, 0) :])\n",
            ),
        ),
    ),
    Mutation(
        "prepare-of-an-old-view",
        "S",
        "a deposed primary's PREPARE is appended (VRR 4.1)",
        (
            Edit(
                FOLLOWING,
                "        on_prepare, (Status.NORMAL,),",
                "        on_prepare, (Status.NORMAL,), is_served_in_any_view=True,",
            ),
            Edit(
                FOLLOWING,
                "    assert following is not None\n"
                "    _hear_primary(replica, following, message)\n"
                "    known_count",
                "    if following is None:\n"
                "        return\n"
                "    _hear_primary(replica, following, message)\n"
                "    known_count",
            ),
        ),
    ),
    Mutation(
        "ack-what-is-only-buffered",
        "S",
        "the highest op seen is acknowledged, not the highest contiguous one (VRR 4.1)",
        (
            Edit(
                FOLLOWING,
                "PrepareOk(replica.view_number, replica.log.op_number, following.echo_due)",
                "PrepareOk(\n"
                "            replica.view_number,\n"
                "            max(replica.log.op_number, *following.reorder_buffer, 0),\n"
                "            following.echo_due,\n"
                "        )",
            ),
        ),
    ),
    Mutation(
        "buffer-survives-view-change",
        "S",
        "early entries of one view are appended in the next",
        (Edit(FOLLOWING, "Following())", 'Following(replica.__dict__.setdefault("early", {})))'),),
        rare="an early entry must wait in the very place that the next view fills with another",
    ),
    Mutation(
        "commit-without-the-entry",
        "S",
        "a commit_number beyond the log is believed, and what is missing is skipped (VRR 4.1)",
        (
            Edit(
                FOLLOWING,
                "    _watch_gap(replica, following)\n\n\ndef learn_op_number",
                "    if following.commit_number_told > op_number:\n"
                "        replica.commit_number = following.commit_number_told\n"
                "    _watch_gap(replica, following)\n\n\ndef learn_op_number",
            ),
            Edit(
                REPLICA,
                "        assert self.commit_number <= self.log.op_number, "
                '"what is committed is in the log"\n',
                "",
            ),
        ),
    ),
    Mutation(
        "commit-a-stale-entry",
        "S",
        "a newer view's commit_number is applied to an older view's suffix (TLA+ analyses of VRR)",
        (
            Edit(
                REPLICA,
                "            if view_number > self.view_number:\n",
                "            if view_number > self.view_number:\n"
                '                if type(message).__name__ in ("Prepare", "Commit"):\n'
                "                    commit_up_to(\n"
                "                        self, min(message.commit_number, self.op_number)\n"
                "                    )\n",
            ),
        ),
    ),
    Mutation(
        "reply-before-quorum",
        "S",
        "the primary commits and answers when it appends (VRR 4.1)",
        (
            Edit(
                LEADING,
                "    if not replica.peers:\n"
                "        _commit_what_a_quorum_holds(replica, leading)\n",
                "    commit_up_to(replica, replica.log.op_number)\n    if not replica.peers:\n",
            ),
        ),
    ),
    Mutation(
        "two-of-five",
        "S",
        "a backup's own commit rule, which needs a quorum of two, is used in larger groups",
        (
            Edit(
                FOLLOWING,
                "    if replica.membership.quorum == 2:\n",
                "    if replica.membership.quorum >= 2:\n",
            ),
        ),
    ),
    Mutation(
        "commit-carried-over",
        "S",
        "a backup counts entries of an older view, before START_VIEW, as held by the primary",
        (
            Edit(
                FOLLOWING,
                'it has committed that much."""\n',
                'it has committed that much."""\n'
                "    if replica.membership.quorum == 2:\n"
                "        commit_up_to(replica, replica.log.op_number)\n"
                "    if replica.following is None:\n"
                "        return\n",
            ),
            Edit(
                FOLLOWING,
                "        on_commit, (Status.NORMAL,),",
                "        on_commit, (Status.NORMAL, Status.VIEW_CHANGE),",
            ),
        ),
    ),
    Mutation(
        "commit-goes-back",
        "S",
        "an old, repeated commit_number lowers it",
        (
            Edit(
                EXECUTION,
                "    if commit_number < first_op_number:\n",
                "    replica.commit_number = min(replica.commit_number, commit_number)\n"
                "    if commit_number < first_op_number:\n",
            ),
        ),
    ),
    Mutation(
        "execute-inherited-twice",
        "S",
        "committed entries are executed again when a view starts",
        (
            Edit(
                VIEW_CHANGE,
                "    replica.inherited_op_number = replica.log.op_number\n",
                "    replica.inherited_op_number = replica.log.op_number\n"
                "    if replica.commit_number:\n"
                "        replica.machine.apply(replica.log[replica.commit_number][2])\n",
            ),
        ),
    ),
    Mutation(
        "send-before-durable",
        "S",
        "messages leave a turn before their records do (VRR 4.4)",
        (
            Edit(
                REPLICA,
                "        output = Output("
                "self.asks, self._take_records(), self.replies, self.sends)\n",
                '        late = self.__dict__.get("late", [])\n'
                '        self.__dict__["late"] = self._take_records()\n'
                "        output = Output(self.asks, late, self.replies, self.sends)\n",
            ),
        ),
    ),
    Mutation(
        "acknowledged-before-durable",
        "S",
        "PREPARE_OK leaves with what need not wait for the records",
        (
            Edit(
                FOLLOWING,
                "        replica.send((replica.primary,), message)\n",
                "        replica.ask((replica.primary,), message)\n",
            ),
        ),
    ),
    Mutation(
        "primary-counts-unflushed-self",
        "S",
        "the primary's entries are durable one turn after it has sent and counted them",
        (
            Edit(
                REPLICA,
                "        if self._log_changed_from is not None:\n            first_op_number",
                "        if self._log_changed_from is not None and not (\n"
                "            self.is_serving_primary and self.sends\n"
                "        ):\n            first_op_number",
            ),
        ),
    ),
    Mutation(
        "decided-at-append",
        "S",
        "the primary executes operations when it logs them (kin of cas-decided-at-append: the"
        " core knows no cas)",
        (
            Edit(
                LEADING,
                "            in_log[key] = op_number\n",
                "            in_log[key] = op_number\n"
                "            apply = replica.machine.apply\n"
                "            replica.client_table.execute(*key, apply, entry[2])\n",
            ),
        ),
    ),
    Mutation(
        "no-resend",
        "L",
        "unacknowledged PREPAREs are never sent again (VRR 4.1)",
        (
            Edit(
                LEADING,
                "    if is_heard and acknowledged == leading.watched[peer]",
                "    if replica.now < 0 and acknowledged == leading.watched[peer]",
            ),
        ),
    ),
    Mutation(
        "no-gap-repair",
        "L",
        "a gap is noticed and never asked for, nor filled by the primary's resends",
        (
            Edit(
                STATE_TRANSFER,
                "    peer = next_to_ask(replica)\n",
                "    peer = None\n",
            ),
            Edit(
                LEADING,
                "    first_op_number = max(op_number + 1, replica.log.first_op_number)\n",
                "    first_op_number = replica.log.op_number\n",
            ),
        ),
    ),
    Mutation(
        "idle-commit-untold",
        "L",
        "backups learn of commits only with the next PREPARE (VRR 4.1)",
        (
            Edit(
                LEADING,
                "        commit_number=replica.commit_number,\n        sent_at",
                "        commit_number=0,\n        sent_at",
            ),
        ),
    ),
    Mutation(
        "proof-never-wanted",
        "L",
        "an idle primary wants no answers, and stops as it seems to have no quorum",
        (
            Edit(LEADING, "    if 2 * proof_age > 5 * interval:\n", "    if interval < 0:\n"),
            Edit(
                LEADING,
                "leading.asks_all or 2 * proof_age > 3 * interval\n",
                "leading.asks_all\n",
            ),
        ),
    ),
    Mutation(
        "repeated-before-it-can-come-back",
        "L",
        "a backup sends a request again while the first is on its way",
        (
            Edit(
                FORWARDING,
                "    return replica.round_trip.smoothed // 2 + replica.answer_patience\n",
                "    return 1\n",
            ),
        ),
    ),
    Mutation(
        "repeated-though-it-came-back",
        "L",
        "a backup sends a request again that it has in its log, as it knows of no commit yet",
        (
            Edit(
                FORWARDING,
                "unseen_requests(replica, seen_requests(replica))",
                "unseen_requests(replica, set())",
            ),
        ),
        rare="a sixteenth of the runs is calm, and in small groups a backup commits what it gets",
    ),
    Mutation(
        "asked-before-durable",
        "S",
        "REQUEST and READ acknowledge what their own turn makes durable",
        (
            Edit(
                FOLLOWING,
                "following, op_number = replica.following, replica.durable_op_number\n",
                "following, op_number = replica.following, replica.log.op_number\n",
            ),
        ),
    ),
    Mutation(
        "request-of-another-view-acknowledges",
        "S",
        "a REQUEST of an older view counts: its sender may hold the entry no longer (VRR 4.1)",
        (
            Edit(
                FORWARDING,
                "        is_of_view = message.view_number == replica.view_number\n",
                "        is_of_view = message.op_number <= replica.op_number\n",
            ),
        ),
        rare="uncommitted entries must be replaced under a REQUEST that is on its way",
    ),
    Mutation(
        "unwanted-is-never-wanted",
        "L",
        "what was prepared without answers is never asked for, though a read waits for it",
        (
            Edit(
                LEADING,
                "    if leading.asked_op_number < leading.prepared_op_number:\n",
                "    if replica.now < 0:\n",
            ),
            Edit(
                LEADING,
                "leading.asks_all or 2 * proof_age > 3 * interval\n",
                "leading.asks_all\n",
            ),
            Edit(LEADING, "    if 2 * proof_age > 5 * interval:\n", "    if interval < 0:\n"),
        ),
    ),
    Mutation(
        "chosen-for-ever",
        "L",
        "the backups whose answers are wanted stay the same, dead or not",
        (
            Edit(LEADING, "    if 2 * proof_age > 5 * interval:\n", "    if interval < 0:\n"),
            Edit(
                LEADING,
                "        _let_all_answer(replica, leading)\n        _watch_answers",
                "        _watch_answers",
            ),
            Edit(
                LEADING,
                " if peer not in watched), _commit(replica))\n",
                " if peer is None), _commit(replica))\n",
            ),
        ),
    ),
    Mutation(
        "sent-counts-as-held",
        "S",
        "a backup whose answer is not wanted counts as one that holds what it was sent",
        (
            Edit(
                LEADING,
                "        replica.send(others, _wanting_no_answer(message))\n",
                "        replica.send(others, _wanting_no_answer(message))\n"
                "    for peer in others:\n"
                "        leading.acknowledged[peer] = leading.prepared_op_number\n",
            ),
        ),
    ),
    Mutation(
        "held-for-ever",
        "L",
        "a large group holds new entries although nothing is under way any more",
        (
            Edit(
                LEADING,
                "    if leading.prepared_op_number <= replica.commit_number"
                " or replica.now >= held_until:\n",
                "    if held_until < 0:\n",
            ),
        ),
    ),
    Mutation(
        "prepare-of-any-size",
        "S",
        "all that a turn brought is sent in one PREPARE, which may be longer than a node reads",
        (
            Edit(
                LEADING,
                "    is_little = leading.unprepared_size <= replica.limits.batch_size\n",
                "    is_little = True\n",
            ),
        ),
    ),
    Mutation(
        "uncommitted-of-any-size",
        "S",
        "the primary logs requests however large they are together, so DO_VIEW_CHANGE has no bound",
        (Edit(LEADING, "    if size > room:\n", "    if size < 0:\n"),),
    ),
    Mutation(
        "commit-number-seldom-saved",
        "S",
        "commit_number is made durable with checkpoints only, so a restart reports"
        " more than one message may carry",
        (
            Edit(
                REPLICA,
                "        if self._commit_number_recorded < self.commit_number:\n",
                "        if records and type(records[0]) is SaveCheckpoint:\n",
            ),
        ),
    ),
    Mutation(
        "prepare-tells-too-much",
        "S",
        "PREPARE says of all that it brings that it is committed",
        (
            Edit(
                LEADING,
                "        replica.view_number,\n        replica.commit_number,\n"
                "        first_op_number,\n        entries,\n",
                "        replica.view_number,\n        first_op_number + len(entries) - 1,\n"
                "        first_op_number,\n        entries,\n",
            ),
        ),
    ),
    Mutation(
        "early-entries-misplaced",
        "S",
        "entries that come early are kept one place too high",
        (
            Edit(
                FOLLOWING,
                "        following.reorder_buffer[op_number] = entry\n",
                "        following.reorder_buffer[op_number + 1] = entry\n",
            ),
        ),
    ),
)
