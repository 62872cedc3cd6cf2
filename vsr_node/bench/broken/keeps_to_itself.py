#!/usr/bin/env python3
"""A lie: each node acknowledges what it is handed, and hands nothing on."""

from small_workloads import SetReplica

if __name__ == "__main__":
    SetReplica().run()
