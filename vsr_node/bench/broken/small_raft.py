"""An honest Raft: leaders are elected, the log is replicated, and followers forward requests.

Its argument names the folder where each node keeps its term, vote, log and snapshot. Without one it
keeps them in memory. It writes without a flush: data survive when the process is killed, but not
always when the machine loses power.
"""

import json
import random
import sys
import time
from pathlib import Path
from typing import Any, BinaryIO

from small_node import TEMPORARILY_UNAVAILABLE, Body, Data, SmallNode, execute

Entry = list[Any]
"""A term, a client and its request; the first entry of a leader has no request."""
RequestId = tuple[str, int]

HEARTBEAT_S = 0.05
SILENCE_S = 0.3
"""A follower waits once to twice as long for its leader."""
RESEND_S = 0.15
PATIENCE_S = 1.0
ENTRIES_KEPT = 10
"""When the log is longer, a snapshot takes the place of what was done."""
ENTRIES_FOR_OTHERS = 20
"""The same while the leader knows of a follower that lacks some of it."""


class Raft(SmallNode):
    """A replica of the key-value store."""

    def __init__(self) -> None:
        super().__init__()
        self.role = "follower"
        self.leader: str | None = None
        self.term = 0
        self.vote: str | None = None
        self.log: list[Entry] = []
        self.base, self.base_term = 0, 0  # The last entry that the snapshot has.
        self.commit = 0  # All entries up to here are done, too.
        self.data: Data = {}
        self.done: dict[str, tuple[int, Body]] = {}  # By client.
        self.votes: set[str] = set()
        self.next: dict[str, int] = {}
        self.match: dict[str, int] = {}
        self.round = 0
        self.rounds: dict[str, int] = {}  # The newest round that each node has confirmed.
        self.first = 0  # The first entry of this leader.
        self.reads: list[tuple[int, str, Body]] = []
        self.forwarders: dict[RequestId, str] = {}
        self.appended: set[RequestId] = set()  # By this leader, and not done yet.
        self.waiting: dict[RequestId, tuple[float, Body]] = {}
        self.election_at = 0.0
        self.file: BinaryIO | None = None

    def start(self) -> None:
        """Read what an earlier process of this node has written, and begin."""
        if len(sys.argv) > 1:
            path = Path(sys.argv[1]) / f"{self.name}.jsonl"
            path.parent.mkdir(parents=True, exist_ok=True)
            lines = path.read_bytes().splitlines(keepends=True) if path.exists() else []
            whole = [line for line in lines if line.endswith(b"\n")]
            for line in whole:
                self.restore(*json.loads(line))
            self.file = path.open("ab", buffering=0)
            self.file.truncate(sum(map(len, whole)))
        self.wait_for_leader()
        self.every(HEARTBEAT_S, self.beat)
        self.every(RESEND_S, self.resend)

    # The disk

    def restore(self, kind: str, *saved: Any) -> None:
        """Do what a line on disk says."""
        if kind == "promise":
            self.term, self.vote = saved
        elif kind == "snapshot":
            self.install(*saved)
        else:
            index, entries = saved
            self.log[index - self.base - 1 :] = entries

    def save(self, *line: Any) -> None:
        """Write a line to disk. Messages leave only after it."""
        if self.file is not None:
            self.file.write(json.dumps(line).encode() + b"\n")

    def save_promise(self) -> None:
        """Write term and vote to disk."""
        self.save("promise", self.term, self.vote)

    # The log

    @property
    def last(self) -> int:
        """The index of the last entry; that of the first one is 1."""
        return self.base + len(self.log)

    def term_at(self, index: int) -> int:
        """Return the term of an entry that is in the log, or the last one of the snapshot."""
        term: int = self.base_term if index == self.base else self.log[index - self.base - 1][0]
        return term

    def extend(self, index: int, entries: list[Entry]) -> None:
        """Put entries into the log from an index on, in place of all that was there.

        Among honest nodes none of those was done. A mistaken one does others in their place.
        """
        self.commit = min(self.commit, index - 1)
        self.log[index - self.base - 1 :] = entries
        self.save("entries", index, entries)

    def do_until(self, index: int) -> None:
        """Do all entries up to an index. The leader answers the clients."""
        for number in range(self.commit + 1, index + 1):
            _, client, request = self.log[number - self.base - 1]
            self.commit = number
            if request is not None:
                self.waiting.pop((client, request["msg_id"]), None)
                self.appended.discard((client, request["msg_id"]))
                reply = self.do(client, request)
                if self.role == "leader" and reply is not None:
                    self.answer(client, request, reply)
        all_have_it = self.role != "leader" or min(self.match.values(), default=0) >= self.commit
        if len(self.log) > (ENTRIES_KEPT if all_have_it else ENTRIES_FOR_OTHERS):
            snapshot = self.snapshot()
            self.install(*snapshot, self.log[self.commit - self.base :])
            self.save("snapshot", *snapshot, self.log)

    def do(self, client: str, request: Body) -> Body | None:
        """Do a request once; return its reply, None if the client has gone on since."""
        number, reply = self.done.get(client, (0, {}))
        if request["msg_id"] > number:
            number, reply = request["msg_id"], execute(self.data, request)
            self.done[client] = number, reply
        return reply if number == request["msg_id"] else None

    def snapshot(self) -> tuple[int, int, Data, dict[str, tuple[int, Body]]]:
        """Return index and term of the last entry that was done, and what all of them came to."""
        return self.commit, self.term_at(self.commit), self.data, self.done

    def install(self, base: int, term: int, data: Data, done: Any, log: list[Entry]) -> None:
        """Begin with a snapshot, and the log after it."""
        self.base, self.base_term, self.commit = base, term, base
        self.data, self.done, self.log = dict(data), dict(done), log

    # Elections

    def is_majority(self, count: int) -> bool:
        """Return whether so many nodes are a majority."""
        return 2 * count > len(self.node_ids)

    def wait_for_leader(self) -> None:
        """Wait a random time before the next election."""
        self.election_at = time.monotonic() + random.uniform(1, 2) * SILENCE_S

    def follow(self, term: int, leader: str | None) -> None:
        """Be a follower in this term, which may be the present one."""
        if term > self.term:
            self.term, self.vote = term, None
            self.save_promise()
        if self.role == "leader":
            self.wait_for_leader()
        self.role, self.leader = "follower", leader

    def beat(self) -> None:
        """Send the log as the leader, or begin an election after a silence."""
        if self.role == "leader":
            self.replicate()
        elif time.monotonic() > self.election_at:
            self.follow(self.term + 1, None)
            self.role, self.vote, self.votes = "candidate", self.name, {self.name}
            self.save_promise()
            self.wait_for_leader()
            last = [self.term_at(self.last), self.last]
            self.broadcast({"type": "ask_vote", "term": self.term, "last": last})
            self.count_votes()

    def is_up_to_date(self, last: list[int]) -> bool:
        """Return whether a log that ends with this term and index has all that this one has."""
        return last >= [self.term_at(self.last), self.last]

    def on_ask_vote(self, source: str, body: Body) -> None:
        """Vote once a term, for a log that has all that this one has."""
        if body["term"] > self.term:
            self.follow(body["term"], None)
        granted = body["term"] == self.term and self.vote in (None, source)
        if granted and self.is_up_to_date(body["last"]):
            self.vote = source
            self.save_promise()
            self.wait_for_leader()
            self.send(source, {"type": "vote", "term": self.term})

    def on_vote(self, source: str, body: Body) -> None:
        """Count a vote."""
        if self.role == "candidate" and body["term"] == self.term:
            self.votes.add(source)
            self.count_votes()

    def count_votes(self) -> None:
        """Lead if a majority votes for this node."""
        if self.is_majority(len(self.votes)):
            self.role, self.leader = "leader", self.name
            self.next = dict.fromkeys(self.peers, self.last + 1)
            self.match = dict.fromkeys(self.peers, 0)
            self.rounds = dict.fromkeys(self.peers, 0)
            self.round, self.reads, self.forwarders, self.appended = 0, [], {}, set()
            self.begin_term()
            self.resend()

    def begin_term(self) -> None:
        """Append an entry of the own term: only with it are those of earlier terms committed."""
        self.first = self.last + 1
        self.append("", None)

    # Replication

    def append(self, client: str, request: Body | None) -> None:
        """Append an entry as the leader."""
        self.extend(self.last + 1, [[self.term, client, request]])
        self.replicate()

    def replicate(self) -> None:
        """Send each follower what it lacks, or an empty message."""
        for peer in self.peers:
            self.send_entries(peer)
        self.advance()

    def send_entries(self, peer: str) -> None:
        """Send a follower all entries from its next one on, or a snapshot if they are gone."""
        before = self.next[peer] - 1
        body = {"term": self.term, "round": self.round, "commit": self.commit}
        if before < self.base:
            self.send(peer, {"type": "snapshot", "snapshot": self.snapshot(), **body})
            return
        entries = self.log[before - self.base :]
        place = {"before": before, "before_term": self.term_at(before), "entries": entries}
        self.send(peer, {"type": "append", **place, **body})

    def on_append(self, source: str, body: Body) -> None:
        """Take entries from the leader if they fit, and do those that are committed."""
        if body["term"] < self.term:
            return
        self.hear_leader(source, body["term"])
        before, before_term, entries = body["before"], body["before_term"], body["entries"]
        if before < self.base:  # The snapshot has some of them.
            entries = entries[self.base - before :]
            before, before_term = self.base, self.base_term
        if before > self.last or self.term_at(before) != before_term:
            self.confirm(source, body, fits=False, index=min(before - 1, self.last))
            return
        for place, (term, *_) in enumerate(entries):
            index = before + place + 1
            if index > self.last or self.term_at(index) != term:
                self.extend(index, entries[place:])
                break
        index = body["before"] + len(body["entries"])
        self.do_until(max(self.commit, min(body["commit"], index)))
        self.confirm(source, body, fits=True, index=index)

    def on_snapshot(self, source: str, body: Body) -> None:
        """Take a snapshot from the leader if it has more than was done here."""
        if body["term"] >= self.term:
            self.hear_leader(source, body["term"])
            base, term, data, done = body["snapshot"]
            if base > self.commit:
                self.install(base, term, data, done, [])
                self.save("snapshot", base, term, data, done, [])
            self.confirm(source, body, fits=True, index=base)

    def hear_leader(self, leader: str, term: int) -> None:
        """Follow a leader, and send it what waits if it is a new one."""
        is_new = self.leader != leader or term > self.term
        self.follow(term, leader)
        self.wait_for_leader()
        if is_new:
            self.resend()

    def confirm(self, leader: str, body: Body, *, fits: bool, index: int) -> None:
        """Tell the leader up to where the log is like its own, or where it may begin to be."""
        answer = {"term": self.term, "round": body["round"], "fits": fits, "index": index}
        self.send(leader, {"type": "confirm", **answer})

    def on_confirm(self, source: str, body: Body) -> None:
        """Take note of how far a follower is."""
        if self.role != "leader" or body["term"] != self.term:
            return
        self.rounds[source] = max(self.rounds[source], body["round"])
        if body["fits"]:
            self.match[source] = max(self.match[source], body["index"])
            self.next[source] = max(self.next[source], self.match[source] + 1)
        else:
            self.next[source] = max(self.match[source], body["index"]) + 1
            self.send_entries(source)
        self.advance()

    def advance(self) -> None:
        """Commit what a majority has, and answer the reads that a majority has confirmed."""
        index = sorted([self.last, *self.match.values()])[(len(self.node_ids) - 1) // 2]
        if index > self.commit and self.may_commit(index):
            self.do_until(index)
        confirmed = sorted([self.round, *self.rounds.values()])[(len(self.node_ids) - 1) // 2]
        if self.may_read():
            ready = [read for read in self.reads if read[0] <= confirmed]
            self.reads = self.reads[len(ready) :]
            for _, client, request in ready:
                self.answer(client, request, execute(self.data, request))

    def may_commit(self, index: int) -> bool:
        """Return whether an entry that a majority has is committed: only those of the own term."""
        return self.term_at(index) == self.term

    def may_read(self) -> bool:
        """Return whether the leader has done all that was committed before its term."""
        return self.commit >= self.first

    # Clients

    def on_request(self, client: str, request: Body) -> None:
        """Serve a request, forward it, or refuse it while no leader is known."""
        if self.leader is None:
            error = {"type": "error", "code": TEMPORARILY_UNAVAILABLE, "text": "no leader"}
            self.reply(client, request, error)
            return
        self.waiting[client, request["msg_id"]] = time.monotonic() + PATIENCE_S, request
        self.pursue(client, request)

    on_read = on_write = on_cas = on_request

    def pursue(self, client: str, request: Body) -> None:
        """Serve a request as the leader, or forward it."""
        if self.role == "leader":
            self.serve(client, request)
        elif self.leader is not None:
            self.send(self.leader, {"type": "forward", "client": client, "request": request})

    def resend(self) -> None:
        """Pursue what waits, and forget what has waited for too long."""
        now = time.monotonic()
        self.waiting = {each: wait for each, wait in self.waiting.items() if wait[0] > now}
        for (client, _), (_, request) in list(self.waiting.items()):
            self.pursue(client, request)

    def on_forward(self, source: str, body: Body) -> None:
        """Serve a request for a follower."""
        if self.role == "leader":
            self.forwarders[body["client"], body["request"]["msg_id"]] = source
            self.serve(body["client"], body["request"])

    def serve(self, client: str, request: Body) -> None:
        """Append a change to the log, once. For a read, ask whether this node leads still."""
        request_id = client, request["msg_id"]
        number, reply = self.done.get(client, (0, {}))
        if request["type"] != "read":
            if request["msg_id"] == number:
                self.answer(client, request, reply)
            elif request["msg_id"] > number and request_id not in self.appended:
                self.appended.add(request_id)
                self.append(client, request)
        else:
            self.round += 1
            self.reads.append((self.round, client, request))
            self.replicate()

    def answer(self, client: str, request: Body, reply: Body) -> None:
        """Send the reply, by the node that has forwarded the request."""
        forwarder = self.forwarders.pop((client, request["msg_id"]), None)
        if forwarder is None:
            self.waiting.pop((client, request["msg_id"]), None)
            self.reply(client, request, reply)
        else:
            body = {"client": client, "request": request, "reply": reply}
            self.send(forwarder, {"type": "answer", **body})

    def on_answer(self, source: str, body: Body) -> None:
        """Send the client the leader's answer."""
        del source
        self.waiting.pop((body["client"], body["request"]["msg_id"]), None)
        self.reply(body["client"], body["request"], body["reply"])
