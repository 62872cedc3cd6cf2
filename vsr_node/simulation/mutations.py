"""The catalogue of mutations: small, plausible protocol bugs that the simulator must notice.

Each is an `Edit` of the core's source (`patching`), with the reason why it is a bug. Old texts must
occur exactly once in their file, so that a mutation which the core has outgrown is an error.

VRR is Liskov & Cowling, "Viewstamped Replication Revisited", MIT-CSAIL-TR-2012-021.
"""

from vsr_node.simulation.patching import Edit, Mutation

NORMAL_OPERATION = "normal_operation.py"
VIEW_CHANGE = "view_change.py"
STATE_TRANSFER = "state_transfer.py"
FORWARDING = "forwarding.py"
EXECUTION = "execution.py"
CLIENT_TABLE = "client_table.py"
REPLICA = "replica.py"

# Several mutations make messages that the core would refuse at its border as impossible. That
# check is taken away with them, so that the protocol itself has to be seen to break.
ADMIT_ANY_LAST_NORMAL_VIEW = Edit(
    "admission.py",
    "    if message.last_normal_view >= message.view_number:\n",
    "    if message.last_normal_view > message.view_number:\n",
)
ADMIT_ANY_SUFFIX = Edit(
    "admission.py",
    "    if message.first_op_number != message.commit_number + 1:\n",
    "    if message.first_op_number <= message.commit_number:\n",
)

NORMAL_OPERATION_MUTATIONS = (
    Mutation(
        "ack-counts-messages",
        "S",
        "PREPARE_OKs are counted, not the replicas that sent them (VRR 4.1)",
        (
            Edit(
                NORMAL_OPERATION,
                "    _hear_quorum(replica)\n    _commit_what",
                "    count = len(replica.acknowledged)\n"
                '    replica.acknowledged[f"message {count}"] = message.op_number\n'
                "    _hear_quorum(replica)\n    _commit_what",
            ),
        ),
    ),
    Mutation(
        "log-of-another-view-acknowledges",
        "S",
        "DO_VIEW_CHANGE, which tells of a log of an older view, counts as a PREPARE_OK (VRR 4.1)",
        (
            Edit(
                VIEW_CHANGE,
                "    lead(replica)\n    _send_start_view(",
                "    lead(replica)\n"
                "    for name in replica.do_view_changes:\n"
                "        op_number = min(logs[name].op_number, replica.op_number)\n"
                "        replica.acknowledged[name] = op_number\n"
                "    _send_start_view(",
            ),
        ),
    ),
    Mutation(
        "quorum-too-small",
        "S",
        "half of the group is a quorum (VRR 2)",
        (
            Edit(
                "membership.py",
                "return len(self.members) // 2 + 1",
                "return max(1, len(self.members) // 2)",
            ),
        ),
    ),
    Mutation(
        "primary-counts-itself-twice",
        "S",
        "the primary's log and an acknowledgement of its own both count",
        (
            Edit(
                NORMAL_OPERATION,
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
                NORMAL_OPERATION,
                "        if op_number == replica.log.op_number + 1:\n",
                "        if op_number >= replica.log.op_number + 1:\n",
            ),
        ),
    ),
    Mutation(
        "prepare-of-an-old-view",
        "S",
        "a deposed primary's PREPARE is appended (VRR 4.1)",
        (
            Edit(
                REPLICA,
                "not isinstance(message, Request | GetState)",
                "not isinstance(message, Request | GetState | Prepare)",
            ),
        ),
    ),
    Mutation(
        "ack-what-is-only-buffered",
        "S",
        "the highest op seen is acknowledged, not the highest contiguous one (VRR 4.1)",
        (
            Edit(
                NORMAL_OPERATION,
                "PrepareOk(replica.view_number, replica.log.op_number, replica.echo)",
                "PrepareOk(\n"
                "            replica.view_number,\n"
                "            max(replica.log.op_number, *replica.reorder_buffer, 0),\n"
                "            replica.echo,\n"
                "        )",
            ),
        ),
    ),
    Mutation(
        "buffer-survives-view-change",
        "S",
        "early entries of one view are appended in the next",
        (Edit(REPLICA, "        self.reorder_buffer = {}\n", ""),),
    ),
    Mutation(
        "commit-without-the-entry",
        "S",
        "a commit_number beyond the log is believed, and what is missing is skipped (VRR 4.1)",
        (
            Edit(
                NORMAL_OPERATION,
                "    if replica.has_gap:\n        replica.timers.start_if_stopped(Timer.GAP",
                "    if replica.commit_number_told > op_number:\n"
                "        replica.commit_number = replica.commit_number_told\n"
                "    if replica.has_gap:\n        replica.timers.start_if_stopped(Timer.GAP",
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
                "        if view_number > self.view_number:\n",
                "        if view_number > self.view_number:\n"
                "            if isinstance(message, Prepare | Commit):\n"
                "                commit_up_to(self, min(message.commit_number, self.op_number))\n",
            ),
        ),
    ),
    Mutation(
        "reply-before-quorum",
        "S",
        "the primary commits and answers when it appends (VRR 4.1)",
        (
            Edit(
                NORMAL_OPERATION,
                "    if not replica.peers:\n        _commit_what_a_quorum_holds(replica)\n",
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
                NORMAL_OPERATION,
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
                NORMAL_OPERATION,
                '    """The primary\'s heartbeat: it lives, and it has committed that much."""\n',
                '    """The primary\'s heartbeat: it lives, and it has committed that much."""\n'
                "    if replica.membership.quorum == 2:\n"
                "        commit_up_to(replica, replica.log.op_number)\n",
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
                "    while replica.commit_number < commit_number:\n",
                "    replica.commit_number = min(replica.commit_number, commit_number)\n"
                "    while replica.commit_number < commit_number:\n",
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
                "        replica.machine.apply(replica.log[replica.commit_number].operation)\n",
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
                "        output = Output(self._take_records(), self.replies, self.sends)\n",
                '        late = self.__dict__.get("late", [])\n'
                '        self.__dict__["late"] = self._take_records()\n'
                "        output = Output(late, self.replies, self.sends)\n",
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
                "        if self._log_changed_from is not None:\n",
                "        if self._log_changed_from is not None and not (\n"
                "            self.is_serving_primary and self.sends\n"
                "        ):\n",
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
                NORMAL_OPERATION,
                "    replica.in_log.add(key)\n",
                "    replica.in_log.add(key)\n"
                "    result = replica.machine.apply(entry.operation)\n"
                "    replica.client_table.record(*key, result)\n",
            ),
        ),
    ),
    Mutation(
        "no-resend",
        "L",
        "unacknowledged PREPAREs are never sent again (VRR 4.1)",
        (
            Edit(
                NORMAL_OPERATION,
                "        if is_heard and is_stuck:\n",
                "        if is_heard and is_stuck and replica.now < 0:\n",
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
                "    if not replica.has_gap:\n        return\n    peers",
                "    if replica.now >= 0:\n        return\n    peers",
            ),
            Edit(
                NORMAL_OPERATION,
                "            _send_prepare(replica, (peer,), acknowledged + 1, RESEND_MAX)\n",
                "            _send_prepare(replica, (peer,), replica.log.op_number, RESEND_MAX)\n",
            ),
        ),
    ),
    Mutation(
        "idle-commit-untold",
        "L",
        "commits are told only with the next PREPARE (VRR 4.1)",
        (
            Edit(
                NORMAL_OPERATION,
                "        Commit(replica.view_number, replica.commit_number,",
                "        Commit(replica.view_number, 0,",
            ),
        ),
    ),
)

VIEW_CHANGE_MUTATIONS = (
    Mutation(
        "longest-log-wins",
        "S",
        "the best DO_VIEW_CHANGE is chosen by op_number alone (VRR 4.2)",
        (
            Edit(
                VIEW_CHANGE,
                "key=lambda name: (logs[name].last_normal_view, logs[name].op_number))",
                "key=lambda name: logs[name].op_number)",
            ),
        ),
    ),
    Mutation(
        "newest-view-only",
        "S",
        "the best DO_VIEW_CHANGE is chosen by last_normal_view alone (VRR 4.2)",
        (
            Edit(
                VIEW_CHANGE,
                "key=lambda name: (logs[name].last_normal_view, logs[name].op_number))",
                "key=lambda name: logs[name].last_normal_view)",
            ),
        ),
    ),
    Mutation(
        "last-normal-set-early",
        "S",
        "last_normal_view is set when a view change begins (VRR 4.2)",
        (
            Edit(
                VIEW_CHANGE,
                "    replica.set_view(view_number)\n",
                "    replica.set_view(view_number)\n"
                "    replica.set_last_normal_view(view_number)\n",
            ),
            ADMIT_ANY_LAST_NORMAL_VIEW,
        ),
    ),
    Mutation(
        "one-vote-short",
        "S",
        "a view starts with one DO_VIEW_CHANGE fewer than a quorum",
        (
            Edit(
                VIEW_CHANGE,
                "    if len(logs) < replica.membership.quorum:\n",
                "    if len(logs) < replica.membership.quorum - 1:\n",
            ),
        ),
    ),
    Mutation(
        "same-replica-twice",
        "S",
        "two DO_VIEW_CHANGEs of one replica count as two, those of the new primary itself too",
        (
            Edit(
                VIEW_CHANGE,
                "    if replica.is_primary:\n        _start_view(replica)\n",
                "    if replica.is_primary:\n"
                "        if replica.do_view_change_is_due:\n"
                '            replica.__dict__.setdefault("own", []).append(replica.view_number)\n'
                "        _start_view(replica)\n",
            ),
            Edit(
                VIEW_CHANGE,
                "    if len(logs) < replica.membership.quorum:\n",
                '    own_count = replica.__dict__.get("own", []).count(replica.view_number)\n'
                "    count = len(replica.do_view_changes) + max(1, own_count)\n"
                "    if count < replica.membership.quorum:\n",
            ),
        ),
    ),
    Mutation(
        "votes-of-another-view",
        "S",
        "DO_VIEW_CHANGEs of different views make one quorum",
        (
            Edit(REPLICA, "        self.do_view_changes = {}\n", ""),
            Edit(
                REPLICA,
                "not isinstance(message, Request | GetState)",
                "not isinstance(message, Request | GetState | DoViewChange)",
            ),
        ),
    ),
    Mutation(
        "own-log-wins",
        "S",
        "the new primary keeps its own log (VRR 4.2)",
        (Edit(VIEW_CHANGE, "    if best != replica.name:\n", "    if best == 0:\n"),),
    ),
    Mutation(
        "own-suffix-trusted",
        "S",
        "the new primary keeps own entries above its commit_number below the received suffix",
        (
            Edit(
                VIEW_CHANGE,
                "        if log.first_op_number > replica.commit_number + 1:\n",
                "        if log.first_op_number > replica.log.op_number + 1:\n",
            ),
            Edit(
                VIEW_CHANGE,
                "    first_op_number = replica.commit_number + 1\n    replica.replace_log(",
                "    first_op_number = max(replica.commit_number + 1, log.first_op_number)\n"
                "    replica.replace_log(",
            ),
        ),
    ),
    Mutation(
        "hole-skipped",
        "S",
        "what lies between the own commit_number and the received suffix is not fetched",
        (
            Edit(
                VIEW_CHANGE,
                "        if log.first_op_number > replica.commit_number + 1:\n",
                "        if log.first_op_number < 0:\n",
            ),
            Edit(
                VIEW_CHANGE,
                "log.entries[first_op_number - log.first_op_number :]",
                "log.entries[max(0, first_op_number - log.first_op_number) :]",
            ),
        ),
    ),
    Mutation(
        "commit-all-at-start",
        "S",
        "the chosen log counts as committed before a quorum holds it in this view",
        (
            Edit(
                VIEW_CHANGE,
                "    commit_up_to(replica, max(log.commit_number for log in logs.values()))\n",
                "    commit_up_to(replica, replica.log.op_number)\n",
            ),
        ),
    ),
    Mutation(
        "late-do-view-change-restarts",
        "S",
        "a late DO_VIEW_CHANGE makes a primary that already serves rebuild its log",
        (
            Edit(
                VIEW_CHANGE,
                "    elif replica.is_serving_primary:\n        _send_start_view(",
                "    elif replica.is_serving_primary:\n"
                "        if message.first_op_number <= replica.commit_number + 1:\n"
                "            _replace_uncommitted(replica, message)\n"
                "            lead(replica)\n"
                "        _send_start_view(",
            ),
        ),
    ),
    Mutation(
        "old-start-view-cuts",
        "S",
        "a repeated START_VIEW of the current view cuts what was appended since",
        (
            Edit(
                VIEW_CHANGE,
                "    if replica.status is not Status.VIEW_CHANGE:\n        return\n",
                "    if replica.status is not Status.VIEW_CHANGE:\n"
                "        if message.first_op_number <= replica.commit_number + 1:\n"
                "            _replace_uncommitted(replica, message)\n"
                "        return\n",
            ),
        ),
    ),
    Mutation(
        "surplus-kept",
        "S",
        "entries beyond START_VIEW's op_number stay (VRR 4.2)",
        (
            Edit(
                VIEW_CHANGE,
                "    replica.replace_log(first_op_number, "
                "log.entries[first_op_number - log.first_op_number :])\n",
                "    surplus = replica.log.suffix(max(log.op_number, replica.commit_number) + 1)\n"
                "    entries = log.entries[first_op_number - log.first_op_number :]\n"
                "    replica.replace_log(first_op_number, entries + surplus)\n",
            ),
        ),
    ),
    Mutation(
        "acks-after-promise",
        "S",
        "PREPARE of a view is acknowledged after DO_VIEW_CHANGE of the next was sent (VRR 4.2)",
        (
            Edit(
                REPLICA,
                "            normal_operation.sample_round_trip(self, source, message.echo)\n",
                "            normal_operation.sample_round_trip(self, source, message.echo)\n"
                "        elif (\n"
                "            isinstance(message, Prepare)\n"
                "            and self.last_normal_view == message.view_number\n"
                "            and message.first_op_number == self.op_number + 1\n"
                "        ):\n"
                "            for entry in message.entries:\n"
                "                self.append(entry)\n"
                "            answer = PrepareOk(\n"
                "                message.view_number, self.op_number, message.sent_at\n"
                "            )\n"
                "            self.send((source,), answer)\n",
            ),
        ),
    ),
    Mutation(
        "view-not-durable",
        "S",
        "a view is not made durable when it is entered (DISC 2017)",
        (
            Edit(
                REPLICA,
                "        self.view_number = view_number\n        self._view_changed = True\n",
                "        self.view_number = view_number\n",
            ),
        ),
    ),
    Mutation(
        "last-normal-not-durable",
        "S",
        "last_normal_view comes back wrong from a restart",
        (
            Edit(
                REPLICA,
                "        self.last_normal_view = durable.last_normal_view\n",
                "        self.last_normal_view = durable.view_number\n",
            ),
        ),
    ),
    Mutation(
        "client-table-forgotten",
        "S",
        "the client table is not carried through the view change (VRR 4.2)",
        (
            Edit(
                VIEW_CHANGE,
                "    replica.inherited_op_number = replica.log.op_number\n",
                "    replica.inherited_op_number = replica.log.op_number\n"
                "    replica.client_table = type(replica.client_table)(10_000)\n",
            ),
        ),
    ),
    Mutation(
        "inherited-not-acknowledged",
        "L",
        "a backup acknowledges START_VIEW's uncommitted entries only with later ones (VRR 4.2)",
        (
            Edit(
                NORMAL_OPERATION,
                "        message = PrepareOk(replica.view_number, replica.log.op_number, "
                "replica.echo)\n",
                "        op_number = replica.log.op_number\n"
                "        if op_number <= replica.inherited_op_number:\n"
                "            op_number = replica.commit_number\n"
                "        message = PrepareOk(replica.view_number, op_number, replica.echo)\n",
            ),
        ),
    ),
    Mutation(
        "view-change-never-escalates",
        "L",
        "a view change to a dead primary waits for ever (VRR 4.2)",
        (
            Edit(
                VIEW_CHANGE,
                "    if replica.peers:\n        vote(replica)\n",
                "    if replica.peers and replica.status is Status.NORMAL:\n"
                "        vote(replica)\n",
            ),
        ),
    ),
    Mutation(
        "view-change-not-resent",
        "L",
        "the messages of a view change are sent once",
        (
            Edit(
                VIEW_CHANGE,
                "    if replica.status is Status.VIEW_CHANGE:\n"
                "        replica.do_view_change_is_due = True\n",
                "    if replica.now < 0:\n        replica.do_view_change_is_due = True\n",
            ),
        ),
    ),
    Mutation(
        "deposes-a-healthy-primary",
        "L",
        "replicas that hear their primary join a vote against it (Raft's pre-vote)",
        (
            Edit(
                VIEW_CHANGE,
                "    if not replica.timers.is_running(Timer.VOTE):\n        return\n",
                "",
            ),
        ),
    ),
    Mutation(
        "enters-view-alone",
        "L",
        "a replica that misses its primary enters the next view at once, and draws the others",
        (
            Edit(
                VIEW_CHANGE,
                "    if replica.peers:\n        vote(replica)\n",
                "    if replica.peers:\n        enter_view(replica, replica.view_number + 1)\n",
            ),
        ),
    ),
    Mutation(
        "primary-without-quorum-stays",
        "L",
        "a primary that hears no quorum keeps its heartbeats",
        (
            Edit(
                VIEW_CHANGE,
                "    if replica.peers:\n        vote(replica)\n",
                "    if replica.peers and not replica.is_serving_primary:\n        vote(replica)\n",
            ),
        ),
    ),
    Mutation(
        "stopped-primary-resends",
        "L",
        "PREPAREs go on without a quorum",
        (
            Edit(
                NORMAL_OPERATION,
                "    if not replica.is_serving_primary:\n        return\n    for peer in",
                "    if not (replica.is_primary and replica.status is Status.NORMAL):\n"
                "        return\n"
                "    for peer in",
            ),
            Edit(
                NORMAL_OPERATION,
                "        is_heard = replica.echoed[peer] > replica.now - replica.time_out\n",
                "        is_heard = True\n",
            ),
            Edit(
                NORMAL_OPERATION,
                "        and replica.echoed[peer] > replica.now - replica.time_out\n",
                "",
            ),
        ),
    ),
    Mutation(
        "stopped-primary-never-votes",
        "L",
        "a primary that hears no quorum stops, and does not help to choose another",
        (
            Edit(
                VIEW_CHANGE,
                "    view_number = replica.view_number\n"
                "    replica.send(replica.peers, StartViewChange(view_number + 1, view_number))\n",
                "    view_number = replica.view_number\n"
                "    stopped = replica.is_primary and replica.status is Status.NORMAL\n"
                "    if not stopped:\n"
                "        vote_message = StartViewChange(view_number + 1, view_number)\n"
                "        replica.send(replica.peers, vote_message)\n",
            ),
            Edit(
                VIEW_CHANGE,
                "    if not replica.timers.is_running(Timer.VOTE):\n        return\n",
                "    stopped = replica.is_primary and replica.status is Status.NORMAL\n"
                "    if stopped or not replica.timers.is_running(Timer.VOTE):\n        return\n",
            ),
        ),
    ),
    Mutation(
        "votes-never-expire",
        "L",
        "single votes hours apart add up and depose a healthy primary",
        (
            Edit(
                VIEW_CHANGE,
                "        replica.now - voted_at < replica.time_out for voted_at in",
                "        voted_at < 1 << 62 for voted_at in",
            ),
        ),
    ),
    Mutation(
        "votes-pass-each-other",
        "L",
        "a vote does not tell its sender's view: two views vote past each other for ever",
        (
            Edit(
                REPLICA,
                "            message.current_view_number\n            if isinstance",
                "            self.view_number\n            if isinstance",
            ),
        ),
    ),
    Mutation(
        "normal-before-whole",
        "S",
        "last_normal_view is set when START_VIEW arrives, before the log is whole",
        (
            Edit(
                VIEW_CHANGE,
                "    if message.first_op_number > replica.commit_number + 1:\n"
                "        state_transfer.ask(replica, source)\n",
                "    if message.first_op_number > replica.commit_number + 1:\n"
                "        replica.set_last_normal_view(message.view_number)\n"
                "        state_transfer.ask(replica, source)\n",
            ),
            ADMIT_ANY_LAST_NORMAL_VIEW,
        ),
    ),
    Mutation(
        "suffix-from-above-commit",
        "S",
        "DO_VIEW_CHANGE starts above commit_number + 1, the hole is filled from own entries",
        (
            Edit(
                VIEW_CHANGE,
                "    first_op_number = replica.commit_number + 1\n    return DoViewChange(",
                "    first_op_number = max(replica.commit_number + 1, replica.op_number)\n"
                "    return DoViewChange(",
            ),
            Edit(
                VIEW_CHANGE,
                "        if log.first_op_number > replica.commit_number + 1:\n",
                "        if log.first_op_number > replica.log.op_number + 1:\n",
            ),
            Edit(
                VIEW_CHANGE,
                "    first_op_number = replica.commit_number + 1\n    replica.replace_log(",
                "    first_op_number = max(replica.commit_number + 1, log.first_op_number)\n"
                "    replica.replace_log(",
            ),
            ADMIT_ANY_SUFFIX,
        ),
    ),
    Mutation(
        "own-suffix-never-trusted",
        "S",
        "the new primary cuts its own entries though its DO_VIEW_CHANGE is the best",
        (
            Edit(
                VIEW_CHANGE,
                "    commit_up_to(replica, max(log.commit_number for log in logs.values()))\n",
                "    if best == replica.name:\n"
                "        replica.replace_log(replica.commit_number + 1, ())\n"
                "    commit_up_to(\n"
                "        replica,\n"
                "        min(replica.op_number, max(log.commit_number for log in logs.values())),\n"
                "    )\n",
            ),
        ),
    ),
    Mutation(
        "view-forgotten-by-restart",
        "S",
        "a restarted replica begins in view 0 again",
        (
            Edit(
                REPLICA,
                "        self.view_number = durable.view_number\n",
                "        self.view_number = durable.last_normal_view\n",
            ),
        ),
    ),
    Mutation(
        "restart-as-normal",
        "S",
        "a replica that was in a view change comes back in normal status",
        (
            Edit(
                REPLICA,
                "        if self.last_normal_view < self.view_number:\n",
                "        self.last_normal_view = self.view_number\n"
                "        if self.last_normal_view < self.view_number:\n",
            ),
        ),
    ),
)

STATE_TRANSFER_MUTATIONS = (
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
        "a replica in a view change tells its uncommitted entries (VRR 5.2)",
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
                REPLICA,
                "not isinstance(message, Request | GetState)",
                "not isinstance(message, Request | GetState | NewState)",
            ),
        ),
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
        "a replica in a view change takes and commits all that NEW_STATE tells",
        (
            Edit(
                STATE_TRANSFER,
                "in message.entries[known_count:committed_count]:",
                "in message.entries[known_count:]:",
            ),
        ),
    ),
)

EXACTLY_ONCE_MUTATIONS = (
    Mutation(
        "only-executed-are-known",
        "S",
        "a request in the log, not yet executed, is logged again and executes twice (VRR 4.1)",
        (
            Edit(
                NORMAL_OPERATION,
                "    if key in replica.in_log or replica.client_table",
                "    if replica.client_table",
            ),
            Edit(
                EXECUTION,
                "    known = replica.client_table.look_up(client, request_number)\n",
                "    known = None\n",
            ),
            Edit(
                CLIENT_TABLE,
                '        assert request_number not in replies, "a request is executed once '
                '(VRR 4.1)"\n',
                "",
            ),
        ),
    ),
    Mutation(
        "deduplicated-where-it-arrived",
        "S",
        "a new primary does not know what it inherited, and execution does not look",
        (
            Edit(
                NORMAL_OPERATION,
                "    replica.in_log = {(entry.client, entry.request_number) for entry in "
                "uncommitted}\n",
                "",
            ),
            Edit(
                EXECUTION,
                "    known = replica.client_table.look_up(client, request_number)\n",
                "    known = None\n",
            ),
            Edit(
                CLIENT_TABLE,
                '        assert request_number not in replies, "a request is executed once '
                '(VRR 4.1)"\n',
                "",
            ),
        ),
    ),
    Mutation(
        "last-reply-for-all",
        "S",
        "an older number gets the newest reply",
        (
            Edit(
                CLIENT_TABLE,
                "            return recorded\n",
                "            return known.replies[max(known.replies)]\n",
            ),
        ),
    ),
    Mutation(
        "older-is-repeated",
        "S",
        "a request older than the newest executed one is taken for a repeated one",
        (
            Edit(
                CLIENT_TABLE,
                "        return FORGOTTEN if request_number <= known.forgotten_number else None\n",
                "        newest = max(known.replies)\n"
                "        return known.replies[newest] if request_number < newest else None\n",
            ),
        ),
    ),
    Mutation(
        "window-forgets-and-executes",
        "S",
        "a request older than the window executes",
        (
            Edit(
                CLIENT_TABLE,
                "        return FORGOTTEN if request_number <= known.forgotten_number else None\n",
                "        return None\n",
            ),
        ),
    ),
    Mutation(
        "eviction-by-local-order",
        "S",
        "each replica forgets the client that it has not heard of for longest: states part",
        (
            Edit(
                CLIENT_TABLE,
                "        recorded = known.replies.get(request_number)\n",
                "        self._clients[client] = self._clients.pop(client)\n"
                "        recorded = known.replies.get(request_number)\n",
            ),
        ),
    ),
    Mutation(
        "number-without-client",
        "S",
        "requests are known by their number alone",
        (
            Edit(
                CLIENT_TABLE,
                "        known = self._clients.get(client)\n",
                '        known = self._clients.get("")\n',
            ),
            Edit(
                CLIENT_TABLE,
                "        known = self._clients.pop(client, None)\n",
                '        client = ""\n        known = self._clients.pop(client, None)\n',
            ),
        ),
    ),
    Mutation(
        "new-name-on-each-hop",
        "S",
        "forwarding gives the request another identity",
        (
            Edit(
                FORWARDING,
                "tuple(requests[key].entry for key in",
                "tuple(requests[key].entry._replace(client=replica.name) for key in",
            ),
        ),
    ),
    Mutation(
        "sure-of-the-unsure",
        "S",
        "a definite error for a request that was sent on",
        (
            Edit(
                FORWARDING,
                "    for key, waiting in list(replica.held.items()):\n",
                "    for key, waiting in list({**replica.sent, **replica.held}.items()):\n",
            ),
            Edit(
                FORWARDING,
                "        del replica.held[key]\n",
                "        replica.held.pop(key, None)\n        replica.sent.pop(key, None)\n",
            ),
        ),
    ),
    Mutation(
        "held-though-sent-on",
        "S",
        "a request that was sent on still counts as held, and is refused for certain",
        (
            Edit(
                FORWARDING,
                "        entry = requests.pop(key).entry\n",
                "        entry = requests[key].entry\n",
            ),
        ),
    ),
)

CATALOGUE = (
    *NORMAL_OPERATION_MUTATIONS,
    *VIEW_CHANGE_MUTATIONS,
    *STATE_TRANSFER_MUTATIONS,
    *EXACTLY_ONCE_MUTATIONS,
)


def find(name: str) -> Mutation:
    """Return the mutation of that name; raises KeyError."""
    return {mutation.name: mutation for mutation in CATALOGUE}[name]
