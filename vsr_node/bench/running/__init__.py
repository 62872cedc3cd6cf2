"""A test from start to end, and stored runs done once more."""
