#!/usr/bin/env python3
"""A lie: a message is acknowledged before another node holds it, so a new primary may lack it."""

from small_node import Body, Failover
from small_workloads import AllStore


class LogAcksEarly(Failover, AllStore):
    """Pushes all logs after the answer."""

    def push(self) -> None:
        """Send all logs to the backups."""
        self.data = {"logs": self.logs, "committed": self.committed}
        super().push()

    def on_heartbeat(self, source: str, body: Body) -> None:
        """Take the logs of a primary of this view or a newer one."""
        super().on_heartbeat(source, body)
        if self.data:
            self.logs, self.committed = self.data["logs"], self.data["committed"]


if __name__ == "__main__":
    LogAcksEarly().run()
