"""The machine of a member's data, in a file beside its journal.

Another machine would misread the journal's operations. One that has all commands of the old one,
with the same types, goes on with its data; further commands do no harm.
"""

import json
from pathlib import Path

from vsr_node.machines.errors import VsrError
from vsr_node.machines.identity import digests_of
from vsr_node.machines.typed import Machine
from vsr_node.storage.files import replace_text


class WrongMachineError(VsrError, ValueError):
    """The data are another machine's."""


def claim(path: Path, machine: type[Machine]) -> None:
    """Note that the data beside ``path`` are this machine's. Raises WrongMachineError, OSError."""
    own = {"machine": machine.__name__, "commands": digests_of(machine)}
    text = json.dumps(own, indent=1, sort_keys=True) + "\n"
    if path.exists():
        known = path.read_text(encoding="utf-8")
        if known == text:
            return
        _assert_goes_on(path, known, machine)
    replace_text(path, text)


def _assert_goes_on(path: Path, text: str, machine: type[Machine]) -> None:
    try:
        known = json.loads(text)
        name, commands = str(known["machine"]), dict(known["commands"])
    except (ValueError, KeyError, TypeError) as error:
        raise WrongMachineError(f"{path} does not name the machine of its data: {error}") from None
    if name != machine.__name__:
        raise WrongMachineError(
            f"the data in {path.parent} are of the machine {name}, not {machine.__name__}:"
            " name another folder"
        )
    own = digests_of(machine)
    changed = sorted(each for each, digest in commands.items() if own.get(each) != digest)
    if changed:
        raise WrongMachineError(
            f"the data in {path.parent} hold operations of a {name} whose {', '.join(changed)} had"
            " other types: a command that was used must stay as it is"
        )
