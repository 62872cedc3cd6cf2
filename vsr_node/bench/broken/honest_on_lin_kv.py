#!/usr/bin/env python3
"""An honest node for logs and transactions: all data are one text in lin-kv, changed by cas."""

import json

from small_node import KEY_DOES_NOT_EXIST, PRECONDITION_FAILED, Body
from small_workloads import AllStore, Asking

SERVICE = "lin-kv"
KEY = "state"


class OnLinKv(AllStore, Asking):
    """Each node serves its clients itself, from the state that it reads for each request."""

    def on_request(self, client: str, request: Body) -> None:
        """Read the state, and go on with it."""
        query = {"type": "read", "key": KEY}
        self.ask(SERVICE, query, lambda answer: self.on_state(client, request, answer))

    on_txn = on_send = on_poll = on_commit_offsets = on_list_committed_offsets = on_request

    def on_state(self, client: str, request: Body, answer: Body) -> None:
        """Do a request on the state just read; answer if that changes nothing, else try to set it.

        A request that the state already has may come from a repeated message: it gets no answer.
        """
        text = answer.get("value", "") if answer.get("code") != KEY_DOES_NOT_EXIST else ""
        state = json.loads(text or '{"done": {}, "data": [{}, {}, {}]}')
        done, data = state["done"], json.dumps(state["data"])
        if done.get(client, -1) >= request["msg_id"]:
            return
        self.logs, self.committed, self.registers = state["data"]
        reply = self.execute(client, request)
        changed = [self.logs, self.committed, self.registers]
        if json.dumps(changed) == data:
            self.reply(client, request, reply)
            return
        new = json.dumps({"done": done | {client: request["msg_id"]}, "data": changed})
        change = {"type": "cas", "key": KEY, "from": text, "to": new, "create_if_not_exists": True}
        self.ask(SERVICE, change, lambda outcome: self.on_outcome(client, request, reply, outcome))

    def on_outcome(self, client: str, request: Body, reply: Body, outcome: Body) -> None:
        """Answer if the state was set; begin anew if another node was faster."""
        if outcome["type"] == "cas_ok":
            self.reply(client, request, reply)
        elif outcome["code"] == PRECONDITION_FAILED:
            self.on_request(client, request)


if __name__ == "__main__":
    OnLinKv().run()
