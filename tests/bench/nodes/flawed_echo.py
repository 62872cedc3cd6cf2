"""An echo node, sound but for the flaw that its first argument names.

The second argument is a folder for the traces that some flaws leave. Only some flaws need the slow
imports, as a node has half a second to start in some tests.
"""

import json
import os
import sys
import time
from collections.abc import Callable

FOREVER_S = 60


class Request:
    def __init__(self, line: str) -> None:
        message = json.loads(line)
        self.client: str = message["src"]
        self.node: str = message["dest"]
        self.body: dict[str, object] = message["body"]

    def reply(self, type_: str, **fields: object) -> None:
        self.send(self.client, {"type": type_, "in_reply_to": self.body["msg_id"], **fields})

    def send(self, destination: str, body: dict[str, object]) -> None:
        message = {"src": self.node, "dest": destination, "body": body}
        print(json.dumps(message), flush=True)


Handler = Callable[[Request], None]


def init_ok(request: Request) -> None:
    request.reply("init_ok")


def echo_ok(request: Request) -> None:
    request.reply("echo_ok", echo=request.body["echo"])


def was_there_before(request: Request) -> bool:
    from pathlib import Path

    mark = Path(sys.argv[2]) / request.node
    before = mark.exists()
    mark.touch()
    return before


def damaged_when_back(request: Request) -> None:
    if was_there_before(request):
        sys.exit("my data are damaged")
    init_ok(request)


def silent_when_back(request: Request) -> None:
    if was_there_before(request):
        time.sleep(FOREVER_S)
    init_ok(request)


def ready(request: Request) -> None:
    print("Ready!")
    init_ok(request)


def logs(request: Request) -> None:
    print("up and well", file=sys.stderr)
    init_ok(request)


def no_disk(request: Request) -> None:
    del request
    sys.exit("no such disk")


def has_child(request: Request) -> None:
    import subprocess
    from pathlib import Path

    child = subprocess.Popen(["sleep", str(FOREVER_S)])
    with (Path(sys.argv[2]) / "pids").open("a") as file:
        file.write(f"{os.getpid()} {child.pid}\n")
    init_ok(request)


def unavailable_at_n0(request: Request) -> None:
    if request.node == "n0":
        request.reply("error", code=11)
    else:
        echo_ok(request)


def tells_n7(request: Request) -> None:
    request.send("n7", {})
    echo_ok(request)


def tells_c77(request: Request) -> None:
    request.send("c77", {"in_reply_to": request.body["msg_id"]})
    echo_ok(request)


def exits(request: Request) -> None:
    del request
    print("why I left", file=sys.stderr)
    sys.exit(3)


def endless_line(request: Request) -> None:
    piece = "x" * (1 << 20)
    for _ in range(100):
        sys.stdout.write(piece)
    print()
    echo_ok(request)


def logs_a_lot(request: Request) -> None:
    for _ in range(100):
        sys.stderr.write("y" * 20_000 + "\n")
    sys.stderr.write("and no end")
    sys.stderr.flush()
    echo_ok(request)


def closes_stdout(request: Request) -> None:
    del request
    os.close(1)
    time.sleep(FOREVER_S)


AT_INIT: dict[str, Handler] = {
    "damaged-when-back": damaged_when_back,
    "silent-when-back": silent_when_back,
    "ready": ready,
    "logs": logs,
    "no-disk": no_disk,
    "has-child": has_child,
    "never-answers": lambda request: time.sleep(FOREVER_S),
    "init-error": lambda request: request.reply("error", code=13),
    "init-extra": lambda request: request.reply("init_ok", extra=1),
}

AT_ECHO: dict[str, Handler] = {
    "unavailable-at-n0": unavailable_at_n0,
    "tells-n7": tells_n7,
    "tells-c77": tells_c77,
    "exits": exits,
    "closes-stdout": closes_stdout,
    "endless-line": endless_line,
    "logs-a-lot": logs_a_lot,
    "unavailable": lambda request: request.reply("error", code=11, text="not now"),
    "hello": lambda request: request.reply("echo_ok", echo="hello"),
    "echo-extra": lambda request: request.reply("echo_ok", echo=1, ms=3),
    "crashes": lambda request: os.kill(os.getpid(), 11),
}


def main() -> None:
    flaw = sys.argv[1] if len(sys.argv) > 1 else ""
    handlers = {"init": AT_INIT.get(flaw, init_ok), "echo": AT_ECHO.get(flaw, echo_ok)}
    for line in sys.stdin:
        request = Request(line)
        handlers[str(request.body["type"])](request)
    if flaw == "has-child":
        time.sleep(FOREVER_S)  # Its end is the bench's to bring about.


if __name__ == "__main__":
    main()
