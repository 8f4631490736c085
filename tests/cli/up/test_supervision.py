"""A part under supervision: told ready, started again when it ends, given up when it never was ready."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest
import pytest_asyncio

from picshapes_cli.controlplane.ports import reserved_port
from picshapes_cli.processes import ChildExitedError, Children, ChildSpec
from picshapes_cli.up.parts import Part
from picshapes_cli.up.supervision import Supervised
from picshapes_crds.cluster import ClusterError

WAIT_S = 60.0
SERVER = """
import http.server, os, sys
class Answer(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
    def log_message(self, *_):
        pass
class Server(http.server.HTTPServer):
    allow_reuse_port = True
print("pid", os.getpid(), flush=True)
Server(("127.0.0.1", int(sys.argv[1])), Answer).serve_forever()
"""


class FastClock:
    """A clock whose pauses are noted and take no time."""

    def __init__(self) -> None:
        self.paused_s: list[float] = []
        self.seconds = 0.0

    def now(self) -> datetime:
        return datetime(2026, 1, 1, tzinfo=UTC)

    def monotonic(self) -> float:
        return self.seconds

    async def sleep(self, seconds: float) -> None:
        self.paused_s.append(seconds)


class Told:
    """What is told of readiness; the first `failing` times nobody hears it."""

    def __init__(self, failing: int = 0) -> None:
        self.seen: asyncio.Queue[bool] = asyncio.Queue()
        self._failing = failing

    async def __call__(self, *, ready: bool) -> None:
        if self._failing:
            self._failing -= 1
            raise ClusterError("no answer")
        self.seen.put_nowait(ready)

    async def until(self, *, ready: bool) -> None:
        async with asyncio.timeout(WAIT_S):
            while await self.seen.get() != ready:
                pass


@pytest_asyncio.fixture
async def client() -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(trust_env=False) as client:
        yield client


def part(folder: Path, port: int, program: str = SERVER) -> Part:
    argv = [sys.executable, "-c", program, str(port)]
    return Part(ChildSpec("part", argv, folder / "part.log"), f"http://127.0.0.1:{port}/readyz")


def last_pid(folder: Path) -> int:
    return int((folder / "part.log").read_text().split()[-1])


async def test_a_part_that_ends_is_told_unready_and_started_again_after_longer_and_longer_pauses(
    tmp_path: Path, client: httpx.AsyncClient
) -> None:
    clock, told = FastClock(), Told()
    with reserved_port() as port:
        async with Children() as children:
            one = Supervised(children, part(tmp_path, port), client, clock, told)
            run = asyncio.create_task(one.run())
            pids = []
            for _ in range(3):
                await told.until(ready=True)
                pids.append(last_pid(tmp_path))
                os.kill(pids[-1], signal.SIGKILL)
                await told.until(ready=False)
            await told.until(ready=True)
            clock.seconds += 31  # a long life
            os.kill(last_pid(tmp_path), signal.SIGKILL)
            await told.until(ready=False)
            await told.until(ready=True)
            run.cancel()

    assert len(set(pids)) == 3
    assert clock.paused_s == [2.0, 4.0, 8.0, 1.0]


async def test_readiness_that_could_not_be_told_is_told_later(tmp_path: Path, client: httpx.AsyncClient) -> None:
    told = Told(failing=2)
    with reserved_port() as port:
        async with Children() as children:
            one = Supervised(children, part(tmp_path, port), client, FastClock(), told)
            run = asyncio.create_task(one.run())
            await told.until(ready=True)
            run.cancel()


async def test_a_part_that_ends_before_it_was_ready_is_a_fault_with_its_last_words(
    tmp_path: Path, client: httpx.AsyncClient
) -> None:
    with reserved_port() as port:
        async with Children() as children:
            broken = part(tmp_path, port, "raise SystemExit('the catalogue is missing')")
            one = Supervised(children, broken, client, FastClock())
            with pytest.raises(ChildExitedError, match="the catalogue is missing"):
                await one.run()
            assert not one.first_ready.is_set()
