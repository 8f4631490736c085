"""The load generator of `bench http`: it counts whole answers of the wanted status, and nothing else."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable

import pytest

from picshapes_cli.bench.load import Target, UnexpectedAnswerError, load, request_bytes

GET = request_bytes("GET", "/a", {})


@contextlib.asynccontextmanager
async def server(parts: list[bytes], tell: Callable[[bytes], None]) -> AsyncIterator[int]:
    """Answer each request with these bytes, the client reading after each; with no parts, hang up."""
    connections: list[asyncio.Task[None]] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):  # the client is done
            while parts:
                tell(await reader.readuntil(b"\r\n\r\n"))
                for part in parts:
                    writer.write(part)
                    await asyncio.sleep(0)
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()

    def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connections.append(asyncio.create_task(serve(reader, writer)))

    listening = await asyncio.start_server(accept, "127.0.0.1", 0)
    yield listening.sockets[0].getsockname()[1]
    listening.close()
    await asyncio.gather(*connections)


async def test_every_request_is_sent_and_answered_once_though_answers_come_in_pieces() -> None:
    seen: list[bytes] = []
    async with server([b"HTTP/1.1 200 OK\r\nContent-Le", b"ngth: 3\r\n\r\nab", b"c"], seen.append) as port:
        assert await load(Target(port, GET, 200), 150) > 0
    assert seen == [b"GET /a HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"] * 150


async def test_an_answer_of_another_status_ends_the_run() -> None:
    async with server([b"HTTP/1.1 503 Away\r\ncontent-length: 0\r\n\r\n"], lambda _: None) as port:
        with pytest.raises(UnexpectedAnswerError, match="503 Away"):
            await load(Target(port, GET, 200), 10)


async def test_a_server_that_hangs_up_ends_the_run() -> None:
    async with server([], lambda _: None) as port:
        with pytest.raises(UnexpectedAnswerError, match="hung up"):
            await load(Target(port, GET, 200), 10)


def test_a_request_with_a_body_says_how_long_it_is() -> None:
    assert request_bytes("POST", "/b", {"A": "1"}, b"{}").split(b"\r\n") == [
        b"POST /b HTTP/1.1",
        b"Host: 127.0.0.1",
        b"A: 1",
        b"Content-Type: application/json",
        b"Content-Length: 2",
        b"",
        b"{}",
    ]
