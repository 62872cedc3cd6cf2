#!/usr/bin/env python3
"""Broken: the first node keeps all data in memory, and after a kill it serves as if it were new."""

from small_node import Store

if __name__ == "__main__":
    Store().run()
