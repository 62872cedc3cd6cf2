"""A Maelstrom-compatible bench: real processes, a simulated network, faults, and a verdict.

``vsr bench test -w lin-kv --bin BIN ...`` starts the nodes, plays their clients and
their network, and judges what the clients saw. It runs in one thread:

- ``nodes``: what a run stands on: the processes, the network between them, their clients, and one
  loop that waits for output and for the next timer;
- ``workloads``: what clients ask, and what makes the answers right;
- ``faults``: planned from the seed before the run, carried out, and held against what they met;
- ``stored``: a run as data and as files;
- ``running``: a test from start to end, done once more, and shrunk;
- ``workshop``: for people who write a node; ``broken`` are the nodes that the bench is tried on;
- ``command_line``: the commands.

``perf`` measures throughput and latency instead, beside the bare nodes of ``yardsticks``.
"""
