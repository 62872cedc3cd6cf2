"""The shell: a group of real nodes on a simulated network, driven by hand, a line at a time."""

import os
import selectors
import tempfile
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import orjson

from vsr_node.bench.faults.by_hand import CommandError, require_node
from vsr_node.bench.faults.kinds import KINDS
from vsr_node.bench.nodes.links import LatencyDistribution
from vsr_node.bench.nodes.loop import NANOSECONDS_PER_MILLISECOND, NANOSECONDS_PER_SECOND
from vsr_node.bench.workloads.workload import Function, Workload
from vsr_node.bench.workshop.group import Asker, Body, Group

FAULTS = tuple(kind.by_hand for kind in KINDS if kind.by_hand is not None)

_HELP = f"""\
  ... @n1                   at the end: ask that node (n0)
  ... &                     at the very end: don't wait for the reply
send NODE BODY              send any body, a JSON object; it gets a msg_id
{"".join(fault.help for fault in FAULTS)}\
wait SECONDS                let time pass
messages on|off|asked       print all messages, none, or those while a reply is awaited (asked)
nodes                       print the state of the nodes, and the cuts
help, quit                  this text; the end (as at the end of the input)"""

PATIENCE_S = 2.0
INIT_S = 10.0
BODY_SHOWN_MAX = 100
FOREVER_S = 1e6
MODES = ("on", "off", "asked")

CLIENT = "c90"


def help_of(workload: type[Workload]) -> str:
    """Return the commands, with those of a workload's functions."""
    usages = [(_usage(function), function.about) for function in workload.requests()]
    return "\n".join([*(f"{usage:<27} {about}" for usage, about in usages), _HELP])


def _usage(function: Function) -> str:
    return " ".join([function.f, *(name.upper() for name in function.fields)])


class Shell:
    """One session. ``say`` prints lines for people; on a terminal it need not repeat the input."""

    def __init__(
        self,
        command: Sequence[str],
        names: Sequence[str],
        workload: type[Workload],
        latency: LatencyDistribution,
        say: Callable[[str], None],
        *,
        is_terminal: bool,
    ) -> None:
        self._is_terminal = is_terminal
        self._command = command
        self.names = tuple(names)
        self._workload = workload
        self._latency = latency
        self._say = say
        self._mode = "asked"
        self._awaiting = False
        self._lines: deque[str] = deque()
        self._input_ended = False
        self._watches_input = False
        self._partial = b""
        self._init_count = 0
        self._commands: Mapping[str, Callable[[list[str]], None]] = {
            **{function.f: self._ask for function in workload.requests()},
            "send": self._send,
            **{
                word: partial(command, self)
                for fault in FAULTS
                for word, command in fault.commands.items()
            },
            "wait": self._wait,
            "messages": self._messages,
            "nodes": self._nodes,
            "help": lambda words: self._say(help_of(workload)),
        }

    def run(self, input_descriptor: int, prompt: Callable[[], None]) -> None:
        """Start the group, and carry out lines until they end.

        ``prompt`` is called before each line. Raises OSError if the nodes can't be started.
        """
        with (
            tempfile.TemporaryDirectory(prefix="bench-shell-") as folder,
            Group(
                self._command,
                self.names,
                Path(folder),
                tell=self._say,
                printed=lambda node, line: None,
                journal=self._show,
                latency=self._latency,
            ) as self._group,
        ):
            self.network, self.nodes = self._group.network, self._group.nodes
            self._asker = Asker(CLIENT, self.network)
            self._init(self.names)
            self._watch(input_descriptor)
            prompt()
            while (line := self._next_line()) not in (None, "quit"):
                self._carry_out(line or "")
                prompt()

    def start_again(self, name: str) -> None:
        """Start a node that has ended, and init it."""
        self._group.start(name)
        self._init([name])

    def _init(self, names: Sequence[str]) -> None:
        asked = []
        self._awaiting = True
        for name in names:
            asker = Asker(f"c{self._init_count}", self.network)
            self._init_count += 1
            body = {"type": "init", "node_id": name, "node_ids": self.names}
            asked.append((asker, asker.ask(name, body)))
        self._group.wait(lambda: all(asker.replies[i] for asker, i in asked), INIT_S)
        self._awaiting = False

    # Input

    def _watch(self, descriptor: int) -> None:
        try:
            self._group.loop.watch(
                descriptor, selectors.EVENT_READ, lambda: self._on_input(descriptor)
            )
            self._watches_input = True
        except PermissionError:  # A file is always ready, and can't be watched.
            while not self._input_ended:
                self._on_input(descriptor)

    def _on_input(self, descriptor: int) -> None:
        data = os.read(descriptor, 1 << 16)
        *lines, self._partial = (self._partial + data).split(b"\n")
        if not data:
            lines = [self._partial] if self._partial else []
            self._partial = b""
            self._input_ended = True
            if self._watches_input:
                self._group.loop.forget(descriptor)
        self._lines += [line.decode(errors="replace").strip() for line in lines]

    def _next_line(self) -> str | None:
        self._group.wait(lambda: bool(self._lines) or self._input_ended, FOREVER_S)
        return self._lines.popleft() if self._lines else None

    def _carry_out(self, line: str) -> None:
        if not self._is_terminal:
            self._say(f"> {line}")
        words = line.split()
        if not words or words[0].startswith("#"):
            return
        command = self._commands.get(words[0])
        if command is None:
            self._say(f"there is no command {words[0]}; help lists them")
            return
        try:
            command(words)
        except CommandError as error:
            self._say(str(error))

    # Commands

    def _ask(self, words: list[str]) -> None:
        waits = words[-1] != "&"
        if not waits:
            words = words[:-1]
        node = self.names[0]
        if words[-1].startswith("@"):
            node = require_node(self, words[-1][1:])
            words = words[:-1]
        function = next(each for each in self._workload.requests() if each.f == words[0])
        if len(words) != len(function.fields) + 1:
            raise CommandError(_usage(function).replace(" ", " takes ", 1))
        fields = zip(function.fields, map(_value, words[1:]), strict=True)
        self._request(node, {"type": function.f, **dict(fields)}, waits)

    def _send(self, words: list[str]) -> None:
        """Send any body, or kafka's request of that name, which names no node in its place."""
        has_own = any(each.f == "send" for each in self._workload.requests())
        if has_own and words[1:2] != [] and words[1] not in self.names:
            self._ask(words)
            return
        if len(words) < 3:
            raise CommandError("send takes NODE BODY")
        body = _value(" ".join(words[2:]))
        if type(body) is not dict:
            raise CommandError("a body is a JSON object")
        self._request(require_node(self, words[1]), body, True)

    def _request(self, node: str, body: Body, waits: bool) -> None:
        begin = self._group.timers.now()
        self._awaiting = True
        msg_id = self._asker.ask(node, body)
        if not waits:
            self._group.wait(lambda: False, 0)
            return
        replies = self._asker.replies[msg_id]
        self._group.wait(lambda: bool(replies), PATIENCE_S)
        self._awaiting = False
        took_ms = (self._group.timers.now() - begin) / NANOSECONDS_PER_MILLISECOND
        if replies:
            body = {name: replies[0][1][name] for name in replies[0][1] if name != "in_reply_to"}
            self._say(f"= {_text(body)}  ({took_ms:.1f} ms)")
        else:
            self._say(f"= no reply within {PATIENCE_S:g} s")

    def _wait(self, words: list[str]) -> None:
        try:
            seconds = float(words[1])
        except (IndexError, ValueError):
            raise CommandError("wait takes SECONDS") from None
        self._awaiting = True
        self._group.wait(lambda: False, seconds)
        self._awaiting = False

    def _messages(self, words: list[str]) -> None:
        if len(words) != 2 or words[1] not in MODES:
            raise CommandError(f"messages takes one of {', '.join(MODES)}")
        self._mode = words[1]

    def _nodes(self, words: list[str]) -> None:
        del words
        for name in self.names:
            unheard = ", ".join(sorted(self.network.links.cuts.get(name, ())))
            text = f"; does not hear {unheard}" if unheard else ""
            self._say(f"{name}: {self._status(name)}{text}")

    def _status(self, name: str) -> str:
        node = self.nodes[name]
        node.poll()
        return "paused" if node.is_paused else node.status_text

    # Output

    def _show(self, sent: int, ended: int, fate: bytes, payload: bytes) -> None:
        """Print a message at the end of its way."""
        if self._mode == "off" or (self._mode == "asked" and not self._awaiting):
            return
        message = orjson.loads(payload)
        body = _text(message["body"])
        shown = body if len(body) <= BODY_SHOWN_MAX else f"{body[:BODY_SHOWN_MAX]}..."
        way = f"{message['src']} -> {message['dest']}"
        took_ms = (ended - sent) / NANOSECONDS_PER_MILLISECOND
        end = f"after {took_ms:.0f} ms" if fate == b"delivered" else fate.decode().upper()
        self._say(f"{ended / NANOSECONDS_PER_SECOND:9.3f} s  {way:<11} {shown}  {end}")


def _value(text: str) -> Any:
    """Return the value of a JSON text, or the text itself if it is not JSON."""
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        return text


def _text(value: Any) -> str:
    return orjson.dumps(value).decode()
