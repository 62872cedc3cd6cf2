"""What clients ask, in operations of the machine, and its results as replies; a file a workload.

A successful reply has exactly the fields of Maelstrom's schema: it rejects any other field as
malformed. The workloads' tables are put together in ``table``; ``codec`` reads what other replicas
send.
"""
