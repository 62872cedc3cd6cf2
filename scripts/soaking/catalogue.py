"""The catalogue of small bugs that named tests must notice, by folder (``mutants``)."""

from typing import NamedTuple

from vsr_node.simulation.patching import Edit, Mutation


class GuardedMutation(NamedTuple):
    """A mutation of one file, and the files of the tests of which one must fail."""

    folder: str
    mutation: Mutation
    tests: tuple[str, ...]

    @property
    def file(self) -> str:
        """The file that it edits."""
        return self.mutation.edits[0].file


def _in_core(name: str, file: str, why: str, old: str, new: str, *tests: str) -> GuardedMutation:
    return _in("vsr_node/core", name, file, why, old, new, *(f"core/{test}" for test in tests))


def _in_storage(name: str, file: str, why: str, old: str, new: str, *tests: str) -> GuardedMutation:
    return _in(
        "vsr_node/storage", name, file, why, old, new, *(f"storage/{test}" for test in tests)
    )


def _in_maelstrom(
    name: str, file: str, why: str, old: str, new: str, *tests: str
) -> GuardedMutation:
    return _in(
        "vsr_node/maelstrom", name, file, why, old, new, *(f"maelstrom/{test}" for test in tests)
    )


def _in(
    folder: str, name: str, file: str, why: str, old: str, new: str, *tests: str
) -> GuardedMutation:
    mutation = Mutation(name, "S", why, (Edit(file, old, new),))
    return GuardedMutation(folder, mutation, tuple(f"tests/{test}.py" for test in tests))


CORE = (
    _in_core(
        "time-out-not-adopted",
        "following.py",
        "a backup keeps its own time-out, not the one that the primary has measured",
        "        replica.time_out = message.time_out\n",
        "",
        "test_timers",
        "test_voting",
    ),
    _in_core(
        "held-timer-stopped",
        "replica.py",
        "a view change stops the time after which held requests are refused",
        "stop_all_but(Timer.HELD, Timer.READ, Timer.EPOCH)",
        "stop_all_but(Timer.READ, Timer.EPOCH)",
        "test_held",
    ),
    _in_core(
        "least-recent-by-admission",
        "client_table.py",
        "the client that came first is forgotten, however often it has executed since",
        "            del clients[client]\n",
        "",
        "test_client_table",
    ),
    _in_core(
        "views-far-ahead-believed",
        "admission.py",
        "a message of any view makes a replica enter it",
        "    if why is None and view_number > replica.view_number + VIEWS_AHEAD_MAX:\n",
        "    if why is None and view_number < 0:\n",
        "test_admission",
    ),
    _in_core(
        "strangers-are-heard",
        "admission.py",
        "a message from outside the group counts",
        "    if source not in replica.peers:\n",
        '    if source == "":\n',
        "test_admission",
    ),
    _in_core(
        "time-out-never-grows",
        "view_change.py",
        "view changes that fail do not make replicas more patient",
        "min(replica.time_out + replica.time_out // 2, TIME_OUT_MAX)",
        "replica.time_out",
        "test_timers",
        "test_voting",
    ),
    _in_core(
        "results-of-any-size",
        "client_table.py",
        "results that are large together stay in the client table",
        "        while known.size > REPLIES_SIZE_MAX:\n",
        "        while known.size < 0:\n",
        "test_client_table",
        "test_sizes",
    ),
    _in_core(
        "one-primary-for-all-reads",
        "quorum_read.py",
        "in larger groups the primary is asked first on behalf of every read",
        "peers.insert(0 if replica.membership.quorum == 2 else len(peers), replica.primary)",
        "peers.insert(0, replica.primary)",
        "test_peers_to_ask",
    ),
    _in_core(
        "replaced-and-not-saved",
        "replica.py",
        "entries that are replaced in the turn in which later ones were appended are not saved",
        "        if self._log_changed_from is None or first_op_number < self._log_changed_from:\n",
        "        if self._log_changed_from is None:\n",
        "test_older_news",
    ),
    _in_core(
        "read-nonces-begin-anew",
        "replica.py",
        "each incarnation counts its READs from 0, so answers to an earlier one count",
        "quorum_read.Reads(random.getrandbits(quorum_read.NONCE_BITS))",
        "quorum_read.Reads(0)",
        "test_older_news",
    ),
    _in_core(
        "transfer-forgets-progress",
        "state_transfer.py",
        "a transfer that takes longer than a time-out begins anew although chunks arrive",
        "    incoming.heard_at = replica.now\n",
        "",
        "test_slow_transfers",
    ),
    _in_core(
        "forgets-in-order-of-arrival",
        "client_table.py",
        "the window forgets what was executed first, not the lowest numbers",
        "        numbers = sorted(self.replies)[:count]\n",
        "        numbers = list(self.replies)[:count]\n",
        "test_client_table",
    ),
    _in_core(
        "restored-without-the-forgotten",
        "client_table.py",
        "a restored client table does not know what was forgotten, and executes it again",
        "            known.forgotten_number = forgotten_number\n",
        "",
        "test_restored_table",
    ),
)

STORAGE = (
    _in_storage(
        "last-transaction-may-be-missing",
        "sqlite.py",
        "a database that lost its last transaction counts as whole",
        "        if known.mark.transaction > summary.transaction:\n",
        "        if known.mark.transaction > summary.transaction + 1:\n",
        "test_damage",
        "test_marks",
    ),
    _in_storage(
        "damaged-mark-shrugged-off",
        "sqlite.py",
        "a damaged mark in the machine's present run does not matter",
        "            return known.mark_is_whole\n",
        "            return True\n",
        "test_marks",
        "test_damage",
    ),
    _in_storage(
        "unflushed-survives-power",
        "sqlite.py",
        "a database that was never flushed counts as whole after a reboot",
        "        return known.header.flush is Flush.EVERYTHING and known.mark_is_known\n",
        "        return known.mark_is_known\n",
        "test_marks",
        "test_sqlite",
    ),
    _in_storage(
        "no-mark-needed",
        "sqlite.py",
        "after a reboot a database counts as whole, although no mark can be read",
        "        return known.header.flush is Flush.EVERYTHING and known.mark_is_known\n",
        "        return known.header.flush is Flush.EVERYTHING\n",
        "test_marks",
        "test_damage",
    ),
    _in_storage(
        "unflushed-promise-believed",
        "sqlite.py",
        "promises that were never flushed count after a reboot",
        "            header.flush is Flush.PROMISES or self._is_of_this_run(header)\n",
        "            header.flush is not None\n",
        "test_sqlite",
        "test_marks",
    ),
    _in_storage(
        "promise-of-the-database-alone",
        "sqlite.py",
        "the view is the database's, though the promise file promises more",
        "        view_number, last_normal_view = max(known.promise, _promise_of(summary))\n",
        "        view_number, last_normal_view = _promise_of(summary)\n",
        "test_sqlite",
        "test_marks",
    ),
    _in_storage(
        "promised-before-saved",
        "sqlite.py",
        "the mark is written before the transaction that it speaks of",
        "        summary = self._summary = self._database.save(self._summary, records)\n",
        "        following = self._summary.transaction + 1\n"
        "        self._promise_file.write_mark(Mark(following, self._message_id()))\n"
        "        summary = self._summary = self._database.save(self._summary, records)\n",
        "test_killed",
        "test_errors",
    ),
    _in_storage(
        "promises-not-flushed",
        "sqlite.py",
        "with promises alone to be flushed, none is",
        "            self._promise_file.flush()\n",
        "            pass\n",
        "test_power",
        "test_sqlite",
    ),
    _in_storage(
        "nothing-flushed-at-load",
        "sqlite.py",
        "a start relies on what an earlier one never flushed",
        "                flush_folder(self._folder)\n",
        "",
        "test_flushed_at_start",
    ),
    _in_storage(
        "names-not-flushed-at-load",
        "sqlite.py",
        "a start does not flush the names of folders that may be new",
        "                flush_names_above(self._folder)\n",
        "",
        "test_sqlite",
    ),
    _in_storage(
        "missing-promises-are-new",
        "sqlite.py",
        "a journal whose promise file is gone is that of a new replica",
        "            if self._files_of_databases():\n",
        "            if not self._folder.exists():\n",
        "test_damage",
        "test_sqlite",
    ),
    _in_storage(
        "one-group-is-like-another",
        "sqlite.py",
        "the journal of the same node in another group is taken",
        "        if (header.node, header.members) != (self._node, self._members):\n",
        "        if header.node != self._node:\n",
        "test_sqlite",
    ),
    _in_storage(
        "files-gone-unnoticed",
        "sqlite.py",
        "nobody looks whether the files of the journal are still there",
        "            self._watch.check()\n",
        "",
        "test_sqlite",
        "test_files",
    ),
    _in_storage(
        "message-ids-forgotten",
        "sqlite.py",
        "the highest message id of an earlier incarnation is not known",
        "        return 0 if self._known is None else self._known.mark.message_id\n",
        "        return 0\n",
        "test_sqlite",
        "test_marks",
    ),
    _in_storage(
        "replaced-and-gone",
        "sqlite.py",
        "what was replaced is not set aside",
        "        self._set_aside_all_but(self._database.path.stem)\n",
        "        for path in self._files_of_databases():\n"
        "            if not path.name.startswith(self._database.path.stem):\n"
        "                path.unlink()\n",
        "test_errors",
    ),
    _in_storage(
        "saves-on-after-an-error",
        "sqlite.py",
        "after an error the folder stays locked, and later turns are saved without this one",
        "        self._let_go()\n        if isinstance",
        "        if isinstance",
        "test_errors",
    ),
    _in_storage(
        "a-hole-behind-the-checkpoint",
        "trust.py",
        "entries that begin above the checkpoint are trusted, whatever lies between",
        "        and first_op_number <= checkpoint.op_number + 1\n",
        "",
        "test_conformance",
        "test_trust",
    ),
    _in_storage(
        "begins-with-the-damaged",
        "trust.py",
        "after a damaged entry that the checkpoint covers, the log begins with that entry",
        "*(op_number + 1 for op_number in covered)",
        "*covered",
        "test_trust",
    ),
    _in_storage(
        "executed-beyond-the-commit",
        "trust.py",
        "a checkpoint above the commit_number is trusted with its log",
        "        and checkpoint.op_number <= found.commit_number <= op_number\n",
        "        and found.commit_number <= op_number\n",
        "test_conformance",
        "test_trust",
    ),
)

MAELSTROM = (
    _in_maelstrom(
        "numbers-of-clients-alone",
        "node.py",
        "the ids of peers' messages are not recorded",
        "        elif message_id > self._message_id_max:\n",
        '        elif message_id > self._message_id_max and message["src"] not in '
        "self._peer_prefixes:\n",
        "test_message_ids",
    ),
    _in_maelstrom(
        "init-of-the-last-number",
        "data.py",
        "an init whose number was seen before belongs to the same test",
        "init_id <= storage.recorded_message_id",
        "init_id < storage.recorded_message_id",
        "test_message_ids",
    ),
    _in_maelstrom(
        "created-though-not-asked",
        "requests/lin_kv.py",
        "a cas creates a key that is not there",
        'body.get("create_if_not_exists", False)',
        'body.get("create_if_not_exists", True)',
        "test_what_clients_see",
    ),
    _in_maelstrom(
        "unknown-told-as-definite",
        "requests/table.py",
        "a request whose outcome is unknown is refused as never executed",
        "    Reason.OUTCOME_UNKNOWN: ErrorCode.CRASH,\n",
        "    Reason.OUTCOME_UNKNOWN: ErrorCode.TEMPORARILY_UNAVAILABLE,\n",
        "test_what_clients_see",
        "test_turns",
    ),
    _in_maelstrom(
        "ends-and-says-nothing",
        "node.py",
        "requests that wait are not answered as the process ends",
        "            self._member.give_up(self)\n",
        "",
        "test_what_clients_see",
        "test_turns",
    ),
    _in_maelstrom(
        "second-init-believed",
        "node.py",
        "a second init with other members is acknowledged",
        "        elif (name, processes) != (self._name, self._member.replica.processes):\n",
        "        elif name != self._name:\n",
        "test_what_clients_see",
    ),
    _in(
        "vsr_node/wire",
        "large-numbers-decoded",
        "json_body.py",
        "a message with a number that JSON readers may round is taken",
        "        and max(numbers) <= NUMBER_MAX\n",
        "",
        "wire/test_json_body",
    ),
    _in(
        "vsr_node/wire",
        "more-fields-decoded",
        "json_body.py",
        "a message with fields that it should not have is taken",
        "    if len(body) != 1 + len(values):\n",
        "    if len(body) < 1 + len(values):\n",
        "wire/test_json_body",
    ),
    _in(
        "vsr_node/wire",
        "clients-beyond-the-count-decoded",
        "json_body.py",
        "a chunk that begins behind the clients has its first parts taken for clients",
        "max(0, client_count - position)",
        "client_count",
        "wire/test_json_body",
    ),
    _in(
        "vsr_node/maelstrom",
        "keys-in-any-order",
        "json_text.py",
        "objects with the same members in another order are other keys",
        "orjson.dumps(value, option=orjson.OPT_SORT_KEYS)",
        "orjson.dumps(value)",
        "maelstrom/test_what_clients_see",
        "wire/test_json_body",
    ),
    _in(
        "vsr_node/cluster",
        "answered-though-not-saved",
        "member.py",
        "a turn whose records could not be saved is answered all the same",
        "                self.storage.save(records)\n",
        "                try:\n"
        "                    self.storage.save(records)\n"
        "                except Exception:\n"
        "                    pass\n",
        "maelstrom/test_data",
    ),
)

LINKS = (
    _in(
        "vsr_node/links",
        "relay-unbounded",
        "links.py",
        "a relay may visit a process twice",
        "        if len(set(to_come)) < len(to_come) or hop in relay.route:\n",
        "        if hop == relay.origin and hop in relay.route:\n",
        "links/test_links",
    ),
    _in(
        "vsr_node/links",
        "relayed-twice",
        "links.py",
        "what goes by way of others goes directly, too",
        "        direct = tuple(route[0] for route in routes if len(route) == 1)\n",
        "        direct = destinations\n",
        "links/test_links",
    ),
)

CATALOGUE = (*CORE, *STORAGE, *MAELSTROM, *LINKS)
