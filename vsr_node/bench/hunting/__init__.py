"""The hunt: many short runs of different kinds, until one is invalid."""
