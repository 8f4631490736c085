"""A gate between parts and the API server: a test holds one write there, and kills who made it.

Everything passes as it is, watches too. A held write is let through when the test says so, be its maker dead by
then: so a process can be killed just before a write, just after it, or so that the write arrives late.
"""

import asyncio
import json
import ssl
from collections import Counter, defaultdict
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final, Self

import aiohttp
import yaml
from aiohttp import web
from yarl import URL

from picshapes_cli.controlplane.server import ControlPlane

ARRIVES_WITHIN_S: Final = 120.0
PASSED_ON: Final = ("Authorization", "Content-Type", "Accept")
NOT_JOBS: Final = ("other", "")


def write_of(method: str, path: str, body: bytes) -> tuple[str, str]:
    """Say what a request writes: `create`, `delete`, `cancel`, or the phase that is set; and of which job."""
    _, of_jobs, tail = path.partition("/generationjobs")
    if not of_jobs or method not in ("POST", "PATCH", "DELETE"):
        return NOT_JOBS
    name = tail.strip("/").partition("/")[0]
    if method == "POST":
        return "create", json.loads(body)["metadata"]["name"]
    return ("delete" if method == "DELETE" else _patched(json.loads(body))), name


def _patched(patch: Any) -> str:
    """Say what a Merge Patch or a JSON Patch does; `same` when it leaves the phase."""
    if isinstance(patch, dict):
        return "cancel" if "spec" in patch else str((patch.get("status") or {}).get("phase", "same"))
    sets = [one["value"] for one in patch if one["op"] == "add" and one["path"] == "/status/phase"]
    return str(sets[0]) if sets else "same"


@dataclass(frozen=True)
class _Request:
    method: str
    path: str
    headers: dict[str, str]
    body: bytes


@dataclass(frozen=True)
class _Answer:
    status: int
    body: bytes


class Held:
    """A write that stands at the gate."""

    def __init__(self, gate: "Gate", verb: str) -> None:
        self.verb = verb
        self._gate = gate
        self._request: asyncio.Future[_Request] = asyncio.get_running_loop().create_future()
        self._answer: asyncio.Future[_Answer | None] = asyncio.get_running_loop().create_future()
        self._passed: _Answer | None = None
        self._job = ""

    @property
    def free(self) -> bool:
        """Whether no write was held by this yet."""
        return not self._request.done()

    async def arrived(self) -> str:
        """Wait for the write, and return the name of its job."""
        async with asyncio.timeout(ARRIVES_WITHIN_S):
            await self._request
        return self._job

    async def let_through(self) -> int:
        """Bring the write to the API server now; return the HTTP status, of which the client hears too."""
        status = await self.let_through_unheard()
        assert self._passed is not None
        self._answer.set_result(self._passed)
        return status

    async def let_through_unheard(self) -> int:
        """Bring the write to the API server now; return the HTTP status, for which the client waits in vain."""
        self._passed = await self._gate.ask(await self._request)
        return self._passed.status

    def drop(self) -> None:
        """Let the write never reach the API server."""
        if not self._answer.done():
            self._answer.set_result(None)

    async def stand(self, request: _Request, job: str) -> _Answer | None:
        """Hold this request until the test says what becomes of it; None: break the connection."""
        self._job = job
        self._request.set_result(request)
        return await asyncio.shield(self._answer)


class Gate:
    """Stands for one part, or several, before the API server of a control plane."""

    def __init__(self, plane: ControlPlane) -> None:
        self._plane = plane
        self._holds: list[Held] = []
        self.answered: list[tuple[str, str, int]] = []
        """Verb, job and HTTP status of every write of a job that was brought to the API server, in order."""
        self.watches: Counter[str] = Counter()
        """How often a watch was opened, by the resource's plural."""
        self.reads: defaultdict[str, list[datetime]] = defaultdict(list)
        """When an object was asked for, by its name, and a list, by the resource's plural."""
        self.closed = False
        """Whether every request is turned away."""

    async def __aenter__(self) -> Self:
        trust = ssl.create_default_context(cadata=self._plane.ca_pem.decode())
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(ssl=trust, limit=0),
            timeout=aiohttp.ClientTimeout(total=None),
            skip_auto_headers=("Accept-Encoding",),  # nothing is compressed on the way
        )
        application = web.Application(client_max_size=2**24)
        application.router.add_route("*", "/{path:.*}", self._pass)
        self._runner = web.AppRunner(application, access_log=None, handler_cancellation=True, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}"
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._runner.cleanup()
        await self._session.close()

    def kubeconfig(self) -> str:
        """Return the admin's kubeconfig by way of this gate."""
        config = yaml.safe_load(self._plane.admin_kubeconfig.read_text())
        config["clusters"][0]["cluster"] = {"server": self.url}
        return yaml.safe_dump(config, sort_keys=False)

    def hold(self, verb: str) -> Held:
        """Hold the next write of this kind."""
        held = Held(self, verb)
        self._holds.append(held)
        return held

    async def ask(self, request: _Request) -> _Answer:
        """Bring a request to the API server."""
        url = URL(self._plane.url + request.path, encoded=True)
        async with self._session.request(
            request.method, url, headers=request.headers, data=request.body
        ) as answer:
            found = _Answer(answer.status, await answer.read())
        verb, job = write_of(request.method, request.path, request.body)
        if job:
            self.answered.append((verb, job, found.status))
        return found

    async def _pass(self, incoming: web.Request) -> web.StreamResponse:
        headers = {name: incoming.headers[name] for name in PASSED_ON if name in incoming.headers}
        request = _Request(incoming.method, incoming.raw_path, headers, await incoming.read())
        verb, job = write_of(request.method, incoming.path, request.body)
        held = next((one for one in self._holds if one.verb == verb and one.free), None)
        answer = None
        with suppress(aiohttp.ClientError):  # an API server that is away is away for the part as well
            if self.closed:
                pass
            elif incoming.method == "GET":
                return await self._stream(incoming, request)
            else:
                answer = await held.stand(request, job) if held else await self.ask(request)
        if answer is None:
            assert incoming.transport is not None
            incoming.transport.abort()
            return web.Response(status=503)
        return web.Response(status=answer.status, body=answer.body, content_type="application/json")

    async def _stream(self, incoming: web.Request, request: _Request) -> web.StreamResponse:
        url = URL(self._plane.url + request.path, encoded=True)
        if not incoming.query.get("watch"):
            self.reads[incoming.path.rpartition("/")[2]].append(datetime.now(UTC))
        async with self._session.get(url, headers=request.headers) as answer:
            response = web.StreamResponse(
                status=answer.status, headers={"Content-Type": answer.headers["Content-Type"]}
            )
            await response.prepare(incoming)
            if incoming.query.get("watch"):
                self.watches[incoming.path.rpartition("/")[2]] += 1
            with suppress(ConnectionResetError):  # who asked may be dead
                async for chunk in answer.content.iter_any():
                    await response.write(chunk)
                await response.write_eof()
            return response
