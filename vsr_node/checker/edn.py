"""A reader of EDN (https://github.com/edn-format/edn) as Clojure prints it.

Maps become dicts, vectors, lists and sets lists, keywords ``Keyword``, and a tagged element the
element alone. Symbols, ratios, infinities and what Clojure prints of other objects become text.
Map keys that are not text become their JSON text, and those of a namespaced map get its namespace.
"""

import re
from bisect import bisect_right
from collections.abc import Iterator

from vsr_node.checker.history import Json, canonical_text

DEPTH_MAX = 64
"""How deep collections may nest. Deeper text is refused before it can exhaust Python's stack."""


class EdnError(ValueError):
    """The text is not EDN."""

    def __init__(self, message: str, line: int) -> None:
        super().__init__(message)
        self.line = line
        """The line of the text where it goes wrong, counted from 1."""


class Keyword(str):
    """A keyword such as ``:read``, as the text ``read``."""

    __slots__ = ()


_TOKEN = re.compile(
    r"""(?:[\s,]|;[^\n]*)*(?:
        (?P<atom>[^\s,;"()\[\]{}\\\#^][^\s,;"()\[\]{}\\]*)
      | (?P<open>\#\{|[(\[{])
      | (?P<close>[)\]}])
      | (?P<string>\#?"(?:[^"\\]|\\.)*")
      | (?P<character>\\(?:u[0-9a-fA-F]{4}|o[0-7]{1,3}|[a-z]+|.))
      | (?P<discard>\#_)
      | (?P<metadata>\#?\^)
      | (?P<namespace>\#::?[^\s,;"()\[\]{}\\]*(?=[\s,]*\{))
      | (?P<unreadable>\#<[^\n>]*>)
      | (?P<constant>\#\#-?[A-Za-z]+|\#'[^\s,;"()\[\]{}\\]+)
      | (?P<tag>\#[A-Za-z][^\s,;"()\[\]{}\\]*)
      | (?P<end>\Z)
    )""",
    re.VERBOSE | re.DOTALL,
)
_INTEGER = re.compile(r"[+-]?(?:0x[0-9a-fA-F]+|\d+)N?\Z")
_RATIO = re.compile(r"[+-]?\d+/\d+\Z")
_FLOAT = re.compile(r"[+-]?\d+(?:\.\d*)?(?:[eE][+-]?\d+)?M?\Z")
_ESCAPE = re.compile(r"\\(u[0-9a-fA-F]{4}|.)", re.DOTALL)
_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "b": "\b", "f": "\f", '"': '"', "\\": "\\"}
_CHARACTERS = {
    "newline": "\n",
    "space": " ",
    "tab": "\t",
    "return": "\r",
    "backspace": "\b",
    "formfeed": "\f",
}
_CODE = re.compile(r"(?:u[0-9a-fA-F]{4}|o[0-7]{1,3})\Z")
_CLOSERS = {"(": ")", "[": "]", "{": "}", "#{": "}"}
_CONSTANTS: dict[str, Json] = {"nil": None, "true": True, "false": False}


def read_form(text: str) -> Json:
    """Return the one element of a text. Raises EdnError."""
    reader = _Reader(text)
    element = reader.element(0)
    if reader.next_token() is not None:
        raise EdnError("more than one element", 1)
    return element


def read_first_form(text: str) -> tuple[Json, str]:
    """Return the first element of a text, and the text after it. Raises EdnError."""
    reader = _Reader(text)
    return reader.element(0), reader.rest()


def read_records(text: str) -> Iterator[tuple[int, Json]]:
    """Yield the elements of a text, and of a vector or list around them, with their lines.

    Raises EdnError.
    """
    reader = _Reader(text)
    wrapper = ""
    while (token := reader.next_token()) is not None:
        kind, start, content = token
        if kind in ("discard", "metadata"):
            reader.element(0)
        elif content in ("[", "(") and not wrapper:
            wrapper = content
        elif wrapper and content == _CLOSERS[wrapper]:
            wrapper = ""
        else:
            yield reader.line(start), reader.form(kind, start, content, 0)
    if wrapper:
        raise EdnError(f"{wrapper} is never closed", reader.line(len(text)))


class _Reader:
    def __init__(self, text: str) -> None:
        self._text = text
        self._place = 0
        self._newlines = [match.start() for match in re.finditer("\n", text)]

    def line(self, place: int) -> int:
        return bisect_right(self._newlines, place) + 1

    def rest(self) -> str:
        return self._text[self._place :]

    def next_token(self) -> tuple[str, int, str] | None:
        """Return the kind, place and text of the next token, None at the end of the text."""
        match = _TOKEN.match(self._text, self._place)
        if match is None or match.lastgroup is None:
            raise self._error("this is not EDN", self._place)
        self._place = match.end()
        kind = match.lastgroup
        return None if kind == "end" else (kind, match.start(kind), match[kind])

    def element(self, depth: int) -> Json:
        """Return the next element, which must be there."""
        if depth > DEPTH_MAX:
            raise self._too_deep(self._place)
        while True:
            token = self.next_token()
            if token is None:
                raise self._error("the text ends in the middle of an element", len(self._text))
            kind, start, content = token
            if kind not in ("discard", "metadata"):
                return self.form(kind, start, content, depth)
            self.element(depth + 1)

    def form(self, kind: str, start: int, content: str, depth: int) -> Json:
        """Return the element that begins with the given token."""
        if depth > DEPTH_MAX:
            raise self._too_deep(start)
        if kind == "atom":
            return self._atom(content, start)
        if kind == "open":
            return self._collection(content, start, depth)
        if kind == "string":
            return self._string(content, start)
        if kind == "tag":
            return self.element(depth + 1)
        if kind == "character":
            return self._character(content, start)
        if kind == "namespace":
            return self._namespaced(content.lstrip("#:"), depth)
        if kind in ("constant", "unreadable"):
            return content
        raise self._error(f"{content} closes nothing", start)

    def _collection(self, opener: str, start: int, depth: int) -> Json:
        items: list[Json] = []
        while True:
            token = self.next_token()
            if token is None:
                raise self._error(f"{opener} is never closed", start)
            kind, place, content = token
            if kind == "close":
                if content != _CLOSERS[opener]:
                    raise self._error(f"{opener} is closed by {content}", place)
                break
            if kind in ("discard", "metadata"):
                self.element(depth + 1)
            else:
                items.append(self.form(kind, place, content, depth + 1))
        if opener == "{":
            return self._map(items, start)
        return sorted(items, key=canonical_text) if opener == "#{" else items

    def _map(self, items: list[Json], start: int) -> dict[str, Json]:
        if len(items) % 2:
            raise self._error("a map has a key without a value", start)
        pairs = zip(items[::2], items[1::2], strict=True)
        return {key if isinstance(key, str) else canonical_text(key): value for key, value in pairs}

    def _namespaced(self, namespace: str, depth: int) -> Json:
        element = self.element(depth + 1)
        assert isinstance(element, dict)  # the token ends where a map begins
        return {
            key if "/" in key or not isinstance(key, Keyword) else f"{namespace}/{key}": value
            for key, value in element.items()
        }

    def _atom(self, content: str, start: int) -> Json:
        if content in _CONSTANTS:
            return _CONSTANTS[content]
        if content[0] == ":" and len(content) > 1:
            return Keyword(content[1:])
        try:
            if _INTEGER.match(content):
                return int(content.removesuffix("N"), 16 if "x" in content else 10)
            if _FLOAT.match(content):
                return float(content.removesuffix("M"))
        except ValueError as error:  # Python limits the digits of an integer.
            raise self._error(str(error), start) from None
        if content == ":" or (content[0].isdigit() and not _RATIO.match(content)):
            raise self._error(f"{content[:40]} is not EDN", start)
        return content

    def _string(self, content: str, start: int) -> str:
        def unescape(match: re.Match[str]) -> str:
            escape = match[1]
            if escape[0] == "u" and len(escape) == 5:
                return chr(int(escape[1:], 16))
            if escape not in _ESCAPES:
                raise self._error(f"\\{escape} is not an escape in a string", start)
            return _ESCAPES[escape]

        if content[0] == "#":  # a regular expression
            return content
        return _ESCAPE.sub(unescape, content[1:-1]) if "\\" in content else content[1:-1]

    def _character(self, content: str, start: int) -> str:
        name = content[1:]
        if name in _CHARACTERS:
            return _CHARACTERS[name]
        if _CODE.match(name):
            return chr(int(name[1:], 16 if name[0] == "u" else 8))
        if len(name) != 1:
            raise self._error(f"{content} is not a character", start)
        return name

    def _too_deep(self, place: int) -> EdnError:
        return self._error(f"elements nest deeper than {DEPTH_MAX}", place)

    def _error(self, message: str, place: int) -> EdnError:
        return EdnError(message, self.line(place))
