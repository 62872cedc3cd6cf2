"""Mutations of the view change (VRR 4.2)."""

from vsr_node.simulation.mutations.files import (
    ADMIT_ANY_LAST_NORMAL_VIEW,
    ADMIT_ANY_SUFFIX,
    FOLLOWING,
    LEADING,
    MEMBERSHIP,
    REPLICA,
    VIEW_CHANGE,
    VOTING,
)
from vsr_node.simulation.patching import Edit, Mutation

MUTATIONS = (
    Mutation(
        "longest-log-wins",
        "S",
        "the best DO_VIEW_CHANGE is chosen by op_number alone (VRR 4.2)",
        (
            Edit(
                VIEW_CHANGE,
                "key=lambda name: (logs[name].last_normal_view, last_op_number(logs[name])))",
                "key=lambda name: last_op_number(logs[name]))",
            ),
        ),
        rare="an old log must be longer than the newest one as a view begins",
    ),
    Mutation(
        "newest-view-only",
        "S",
        "the best DO_VIEW_CHANGE is chosen by last_normal_view alone (VRR 4.2)",
        (
            Edit(
                VIEW_CHANGE,
                "key=lambda name: (logs[name].last_normal_view, last_op_number(logs[name])))",
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
            *ADMIT_ANY_LAST_NORMAL_VIEW,
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
                "    if replica.is_primary:\n        _start_view(replica, changing)\n",
                "    if replica.is_primary:\n"
                "        if changing.is_due:\n"
                '            replica.__dict__.setdefault("own", []).append(replica.view_number)\n'
                "        _start_view(replica, changing)\n",
            ),
            Edit(
                VIEW_CHANGE,
                "    if len(logs) < replica.membership.quorum:\n",
                '    own_count = replica.__dict__.get("own", []).count(replica.view_number)\n'
                "    count = len(changing.logs) + max(1, own_count)\n"
                "    if count < replica.membership.quorum:\n",
            ),
        ),
        rare="the new primary must repeat its own before others report, and lack what they have",
    ),
    Mutation(
        "votes-of-another-view",
        "S",
        "DO_VIEW_CHANGEs of different views make one quorum",
        (
            Edit(VIEW_CHANGE, "Changing())", 'Changing(replica.__dict__.setdefault("logs", {})))'),
            Edit(
                VIEW_CHANGE,
                "        impossible=_impossible_do_view_change,\n",
                "        impossible=_impossible_do_view_change,\n"
                "        is_served_in_any_view=True,\n",
            ),
        ),
        rare="a DO_VIEW_CHANGE must outlive its view, and its sender have logged more since",
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
        rare="the new primary must have entries of its own that another view replaced",
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
                "            replace_uncommitted(replica, message)\n"
                "            replica.status = Status.VIEW_CHANGE\n"
                "            begin_role(replica)\n"
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
                "    if message.first_op_number > replica.commit_number + 1:\n",
                "    if replica.status is Status.NORMAL:\n"
                "        if message.first_op_number <= replica.commit_number + 1:\n"
                "            replace_uncommitted(replica, message)\n"
                "        return\n"
                "    if message.first_op_number > replica.commit_number + 1:\n",
            ),
            Edit(
                VIEW_CHANGE,
                "Hearing(on_start_view, (Status.VIEW_CHANGE,),",
                "Hearing(on_start_view, (Status.VIEW_CHANGE, Status.NORMAL),",
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
                "    last = max(last_op_number(log), replica.commit_number)\n"
                "    surplus = replica.log.suffix(last + 1)\n"
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
                FOLLOWING,
                "\n\nHEARS: ",
                "\n\n"
                "def acknowledge_late(replica: Replica, source: str, message: Prepare) -> None:\n"
                "    if (\n"
                "        replica.last_normal_view == message.view_number\n"
                "        and message.first_op_number == replica.op_number + 1\n"
                "    ):\n"
                "        replica.append(message.entries)\n"
                "        answer = PrepareOk(\n"
                "            message.view_number, replica.op_number, message.sent_at\n"
                "        )\n"
                "        replica.send((source,), answer)\n"
                "    else:\n"
                "        send_view(replica, source, message)\n"
                "\n\nHEARS: ",
            ),
            Edit(
                FOLLOWING,
                "        on_prepare, (Status.NORMAL,), "
                "impossible=impossible_of_primary, of_older_view=send_view\n",
                "        on_prepare, (Status.NORMAL,), "
                "impossible=impossible_of_primary, of_older_view=acknowledge_late\n",
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
                "        self._note_primary()\n        self._view_changed = True\n",
                "        self._note_primary()\n",
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
                FOLLOWING,
                "        message = PrepareOk(replica.view_number, replica.log.op_number, "
                "following.echo_due)\n",
                "        op_number = replica.log.op_number\n"
                "        if op_number <= replica.inherited_op_number:\n"
                "            op_number = replica.commit_number\n"
                "        message = PrepareOk(replica.view_number, op_number, following.echo_due)\n",
            ),
        ),
    ),
    Mutation(
        "view-change-never-escalates",
        "L",
        "a view change to a dead primary waits for ever (VRR 4.2)",
        (
            Edit(
                VOTING,
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
                "    if replica.changing is not None:\n        replica.changing.is_due = True\n",
                "    if replica.now < 0:\n        replica.changing.is_due = True\n",
            ),
        ),
        rare="the one message that is lost must be of a view change that nothing else helps along",
    ),
    Mutation(
        "deposes-a-healthy-primary",
        "L",
        "replicas that hear their primary join a vote against it (Raft's pre-vote)",
        (
            Edit(
                VOTING,
                "    if not replica.timers.is_running(Timer.VOTE):\n        return\n",
                "",
            ),
        ),
        rare="a deaf outsider must vote in the time in which the quorum is watched",
    ),
    Mutation(
        "enters-view-alone",
        "L",
        "a replica that misses its primary enters the next view at once, and draws the others",
        (
            Edit(
                VOTING,
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
                VOTING,
                "    if replica.peers:\n        vote(replica)\n",
                "    if replica.peers and not replica.is_serving_primary:\n        vote(replica)\n",
            ),
        ),
        rare="the primary must be the outsider, and deaf",
    ),
    Mutation(
        "stopped-primary-resends",
        "L",
        "PREPAREs and COMMITs go on without a quorum",
        (
            Edit(
                LEADING,
                "    if leading is None or not replica.peers or not replica.is_serving_primary:\n"
                "        return\n    watched",
                "    if leading is None or not replica.peers:\n        return\n    watched",
            ),
        ),
        rare="the primary must be the outsider, and deaf",
    ),
    Mutation(
        "stopped-primary-never-votes",
        "L",
        "a primary that hears no quorum stops, and does not help to choose another",
        (
            Edit(
                VOTING,
                "    replica.send(_electorate(replica), message)\n",
                "    if replica.leading is None:\n"
                "        replica.send(_electorate(replica), message)\n",
            ),
            Edit(
                VOTING,
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
                VOTING,
                "replica.now - moment < replica.time_out for moment in",
                "moment < 1 << 62 for moment in",
            ),
        ),
        rare="single votes must add up in the time in which the quorum is watched",
    ),
    Mutation(
        "votes-pass-each-other",
        "L",
        "a vote does not tell its sender's view: two views vote past each other for ever",
        (
            Edit(
                REPLICA,
                "                message.current_view_number\n                if isinstance",
                "                self.view_number\n                if isinstance",
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
            *ADMIT_ANY_LAST_NORMAL_VIEW,
        ),
        rare="START_VIEW must leave a hole, and its view must end before that is filled",
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
        rare="the new primary must have entries of its own that another view replaced",
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
    Mutation(
        "farewell-of-another-view",
        "L",
        "a farewell is believed whatever view it is of, and backups vote without a reason",
        (
            Edit(
                VOTING,
                "Hearing(on_farewell, (Status.NORMAL,), impossible=_impossible_farewell)",
                "Hearing(\n"
                "        on_farewell,\n"
                "        (Status.NORMAL,),\n"
                "        impossible=_impossible_farewell,\n"
                "        is_served_in_any_view=True,\n"
                "    )",
            ),
        ),
    ),
    Mutation(
        "few-ever-lead",
        "L",
        "the view number chooses among the first members, so a group whose first"
        " members are away never serves",
        (
            Edit(
                MEMBERSHIP,
                "view_number % VIEWS_PER_EPOCH % len(self.members)",
                "view_number % VIEWS_PER_EPOCH % max(1, self.failures_max)",
            ),
        ),
    ),
)
