"""The protocol: pure, deterministic, without I/O. Start reading at ``replica.py``."""
