#!/usr/bin/env python3
"""A lie: an append sets the whole list as it was on arrival, so the last one wins."""

from small_transactions import Optimistic

if __name__ == "__main__":
    Optimistic().run()
