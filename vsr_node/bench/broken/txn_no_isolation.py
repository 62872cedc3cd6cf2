#!/usr/bin/env python3
"""A lie: other transactions come between the operations of one."""

from small_transactions import NoIsolation

if __name__ == "__main__":
    NoIsolation().run()
