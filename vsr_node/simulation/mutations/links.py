"""Mutations of the routes around cut links.

A hop that trusts any list, and a message that goes both directly and by way of others, break what
nobody in the simulator would notice. Tests of ``links`` alone do.
"""

from vsr_node.simulation.patching import Edit, Mutation

LINKS = "links.py"
MESSAGES = "messages.py"

MUTATIONS = (
    Mutation(
        "route-of-two-hops",
        "L",
        "at most one other process is on the way, so longer rings and chains fall apart",
        (
            Edit(
                LINKS,
                "                if process in heard and other not in routes:\n",
                "                if process in heard and other not in routes"
                " and len(routes[process]) < 2:\n",
            ),
        ),
        rare="a ring of four and more must stay; not seen in 120 seeds",
    ),
    Mutation(
        "nobody-wakes",
        "L",
        "who hears that something is amiss does not watch, so half of the ways stay unknown",
        (
            Edit(
                LINKS,
                "            if news.state != State.AMISS or not self._has_ways_around:\n",
                "            if news.rows:\n",
            ),
        ),
    ),
    Mutation(
        "rows-never-stale",
        "L",
        "a row that nobody repeats counts for ever, so messages go through the dead (Nifty)",
        (
            Edit(
                LINKS,
                "            and self.now - max(known.at, watch.fast_since) <= age_max\n",
                "            and age_max >= 0\n",
            ),
        ),
        rare="one that dies must be the only way around; not seen in 120 seeds",
    ),
    Mutation(
        "stamp-beats-restart",
        "L",
        "a lower stamp is refused although the known row is stale, and one's own is not taken up,"
        " so a process that restarted stays unknown",
        (
            Edit(
                LINKS,
                "            if known is None or known.stamp < stamp or process not in fresh:\n",
                "            if known is None or known.stamp < stamp:\n",
            ),
            Edit(
                LINKS,
                "                self._stamp = max(self._stamp, stamp)\n",
                "",
            ),
        ),
    ),
    Mutation(
        "hears-by-origin",
        "L",
        "a relayed message counts as hearing its origin directly, so a cut link is called good",
        (
            Edit(
                LINKS,
                "        self.waits.pop(frame.origin, None)\n",
                "        self.heard_at[frame.origin] = self.now\n"
                "        self.waits.pop(frame.origin, None)\n",
            ),
        ),
        rare="a cut must hide for longer than a view change takes to find a way around",
    ),
    Mutation(
        "hears-means-heard",
        "L",
        "the way to a process is taken as good because the way from it is (Cloudflare 2020)",
        (
            Edit(
                LINKS,
                "                if process in heard and other not in routes:\n",
                "                back = heard_by.get(process, self._heard(watch))\n"
                "                if (process in heard or other in back) and other not in routes:\n",
            ),
        ),
    ),
    Mutation(
        "relay-by-guess",
        "L",
        "a hop chooses the next by its own rows, not by the sender's list: loops while they differ",
        (
            Edit(
                LINKS,
                "        hop, *rest = relay.route\n",
                "        last = relay.route[-1]\n"
                "        routes = self._find_routes(self._watch) if self._watch else {}\n"
                "        hop, *rest = routes.get(last, relay.route)\n",
            ),
        ),
    ),
    Mutation(
        "origin-is-the-hop",
        "S",
        "a message counts as the last hop's: acknowledgements of one count for another",
        (Edit(LINKS, "return frame.origin, frame.body\n", "return hop, frame.body\n"),),
    ),
    Mutation(
        "watches-for-ever",
        "L",
        "nobody says that all is well again, so rows are sent for ever",
        (
            Edit(
                LINKS,
                "            state = State.DONE if watch.rounds >= ROUNDS_UNTIL_DONE else"
                " State.WHOLE\n",
                "            state = State.WHOLE\n",
            ),
        ),
    ),
    Mutation(
        "answers-are-missed",
        "L",
        "answers wait for an answer, so rows are sent although nothing fails",
        (
            Edit(
                MESSAGES,
                "        StartEpoch,\n        CatchUp,\n    }\n",
                "        StartEpoch,\n        CatchUp,\n        PrepareOk,\n        ReadOk,\n"
                "        NewState,\n    }\n",
            ),
        ),
        rare="only the rare seeds that are calm to the end can notice a needless message",
    ),
)
