"""Messages as bytes: their shapes, Maelstrom's JSON bodies, and the frames of TCP."""
