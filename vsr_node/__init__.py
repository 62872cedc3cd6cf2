"""Viewstamped Replication: a node for Jepsen Maelstrom, and the tools that try to break it."""

__version__ = "0.1.0"
