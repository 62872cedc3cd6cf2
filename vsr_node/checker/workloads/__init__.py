"""Judges of Maelstrom's workloads other than lin-kv, a file for each kind of object."""
