"""The faults of a run: planned from the seed, carried out, and measured."""
