#!/usr/bin/env python3
"""An honest node: the first one keeps all data, the others forward to it."""

from small_node import Store

if __name__ == "__main__":
    Store().run()
