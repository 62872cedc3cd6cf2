"""A few pages over HTTP for those who watch a member: GET only, one answer a connection."""

import asyncio
from collections.abc import Callable

HEAD_BYTES_MAX = 4 << 10
HEAD_TIME_S = 5.0


class Http:
    """/livez, /readyz, /metrics and /status at an address. ``why_not_ready`` is empty if ready."""

    def __init__(
        self,
        address: str,
        why_not_ready: Callable[[], str],
        status: Callable[[], str],
        metrics: Callable[[], str],
    ) -> None:
        self._address = address
        self._why_not_ready = why_not_ready
        self._status = status
        self._metrics = metrics
        self._server: asyncio.Server | None = None

    async def start(self) -> None:
        """Listen. Raises OSError."""
        host, _, port = self._address.rpartition(":")
        self._server = await asyncio.start_server(
            self._serve, host.strip("[]"), int(port), limit=HEAD_BYTES_MAX
        )

    def stop(self) -> None:
        """Take no more connections."""
        if self._server is not None:
            self._server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), HEAD_TIME_S)
            status, kind, text = self._answer(head.split(b"\r\n", 1)[0].decode("latin-1"))
            body = text.encode()
            writer.write(
                f"HTTP/1.0 {status}\r\nContent-Type: {kind}; charset=utf-8\r\n"
                f"Content-Length: {len(body)}\r\nConnection: close\r\n\r\n".encode()
                + body
            )
            await asyncio.wait_for(writer.drain(), HEAD_TIME_S)
        except (OSError, TimeoutError, EOFError, asyncio.LimitOverrunError):
            pass
        finally:
            writer.close()

    def _answer(self, line: str) -> tuple[str, str, str]:
        method, _, rest = line.partition(" ")
        path = rest.partition(" ")[0].partition("?")[0]
        if method not in ("GET", "HEAD"):
            return "405 Method Not Allowed", "text/plain", "GET only\n"
        match path:
            case "/livez":
                return "200 OK", "text/plain", "ok\n"
            case "/readyz":
                why = self._why_not_ready()
                return (
                    ("503 Service Unavailable", "text/plain", f"{why}\n")
                    if why
                    else (
                        "200 OK",
                        "text/plain",
                        "ok\n",
                    )
                )
            case "/metrics":
                return "200 OK", "text/plain; version=0.0.4", self._metrics()
            case "/status":
                return "200 OK", "application/json", self._status() + "\n"
            case _:
                return "404 Not Found", "text/plain", "/livez /readyz /metrics /status\n"
