#!/usr/bin/env python3
"""A lie: backups answer reads of registers from a copy that comes too late."""

from small_transactions import StaleBackup

if __name__ == "__main__":
    StaleBackup().run()
