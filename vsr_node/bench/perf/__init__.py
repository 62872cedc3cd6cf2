"""`bench perf`: how much load a group bears, beside what Python and the pipes would allow.

- `load` asks: closed loop (each client asks again once it is answered) or open loop (requests are
  due at a rate, whatever comes back);
- `cells` says which loads there are, and what is measured under each;
- `subjects` says who bears them: the node with several sets of options, other binaries, and the
  yardsticks, bare nodes that show the limits;
- `measuring` starts each subject's group in turn and puts it under each load;
- `usage` reads a process' CPU time and memory;
- `figures` puts each figure beside that of the yardsticks; `table` and `plot` show them.

All goes through the network of `bench test`: the figures are those of nodes under Maelstrom's
protocol, not of a protocol of their own.
"""
