#!/usr/bin/env python3
"""A lie: a follower answers reads from its own data, which lag behind the leader's."""

from small_node import Body, execute
from small_raft import Raft


class LaggingReads(Raft):
    """Serves reads everywhere."""

    def on_read(self, client: str, request: Body) -> None:
        """Answer as a follower that knows a leader; else as all others do."""
        if self.role == "follower" and self.leader is not None:
            self.reply(client, request, execute(self.data, request))
        else:
            self.on_request(client, request)


if __name__ == "__main__":
    LaggingReads().run()
