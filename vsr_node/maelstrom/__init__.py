"""The node: JSON lines on stdin and stdout, as Maelstrom speaks them (doc/protocol.md)."""
