"""Mutations of the client table and of forwarding (VRR 4.1)."""

from vsr_node.simulation.mutations.files import (
    CLIENT_TABLE,
    FORWARDING,
    NORMAL_OPERATION,
)
from vsr_node.simulation.patching import Edit, Mutation

MUTATIONS = (
    Mutation(
        "only-executed-are-known",
        "S",
        "a request in the log, not yet executed, is logged again and executes twice (VRR 4.1)",
        (
            Edit(
                NORMAL_OPERATION,
                "        if key not in replica.in_log and replica.client_table",
                "        if replica.client_table",
            ),
            Edit(
                CLIENT_TABLE,
                "            recorded = known.replies.get(request_number)\n"
                "            if recorded is not None:\n"
                "                return recorded\n"
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
                NORMAL_OPERATION,
                "    replica.in_log = {(client, request_number) for client, request_number, _ in "
                "uncommitted}\n",
                "",
            ),
            Edit(
                CLIENT_TABLE,
                "            recorded = known.replies.get(request_number)\n"
                "            if recorded is not None:\n"
                "                return recorded\n"
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
                "            return recorded\n        return FORGOTTEN",
                "            return known.replies[max(known.replies)]\n        return FORGOTTEN",
            ),
            Edit(
                CLIENT_TABLE,
                "                return recorded\n",
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
                "[requests[key].entry for key in",
                "[(replica.name, *requests[key].entry[1:]) for key in",
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
                "        waiting = requests.pop(key)\n",
                "        waiting = requests[key]\n",
            ),
        ),
    ),
)
