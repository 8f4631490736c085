"""Requests that come slowly, half, or far too large end in bounded time and keep nobody else from being served."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from pathlib import Path
from typing import Final

import httpx
import pytest
import pytest_asyncio

from picshapes_api.assembly import Surroundings
from picshapes_api.web import app

from .conftest import RunningApi, serving
from .test_spine import ready, submit

__all__ = ["ready"]

ENDS_WITHIN_S: Final = 120.0
DRIP_S: Final = 0.05
HEADER_S: Final = 2.0
ANSWER_S: Final = 8.0
SLOW_CLIENTS: Final = 200


@pytest.fixture
def database_url(tmp_path: Path) -> str:
    return f"sqlite://{tmp_path}/picshapes.db"


@pytest_asyncio.fixture
async def api(
    surroundings: Surroundings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[RunningApi]:
    """An API of little patience."""
    monkeypatch.setattr(app, "HEADER_S", HEADER_S)
    monkeypatch.setattr(app, "ANSWER_S", ANSWER_S)
    async with serving(surroundings, tmp_path / "pictures") as running:
        yield running


@asynccontextmanager
async def connection(api: RunningApi) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    port = httpx.URL(api.url).port
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        yield reader, writer
    finally:
        writer.close()
        with suppress(OSError):
            await writer.wait_closed()


async def drip(writer: asyncio.StreamWriter) -> None:
    """Send a byte now and then, for as long as anybody takes them."""
    while not writer.is_closing():
        writer.write(b"x")
        await asyncio.sleep(DRIP_S)


async def answer_to(api: RunningApi, begun: bytes) -> bytes:
    """Begin a request, go on with it for ever, and return all that comes back until the connection is closed."""
    async with asyncio.timeout(ENDS_WITHIN_S), connection(api) as (reader, writer):
        writer.write(begun)
        dripping = asyncio.create_task(drip(writer))
        answer = b""
        try:
            while chunk := await reader.read(65536):
                answer += chunk
        except ConnectionResetError:  # it was closed with bytes on their way
            pass
        finally:
            dripping.cancel()
            await asyncio.wait({dripping})
        return answer


async def test_a_header_that_never_ends_is_given_up_though_bytes_keep_coming(api: RunningApi) -> None:
    answer = await answer_to(api, b"GET /healthz HTTP/1.1\r\nHost: here\r\nX-Slow: ")
    assert answer.startswith(b"HTTP/1.1 408 ")


async def test_a_body_that_never_ends_is_given_up_though_bytes_keep_coming(api: RunningApi) -> None:
    caller = await api.user()
    head = f"POST /api/v1/jobs HTTP/1.1\r\nHost: here\r\nAuthorization: Bearer {caller.key}\r\n"
    answer = await answer_to(api, f"{head}Content-Length: 100000\r\n\r\n".encode())
    assert answer.startswith(b"HTTP/1.1 503 ")


async def test_two_requests_on_one_connection_have_their_own_time(api: RunningApi) -> None:
    async with connection(api) as (reader, writer):
        for _ in range(2):
            writer.write(b"GET /healthz HTTP/1.1\r\nHost: here\r\n\r\n")
            head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), ENDS_WITHIN_S)
            assert head.startswith(b"HTTP/1.1 200 ")
            await reader.readexactly(int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0]))
            await asyncio.sleep(HEADER_S * 1.5)  # idle between requests, for longer than a header may take


async def test_others_are_served_while_many_requests_stay_half_sent(
    api: RunningApi, http: httpx.AsyncClient
) -> None:
    caller = await api.user()
    async with AsyncExitStack() as stack:
        for number in range(SLOW_CLIENTS):
            _, writer = await stack.enter_async_context(connection(api))
            if number % 2:
                writer.write(b"POST /api/v1/jobs HTTP/1.1\r\nHost: here\r\nContent-Length: 500\r\n\r\n{")
            else:
                writer.write(b"GET /api/v1/jo")
            await writer.drain()
        assert (await submit(http, caller))["status"] == "pending"
    assert (await http.get("/healthz")).status_code == 200


@pytest.mark.parametrize(
    ("request_bytes", "status"),
    [
        (b"POST /api/v1/jobs HTTP/1.1\r\nHost: here\r\nContent-Length: 99999999999\r\n\r\n", b"413"),
        (b"GET /" + b"x" * 20_000 + b" HTTP/1.1\r\nHost: here\r\n\r\n", b"413"),
        (b"GET / HTTP/1.1\r\nHost: here\r\nX: " + b"y" * 20_000 + b"\r\n\r\n", b"413"),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", b"400"),
        (b"GET / HTTP/1.1\r\nContent-Length: -1\r\n\r\n", b"400"),
        (b"GET / HTTP/1.1\r\nContent-Length: x\r\n\r\n", b"400"),
        (b"\r\n\r\n", b"400"),
    ],
    ids=["endless body", "long path", "long header", "TLS", "negative length", "no number", "nothing"],
)
async def test_what_is_no_request_is_refused_at_once(api: RunningApi, request_bytes: bytes, status: bytes) -> None:
    answer = await answer_to(api, request_bytes)
    assert answer.split(b" ")[1] == status
