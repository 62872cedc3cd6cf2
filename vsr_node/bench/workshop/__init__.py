"""For people who write a node: the doctor, the shell, and the broken nodes of the self-test."""
