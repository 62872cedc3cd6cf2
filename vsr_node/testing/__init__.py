"""Tries of one's own machine under simulated faults, and a plugin for pytest."""
