#!/usr/bin/env python3
"""A lie: an id is the node's name and a count, which begins at 1 again after a kill."""

from small_workloads import AllStore

if __name__ == "__main__":
    AllStore().run()
