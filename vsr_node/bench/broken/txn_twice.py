#!/usr/bin/env python3
"""A lie: a transaction that the network repeats is done once more."""

from does_it_twice import DoesItTwice

if __name__ == "__main__":
    DoesItTwice().run()
