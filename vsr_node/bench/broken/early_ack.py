#!/usr/bin/env python3
"""A lie: the primary acknowledges before a quorum holds the operation, so a new one may lack it."""

from small_node import Failover

if __name__ == "__main__":
    Failover().run()
