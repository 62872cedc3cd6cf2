"""A Maelstrom-compatible bench: real processes, a simulated network, faults, and a verdict.

`python -m vsr_node.bench test -w lin-kv --bin BIN ...` starts the nodes, plays their clients and
their network, and judges what the clients saw. It runs in one thread:

- `loop` waits for the nodes' output and for the next timer, and hands both on;
- `processes` starts, pauses and ends nodes, reads their lines, writes theirs to them; `members` is
  all nodes of a test, also those that were killed and start again;
- `network` routes each line: latency, order of delivery, cuts, slow links, loss, duplication, and
  nodes that are down; `traffic` counts messages, `gauge` tells from that who leads;
- `clients` send one request at a time and know a reply from a late or a malformed one;
- `workers` decide when which operation begins (`workloads` say what it is) and write the history;
- `faults` plans all faults from the seed before the run; `nemesis` carries the plan out;
- `mistakes` says what a node did that the protocol forbids;
- `store`, `results`, `screen`, `console` keep and show what came of it;
- `runner` puts a test together and takes it from start to end.

`perf` measures throughput and latency instead, beside the bare nodes of `yardsticks`.
"""
