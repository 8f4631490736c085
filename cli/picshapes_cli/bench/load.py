"""A load generator that costs a fraction of what it measures: one prepared request, many kept-alive connections.

A general HTTP client takes as much processor time as the API itself, and would so be measured with it.
"""

import asyncio
import re
import time
from dataclasses import dataclass
from typing import Final, cast

CONNECTIONS: Final = 64
TIMEOUT_S: Final = 300.0

_LENGTH: Final = re.compile(rb"\r\ncontent-length: *(\d+)\r\n", re.IGNORECASE)


class UnexpectedAnswerError(OSError):
    """The server answered with another status, or hung up."""


@dataclass(frozen=True)
class Target:
    """What is asked for, again and again, and the status that each answer must have."""

    port: int
    request: bytes
    status: int


def request_bytes(method: str, path: str, headers: dict[str, str], body: bytes = b"") -> bytes:
    """Return an HTTP/1.1 request as it goes over the wire."""
    lines = [
        f"{method} {path} HTTP/1.1",
        "Host: 127.0.0.1",
        *(f"{name}: {value}" for name, value in headers.items()),
    ]
    if body:
        lines += ["Content-Type: application/json", f"Content-Length: {len(body)}"]
    return "\r\n".join([*lines, "", ""]).encode() + body


async def load(target: Target, count: int) -> float:
    """Send the request so many times, one at a time on each connection; return answers a second.

    Raises `UnexpectedAnswerError` on the first answer with another status.
    """
    loop = asyncio.get_running_loop()
    run = _Run(target, count, loop.create_future())
    connections: list[_Connection] = []
    try:
        for _ in range(min(CONNECTIONS, count)):
            _, connection = await loop.create_connection(lambda: _Connection(run), "127.0.0.1", target.port)
            connections.append(connection)
        began = time.perf_counter()
        for connection in connections:
            connection.send_next()
        async with asyncio.timeout(TIMEOUT_S):
            await run.done
        return count / (time.perf_counter() - began)
    finally:
        for connection in connections:
            connection.close()


class _Run:
    """What the connections of one run share."""

    def __init__(self, target: Target, count: int, done: asyncio.Future[None]) -> None:
        self.request, self.unsent, self.unanswered, self.done = target.request, count, count, done
        self.wanted = f"HTTP/1.1 {target.status} ".encode()

    def answered(self) -> None:
        """Count an answer."""
        self.unanswered -= 1
        if not self.unanswered and not self.done.done():
            self.done.set_result(None)

    def failed(self, what: str) -> None:
        """End the run."""
        if not self.done.done():
            self.done.set_exception(UnexpectedAnswerError(what))


class _Connection(asyncio.Protocol):
    def __init__(self, run: _Run) -> None:
        self._run, self._received = run, b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def send_next(self) -> None:
        """Send one more request, if there is one to send."""
        if self._run.unsent:
            self._run.unsent -= 1
            self._transport.write(self._run.request)

    def close(self) -> None:
        """Hang up."""
        self._transport.close()

    def data_received(self, data: bytes) -> None:
        self._received += data
        head_bytes = self._received.find(b"\r\n\r\n") + 4
        if head_bytes < 4:  # noqa: PLR2004 - the end of the header isn't there yet
            return
        length = _LENGTH.search(self._received, 0, head_bytes)
        if length is None or not self._received.startswith(self._run.wanted):
            self._run.failed(f"the answer is {self._received[:500].decode(errors='replace')}")
        elif len(self._received) >= head_bytes + int(length[1]):
            self._received = b""
            self._run.answered()
            self.send_next()

    def connection_lost(self, exc: Exception | None) -> None:
        self._run.failed(f"the server hung up: {exc or 'no reason given'}")
