"""The faults of a run: planned from the seed, carried out, and held against what they met."""
