"""The simulator: the protocol core under every fault, in virtual time, from one seed."""
