#!/usr/bin/env python3
"""An honest node for every workload: the first one keeps all data, the others forward to it."""

from small_workloads import AllStore

if __name__ == "__main__":
    AllStore().run()
