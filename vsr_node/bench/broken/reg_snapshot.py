#!/usr/bin/env python3
"""A lie: snapshot isolation is sold as serializability, on registers."""

from small_transactions import SnapshotIsolation

if __name__ == "__main__":
    SnapshotIsolation().run()
