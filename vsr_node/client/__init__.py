"""Clients of a group: the session without I/O, and what drives it over TCP."""
