"""Mutations of the client table and of forwarding (VRR 4.1)."""

from vsr_node.simulation.mutations.files import (
    CLIENT_TABLE,
    FORWARDING,
    LEADING,
    WAITING,
)
from vsr_node.simulation.patching import Edit, Mutation

MUTATIONS = (
    Mutation(
        "only-executed-are-known",
        "S",
        "a request in the log, not yet executed, is logged again and executes twice (VRR 4.1)",
        (
            Edit(
                LEADING,
                "            in_log.get(key, 0) <= commit_number\n            and look_up",
                "            look_up",
            ),
            Edit(
                CLIENT_TABLE,
                "            recorded = known.replies.get(request_number)\n"
                "            if recorded is not None:\n"
                "                return _if_of(recorded, operation)\n"
                "            if request_number <= known.forgotten_number:\n"
                "                return FORGOTTEN\n",
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
                LEADING,
                "in_log={(client, number): op_number for op_number, (client, number, _) in "
                "uncommitted}",
                "in_log={}",
            ),
            Edit(
                CLIENT_TABLE,
                "            recorded = known.replies.get(request_number)\n"
                "            if recorded is not None:\n"
                "                return _if_of(recorded, operation)\n"
                "            if request_number <= known.forgotten_number:\n"
                "                return FORGOTTEN\n",
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
                "            return _if_of(recorded, operation)\n        return FORGOTTEN",
                "            return known.replies[max(known.replies)]\n        return FORGOTTEN",
            ),
            Edit(
                CLIENT_TABLE,
                "                return _if_of(recorded, operation)\n",
                "                return known.replies[max(known.replies)]\n",
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
            Edit(
                CLIENT_TABLE,
                "            if request_number <= known.forgotten_number:\n"
                "                return FORGOTTEN\n",
                "            newest = max(known.replies)\n"
                "            if request_number < newest:\n"
                "                return known.replies[newest]\n",
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
            Edit(
                CLIENT_TABLE,
                "            if request_number <= known.forgotten_number:\n"
                "                return FORGOTTEN\n",
                "",
            ),
        ),
        rare="a request must come again when 50 or more later ones of its client were executed",
    ),
    Mutation(
        "eviction-by-local-order",
        "S",
        "each replica forgets the client that it has not heard of for longest: states part",
        (
            Edit(
                CLIENT_TABLE,
                "            return None\n        recorded = ",
                "            return None\n"
                "        self._clients[client] = self._clients.pop(client)\n"
                "        recorded = ",
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
                "        known = self._clients.get(client)\n"
                "        if known is None:\n            return None\n",
                '        known = self._clients.get("")\n'
                "        if known is None:\n            return None\n",
            ),
            Edit(
                CLIENT_TABLE,
                "        known = clients.get(client)\n",
                '        client = ""\n        known = clients.get(client)\n',
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
                "tuple(entries[start : start + BATCH_MAX])",
                "tuple(\n"
                "                (replica.name, *entry[1:])\n"
                "                for entry in entries[start : start + BATCH_MAX]\n"
                "            )",
            ),
        ),
    ),
    Mutation(
        "sure-of-the-unsure",
        "S",
        "a definite error for a request that was sent on",
        (
            Edit(
                WAITING,
                "    for key, request in list(held.items()):\n",
                "    for key, request in list({**replica.waiting.sent, **held}.items()):\n",
            ),
            Edit(
                WAITING,
                "        del held[key]\n        replica.refuse",
                "        held.pop(key, None)\n"
                "        replica.waiting.sent.pop(key, None)\n"
                "        replica.refuse",
            ),
        ),
    ),
    Mutation(
        "held-though-sent-on",
        "S",
        "a request that was sent on still counts as held, and is refused for certain",
        (
            Edit(
                WAITING,
                "            request = held.pop(key, None) or sent.pop(key)\n",
                "            request = held.get(key) or sent[key]\n"
                "            sent.pop(key, None)\n",
            ),
            Edit(WAITING, "        held.clear()\n", ""),
        ),
    ),
    Mutation(
        "given-up-though-logged",
        "S",
        "as the process ends, what stands in the own log is refused as never executed",
        (
            Edit(
                WAITING,
                "    _notice_logged(replica)\n    for key in replica.waiting.held:\n",
                "    for key in replica.waiting.held:\n",
            ),
        ),
    ),
    Mutation(
        "refused-though-logged",
        "S",
        "where too much waits, what stands in the own log is refused as never executed",
        (
            Edit(
                WAITING,
                "    elif any(_is_copy(logged, request.entry) for logged in "
                "_uncommitted(replica)):\n",
                "    elif key in sent:\n",
            ),
        ),
        rare="too much must wait while a request of the log is asked for again",
    ),
)
