"""Machines to begin with."""
