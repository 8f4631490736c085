"""A TCP proxy before a server: it stays at its address while the server moves, and resets connections at will."""

import asyncio
import socket
import struct
from collections.abc import Callable
from contextlib import suppress
from typing import Final, Self

CHUNK_BYTES: Final = 64 * 1024
RESET: Final = struct.pack("ii", 1, 0)
"""SO_LINGER with no time: closing sends RST, and what was under way is lost."""


class TcpProxy:
    """Passes bytes both ways between whoever connects to `port` and the server."""

    def __init__(self, server_port: Callable[[], int]) -> None:
        self._server_port = server_port
        self._connections: set[asyncio.Task[None]] = set()
        self._writers: set[asyncio.StreamWriter] = set()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._begin, "127.0.0.1", 0)
        self.port = int(self._server.sockets[0].getsockname()[1])
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        self.reset()
        if self._connections:
            await asyncio.wait(self._connections)
        await self._server.wait_closed()

    def reset(self) -> None:
        """Break every connection, on both sides, without a goodbye."""
        for writer in self._writers:
            sock: socket.socket = writer.get_extra_info("socket")
            with suppress(OSError):  # it is closed by now
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
            writer.transport.abort()

    def _begin(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(self._serve(reader, writer))
        self._connections.add(task)
        task.add_done_callback(self._connections.discard)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            there, back = await asyncio.open_connection("127.0.0.1", self._server_port())
        except OSError:  # the server is away
            writer.transport.abort()
            return
        self._writers |= {writer, back}
        try:
            pumps = [asyncio.create_task(_pump(reader, back)), asyncio.create_task(_pump(there, writer))]
            await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
            for one in (writer, back):
                one.close()  # sends what is left; then the other pump ends as well
            await asyncio.wait(pumps)
        finally:
            self._writers -= {writer, back}


async def _pump(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
    with suppress(OSError):  # one of the two was reset
        while chunk := await source.read(CHUNK_BYTES):
            target.write(chunk)
            await target.drain()
