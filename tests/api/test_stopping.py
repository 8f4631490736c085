"""A server that is asked to stop answers what is under way, and then ends at once."""

import asyncio
import json
from contextlib import suppress
from pathlib import Path

import pytest

from picshapes_api.server import GRACE_S

from .conftest import RunningApi
from .test_slow_clients import connection
from .test_spine import ready

__all__ = ["ready"]


@pytest.fixture
def database_url(tmp_path: Path) -> str:
    return f"sqlite://{tmp_path}/picshapes.db"


async def stopping(api: RunningApi) -> asyncio.Task[None]:
    """Begin to stop the server."""
    stop = asyncio.create_task(api.server.stop())
    await asyncio.sleep(0)
    assert api.api.services.stopping
    return stop


async def test_a_request_under_way_is_answered_and_is_the_last_of_its_connection(
    api: RunningApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("picshapes_api.server.GRACE_S", GRACE_S * 12)  # slower than any answer on a busy machine
    body = json.dumps({"prompt": "a red circle"}).encode()
    head = f"POST /api/v1/jobs HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\nExpect: 100-continue\r\n"
    key = (await api.user()).headers["Authorization"]
    async with asyncio.timeout(GRACE_S * 6), connection(api) as (reader, writer):
        writer.write(f"{head}Content-Type: application/json\r\nAuthorization: {key}\r\n\r\n".encode())
        assert await reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
        stop = await stopping(api)
        writer.write(body)
        answer = await reader.read()  # all, until the server closes
        assert answer.startswith(b"HTTP/1.1 201 ")
        assert b"\r\nconnection: close\r\n" in answer.lower()
        await stop


async def test_a_connection_that_nothing_comes_on_ends_at_once(
    api: RunningApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("picshapes_api.server.GRACE_S", GRACE_S * 12)
    async with asyncio.timeout(GRACE_S * 6), connection(api) as (reader, writer):
        writer.write(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
        assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 200 ")
        stop = await stopping(api)
        await reader.read()
        await stop


async def test_who_sends_half_a_request_holds_the_server_up_for_its_grace_only(
    api: RunningApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("picshapes_api.server.GRACE_S", 0.5)
    async with asyncio.timeout(GRACE_S * 6), connection(api) as (reader, writer):
        writer.write(b"POST /api/v1/jobs HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\nExpect: 100-continue\r\n\r\n")
        await reader.readuntil(b"\r\n\r\n")
        await (await stopping(api))
        with suppress(ConnectionResetError):  # bytes of ours were on their way
            while await reader.read(65536):
                pass
