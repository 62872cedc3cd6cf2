"""The script that starts every program of this package; ``start`` says why.

    python -I entry.py MODULE [ARGUMENT...]

Python compiles a script anew each time, so all that can wait is in modules.

Where the locale's encoding is not UTF-8, the script starts itself once more in Python's UTF-8 mode:
a path may have any character, and is printed as it is.
"""

import os
import sys


def _restart_in_utf8_mode() -> None:
    """Start this process anew if the locale would refuse characters; else do nothing."""
    streams = (stream for stream in (sys.stdout, sys.stderr) if stream is not None)
    encodings = {sys.getfilesystemencoding(), *(stream.encoding for stream in streams)}
    if not sys.flags.utf8_mode and encodings != {"utf-8"}:
        os.execv(sys.executable, (sys.executable, "-X", "utf8", *sys.orig_argv[1:]))


def _find_package() -> None:
    """Import this very package, whatever else is installed; then look here last for the others."""
    root = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))  # noqa: PTH100, PTH120
    sys.path.insert(0, root)
    import vsr_node  # noqa: F401

    del sys.path[0]
    sys.path.append(root)


if __name__ == "__main__":
    _restart_in_utf8_mode()
    _find_package()
    from vsr_node.start import run_module

    run_module()
