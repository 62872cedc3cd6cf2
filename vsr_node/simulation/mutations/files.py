"""The files that mutations edit, and edits that several of them share."""

from vsr_node.simulation.patching import Edit

LEADING = "leading.py"
FOLLOWING = "following.py"
VOTING = "voting.py"
VIEW_CHANGE = "view_change.py"
STATE_TRANSFER = "state_transfer.py"
CHECKPOINT = "checkpoint.py"
RECOVERY = "recovery.py"
FORWARDING = "forwarding.py"
WAITING = "waiting.py"
EXECUTION = "execution.py"
CLIENT_TABLE = "client_table.py"
SESSIONS = "sessions.py"
QUORUM_READ = "quorum_read.py"
REPLICA = "replica.py"
MEMBERSHIP = "membership.py"
CHANGE = "change.py"
RECONFIGURATION = "reconfiguration.py"
STANDBY = "standby.py"
TRUST = "trust.py"
SESSION = "session.py"

# Several mutations make messages that the core would refuse at its border as impossible, or a state
# that an assertion of the core ends. The check is taken away with them, so that the protocol itself
# has to be seen to break.
ADMIT_ANY_LAST_NORMAL_VIEW = (
    Edit(
        VIEW_CHANGE,
        "    if message.last_normal_view >= message.view_number:\n",
        "    if message.last_normal_view > message.view_number:\n",
    ),
    Edit(
        REPLICA,
        "            assert self.last_normal_view < self.view_number,",
        "            assert self.last_normal_view <= self.view_number,",
    ),
)
ADMIT_ANY_SUFFIX = Edit(
    VIEW_CHANGE,
    "    if message.first_op_number != message.commit_number + 1:\n",
    "    if message.first_op_number <= message.commit_number:\n",
)
KEY_VALUE = "key_value.py"
COLLECTION = "collection.py"
LOGS = "logs.py"
PAGES = "pages.py"
