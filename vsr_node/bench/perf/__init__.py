"""``bench perf``: how much load a group bears, compared with what Python and the pipes allow.

- ``load`` sends requests: in closed loop (each client waits for a reply before its next request)
  or in open loop (requests are due at a rate, whatever comes back);
- ``cells`` lists the loads, and what is measured under each;
- ``subjects`` lists the programs: the node with several sets of options, other binaries, and the
  yardsticks, bare nodes that show the limits;
- ``measuring`` starts each subject's group in turn and puts it under each load;
- ``usage`` reads the CPU time and memory of a process;
- ``figures`` compares each figure with that of the yardsticks; ``table`` and ``plot`` draw them.

All goes through the network of ``bench test``: the figures are those of nodes under Maelstrom's
protocol, not of a protocol of their own.
"""
