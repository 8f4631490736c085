"""One listening socket, one event loop, no child processes: Sanic's server inside this process.

Sanic's own runner starts a manager with worker processes; `create_server` gives the bare server, whose start and
graceful end are ours (https://sanic.dev/en/guide/running/running.html#asynchronous-support).
"""

import asyncio
import socket
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

from sanic import Sanic

from picshapes_api.connection import BoundedProtocol
from picshapes_api.services import Services

if TYPE_CHECKING:
    from sanic.server import AsyncioServer

GRACE_S: Final = 10.0
"""Requests under way get so long to end."""
BACKLOG: Final = 1024


class ListenError(OSError):
    """The address can't be listened on."""


class HttpServer:
    """The API's HTTP server."""

    def __init__(self, app: Sanic[Any, Any], services: Services) -> None:
        self._app, self._services = app, services
        self._server: AsyncioServer | None = None
        self._deserted = app.ctx.deserted = asyncio.Event()

    async def start(self, host: str, port: int) -> int:
        """Listen and serve; return the port, which is a free one if 0 was asked for."""
        sock = _bind(host, port)
        server = await self._app.create_server(
            sock=sock, backlog=BACKLOG, protocol=BoundedProtocol, return_asyncio_server=True, access_log=False
        )
        if server is None:
            raise ListenError(f"can't serve on {host}:{port}")
        await server.startup()  # type: ignore[no-untyped-call] # Sanic types it in part
        await self._event("init", "before")
        await self._event("init", "after")
        self._server = server
        return int(sock.getsockname()[1])

    async def stop(self) -> None:
        """Stop listening, let requests under way end for a bounded time, then close what is left."""
        (server, self._server), self._services.stopping = (self._server, None), True
        if server is None:
            return
        await self._event("shutdown", "before")
        server.close()  # type: ignore[no-untyped-call] # as above
        self._deserted.clear()
        for connection in server.connections:
            if not connection.close_if_idle():
                connection.http.keep_alive = False  # what it answers now is the last
        if server.connections:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._deserted.wait(), GRACE_S)
        for connection in list(server.connections):
            connection.abort()
        await self._event("shutdown", "after")

    async def _event(self, concern: str, action: str) -> None:
        await self._app._server_event(concern, action, loop=asyncio.get_running_loop())  # noqa: SLF001 - `AsyncioServer`'s own verbs do this


def _bind(host: str, port: int) -> socket.socket:
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        sock = socket.socket(family, kind, protocol)
        try:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            sock.bind(address)
        except OSError:
            sock.close()
            raise
    except OSError as error:
        raise ListenError(f"can't listen on {host}:{port}: {error.strerror}") from error
    return sock
