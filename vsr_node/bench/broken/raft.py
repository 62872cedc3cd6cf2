#!/usr/bin/env python3
"""An honest Raft."""

from small_raft import Raft

if __name__ == "__main__":
    Raft().run()
