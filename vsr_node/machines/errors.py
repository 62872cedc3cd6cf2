"""What a call can end with, other than its result; see docs/EMBEDDING.md, "What can go wrong"."""


class VsrError(Exception):
    """Any error of this library that reaches a client."""


class NotExecuted(VsrError):  # noqa: N818
    """The call was surely not executed, and never will be."""


class BadArguments(NotExecuted, TypeError):  # noqa: N818
    """The arguments are not those of the command; nothing was sent."""


class CommandFailed(VsrError):  # noqa: N818
    """The command raised an exception that is no ``CommandError``, at every member the same.

    The argument is the name of the exception's type. What the command had changed stays changed.
    """


class CommandError(Exception):
    """An error that is a result: subclass it, and the client raises the same class.

    Its arguments travel with it: texts, numbers, booleans, None, and lists and dicts of these.
    """


class DivergenceError(VsrError):
    """A member's state is not what the others have from the same log: the machine is not a
    function of its operations.
    """
