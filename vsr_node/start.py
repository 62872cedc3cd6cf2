"""Programs of this package, isolated from the caller's folder and ``PYTHON*`` variables.

``python -m`` looks for modules in the caller's folder first, and PYTHONPATH adds more. A
``random.py`` there would end the bench with a traceback and exit status 1, which means *invalid*.
PYTHONOPTIMIZE would take the core's assertions away. Therefore every way in leads to

    python -I entry.py MODULE [ARGUMENT...]

``vsr`` and ``python -m vsr_node...`` (see ``__init__.py``) replace their process with it;
``run-vsr-node`` and ``scripts/vsr`` start it themselves. Until then only ``os`` and ``sys`` are
imported: Python has loaded both, so nothing can stand in for them.

Ctrl-C, SIGTERM and SIGHUP raise ``Stopped``. A program that does not catch it ends with one line.
"""

import os
import sys

EXIT_ERROR = 255
"""The exit status of an uncaught error. Python's own, 1, would be a verdict."""

EXIT_SIGNAL = 128
"""Plus the number of the signal that stopped a program: 130 for Ctrl-C, 143 for SIGTERM."""

_FOLDER = os.path.dirname(os.path.abspath(__file__))  # noqa: PTH100, PTH120  pathlib is not loaded
_ENTRY = f"{_FOLDER}/entry.py"


class Stopped(KeyboardInterrupt):
    """A signal asks the program to end."""

    def __init__(self, signal_number: int) -> None:
        super().__init__(signal_number)
        self.signal_number = signal_number


def isolated(module: str, *arguments: str) -> tuple[str, ...]:
    """Return the command that runs a module of this package isolated, from any folder."""
    return (sys.executable, "-I", _ENTRY, module, *arguments)


def isolated_script(path: str) -> tuple[str, ...]:
    """Return the command that runs a script isolated, but for the modules beside it."""
    return (sys.executable, "-Es", path)


NODE = isolated("vsr_node.maelstrom")
"""The command of this project's own node."""


def vsr() -> None:
    """Run the command ``vsr`` in place of this process. The installed script calls this."""
    os.execv(sys.executable, isolated("vsr_node", *sys.argv[1:]))


def restart_module() -> None:
    """Run the module of ``python -m MODULE`` isolated in place of this process, if it is ours."""
    module = sys.orig_argv[-len(sys.argv)].removeprefix("-m")
    if module.partition(".")[0] == "vsr_node":
        os.execv(sys.executable, isolated(module, *sys.argv[1:]))


def run_module() -> None:
    """Run the module that the command line names as the main program."""
    import runpy

    _raise_signals()
    del sys.argv[0]
    try:
        runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
    except KeyboardInterrupt as stop:
        _end_stopped(stop)
    except Exception:
        import traceback

        traceback.print_exc()
        print(f"{sys.argv[0]}: an error in this program; there is no verdict", file=sys.stderr)
        sys.exit(EXIT_ERROR)


def _raise_signals() -> None:
    """Let the signals that ask for the end raise ``Stopped``, except for those that are ignored."""
    import signal

    def stop(number: int, _frame: object) -> None:
        raise Stopped(number)

    for number in ending_signals():
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, stop)


def ending_signals() -> tuple[int, ...]:
    """Return the signals that ask for the end, as far as the system has them."""
    import signal

    names = ("SIGINT", "SIGTERM", "SIGHUP")
    return tuple(getattr(signal, name) for name in names if hasattr(signal, name))


def _end_stopped(stop: KeyboardInterrupt) -> None:
    """Print which signal stopped the program, and exit. A further signal changes nothing."""
    import signal

    number = stop.signal_number if isinstance(stop, Stopped) else signal.SIGINT
    for each in ending_signals():
        signal.signal(each, signal.SIG_IGN)
    print(f"stopped by {signal.Signals(number).name}", file=sys.stderr)
    sys.exit(EXIT_SIGNAL + number)
