"""The node: JSON lines on stdin and stdout in Maelstrom's protocol (doc/protocol.md)."""
