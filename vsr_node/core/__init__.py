"""The protocol: pure, deterministic, without I/O. Begin to read at ``replica.py``."""
