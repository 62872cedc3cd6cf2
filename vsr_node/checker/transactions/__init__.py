"""Judges of transactions over lists and over registers, after Adya and Elle.

judgement = judge_list_append(events, Demands(("serializable",)))
print(judgement.valid, judgement.explanation)
"""

from vsr_node.checker.transactions.list_append import judge_list_append
from vsr_node.checker.transactions.rw_register import judge_rw_register

__all__ = ["judge_list_append", "judge_rw_register"]
