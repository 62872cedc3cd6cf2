"""What a run stands on: real processes, the simulated network between them, and their clients."""
