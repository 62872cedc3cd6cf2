"""Content that is no history: what it is, and what is needed in its place."""

from vsr_node.checker.formats.jepsen_log import has_log_lines
from vsr_node.checker.formats.records import quoted
from vsr_node.checker.history import HistoryError

_SIGNATURES = (
    (b"\x1f\x8b", "this is compressed by gzip; unpack it and name the history in it"),
    (b"PK\x03\x04", "this is a zip archive; unpack it and name the history in it"),
    (b"BZh", "this is compressed by bzip2; unpack it and name the history in it"),
    (b"\xfd7zXZ", "this is compressed by xz; unpack it and name the history in it"),
    (b"\x28\xb5\x2f\xfd", "this is compressed by zstd; unpack it and name the history in it"),
    (b"JEPSEN", "this is Jepsen's test.jepsen, which is binary; history.edn beside it is needed"),
    (b"\x89PNG", "this is a picture; history.edn or history.jsonl is needed"),
    (b"SQLite format 3", "this is a database of SQLite; history.edn or history.jsonl is needed"),
    (b"\xff\xfe", "this is UTF-16; convert it to UTF-8"),
    (b"\xfe\xff", "this is UTF-16; convert it to UTF-8"),
)

_SAMPLED_BYTES = 8192
"""Binary data has a zero byte in its beginning; text never has one."""


def decoded(content: bytes) -> str:
    """Return content as text. Raises HistoryError if it is not text in UTF-8."""
    for signature, what in _SIGNATURES:
        if content.startswith(signature):
            raise HistoryError(what)
    if b"\0" in content[:_SAMPLED_BYTES]:
        raise HistoryError("this is binary data; a history is text")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise HistoryError(f"line {line}: this is not UTF-8") from None


def refusal(text: str) -> str:
    """Return what a text without an event is, and what is needed."""
    beginning = text.lstrip()[:1]
    if not beginning:
        return "the file is empty"
    if has_log_lines(text):
        return (
            "this is a log without operations, such as INFO  jepsen.util - 3 :invoke :write 1; "
            "history.edn beside it may have them"
        )
    if beginning == "<":
        return "this is a page or a picture; history.edn or history.jsonl is needed"
    first_line = text.lstrip().partition("\n")[0]
    return f"JSON Lines, EDN or Jepsen's log is needed, and this begins with {quoted(first_line)}"
