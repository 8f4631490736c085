"""`python -m picshapes_cli.bench.bare_handler PORT FILE`: the baseline of `bench http`.

A Sanic handler that answers with a file's bytes and does nothing else, in the setup of the API: one process, one
uvloop, Sanic's bare server, no access log, the same path with a parameter.
"""

import asyncio
import socket
import sys
from pathlib import Path
from typing import Any, Final

import uvloop
from sanic import HTTPResponse, Request, Sanic

BACKLOG: Final = 1024


def build_app(payload: bytes) -> Sanic[Any, Any]:
    """Return the application."""
    app = Sanic("bare", configure_logging=False)
    app.config.update(ACCESS_LOG=False, MOTD=False, KEEP_ALIVE_TIMEOUT=75)

    @app.get("/api/v1/jobs/<job_id:str>")
    async def show(_: Request, job_id: str) -> HTTPResponse:  # noqa: ARG001 - the API's handler takes it
        return HTTPResponse(payload, 200, None, "application/json")

    @app.get("/readyz")
    async def readyz(_: Request) -> HTTPResponse:
        return HTTPResponse(b"{}", 200, None, "application/json")

    return app


async def serve(port: int, payload: bytes) -> None:
    """Serve until the process is told to end."""
    app = build_app(payload)
    sock = socket.create_server(("127.0.0.1", port))
    server = await app.create_server(sock=sock, backlog=BACKLOG, return_asyncio_server=True, access_log=False)
    if server is None:
        raise OSError(f"can't serve on port {port}")
    await server.startup()  # type: ignore[no-untyped-call] # Sanic types it in part
    await asyncio.Event().wait()


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(serve(int(sys.argv[1]), Path(sys.argv[2]).read_bytes()))
