"""Figure 6: GETs of a job against a bare Sanic handler with the same payload; POSTs against bare creates.

There are no workers, so the jobs wait. The operator sees them and the API mirrors them, as always, on the same
processors; nobody watches the baseline's objects. What each part used is among the details.
"""

import json
import statistics
import sys
import time
from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeVar
from urllib.parse import urlsplit

import aiohttp
import httpx

from picshapes_cli.bench import r0
from picshapes_cli.bench.apiserver_requests import apiserver_requests, per_job
from picshapes_cli.bench.ground import (
    BASELINE_NAMESPACE,
    REQUEST,
    bearer,
    lift_limits,
    make_baseline_namespace,
)
from picshapes_cli.bench.load import CONNECTIONS, Target, load, request_bytes
from picshapes_cli.bench.processor_time import per_job_ms, processor_times_s
from picshapes_cli.bench.report import Figure, this_machine
from picshapes_cli.controlplane.binaries import Binaries
from picshapes_cli.controlplane.ports import reserved_port
from picshapes_cli.processes import Children, ChildSpec
from picshapes_cli.up.options import Engine, UpOptions
from picshapes_cli.up.stack import Running, Tell, running
from picshapes_crds.cluster.kube import KubeCluster

RUNS: Final = 5
GETS_A_POST: Final = 10
MOST_POSTS: Final = 1900
"""In a run: the API takes 10,000 unfinished jobs of one user."""
READY_TIMEOUT_S: Final = 60.0

T = TypeVar("T")


@dataclass(frozen=True)
class Job:
    """A job that waits, and the API's answer to a GET of it."""

    path: str
    answer: bytes


async def bench_http(folder: Path, binaries: Binaries, count: int, tell: Tell) -> Figure:
    """Measure both; each value and baseline is a median of five runs."""
    options = UpOptions(
        folder=folder, port=0, workers=0, engine=Engine.NULL, durable=False, first_credits=RUNS * count + 1
    )
    async with running(options, binaries, tell) as state, await KubeCluster.connect(state.kubeconfig) as cluster:
        await lift_limits(state)
        tell("Measuring GET /api/v1/jobs/{id} and a bare Sanic handler by turns")
        gets = await _gets(state, folder, GETS_A_POST * count)
        tell("Measuring bare creates, with several numbers in flight, then POST /api/v1/jobs")
        return await _with_posts(gets, state, cluster, count)


async def _gets(state: Running, folder: Path, count: int) -> Figure:
    job, api_port = await _waiting_job(state), urlsplit(state.api_url).port or 80
    get = request_bytes("GET", job.path, {})
    async with _bare_handler(folder, job.answer) as bare_port:
        spent, values, baselines = _Spent(), [], []
        for _ in range(RUNS):
            baselines.append(await spent.during(load(Target(bare_port, get, 200), count), "bare"))
            values.append(await spent.during(load(Target(api_port, get, 200), count), "api"))
        details = {
            "runs": _rounded(values),
            "baseline_runs": _rounded(baselines),
            "payload_bytes": len(job.answer),
            "connections": CONNECTIONS,
            "cpu_ms_a_get": spent.ms_a_request("api", RUNS * count),
            "baseline_cpu_ms_a_get": spent.ms_a_request("bare", RUNS * count),
            "bench_cores": spent.bench_cores("api"),
            "baseline_bench_cores": spent.bench_cores("bare"),
        }
    return Figure(
        name="http",
        value=statistics.median(values),
        baseline=statistics.median(baselines),
        unit="GET/s",
        machine=this_machine(),
        goal=">= 0.6",
        details=details,
    )


async def _with_posts(gets: Figure, state: Running, cluster: KubeCluster, count: int) -> Figure:
    await make_baseline_namespace(cluster)
    spent = _Spent()
    baseline, medians = await spent.during(r0.creates(cluster, BASELINE_NAMESPACE, count), "creates")
    body = json.dumps(REQUEST).encode()
    port = urlsplit(state.api_url).port or 80
    target = Target(port, request_bytes("POST", "/api/v1/jobs", bearer(state.keys.user), body), 201)
    async with apiserver_requests(state.kubeconfig) as requests:
        before = await requests.counts()
        values = [await spent.during(load(target, count), "api") for _ in range(RUNS)]
        asked = await requests.since(before)
    posts = Figure(
        name="http-post",
        value=statistics.median(values),
        baseline=baseline,
        unit="POST/s",
        machine=gets.machine,
        goal=">= 0.7",
        details={
            "runs": _rounded(values),
            "baseline_by_in_flight": medians,
            "connections": CONNECTIONS,
            # Among them the operator's, who tells why jobs wait, so many times a second however many are posted.
            "apiserver_requests_a_post": per_job(asked, RUNS * count),
            "cpu_ms_a_post": spent.ms_a_request("api", RUNS * count),
            "baseline_cpu_ms_a_create": spent.ms_a_request("creates", r0.RUNS * len(r0.IN_FLIGHT) * count),
            "bench_cores": spent.bench_cores("api"),
        },
    )
    return gets.beside(posts)


async def _waiting_job(state: Running) -> Job:
    headers = bearer(state.keys.user)
    async with aiohttp.ClientSession(state.api_url, headers=headers, raise_for_status=True) as http:
        async with http.post("/api/v1/jobs", json=REQUEST) as answer:
            path = f"/api/v1/jobs/{(await answer.json())['id']}"
        async with http.get(path) as answer:
            return Job(path, await answer.read())


@asynccontextmanager
async def _bare_handler(folder: Path, payload: bytes) -> AsyncIterator[int]:
    """Run the baseline's process for as long as the block lasts, and give its port."""
    file = folder / "bare-payload.json"
    file.write_bytes(payload)
    with reserved_port() as port:
        argv = [sys.executable, "-m", "picshapes_cli.bench.bare_handler", str(port), str(file)]
        async with Children() as children, httpx.AsyncClient(trust_env=False) as client:
            child = await children.start(ChildSpec("bare", argv, folder / "logs" / "bare.log"))
            url = f"http://127.0.0.1:{port}/readyz"
            await child.wait_ready(url, client=client, timeout_s=READY_TIMEOUT_S)
            yield port


class _Spent:
    """Processor and wall time of what was measured, by a name for its runs."""

    def __init__(self) -> None:
        self._times_s: dict[str, dict[str, float]] = {}
        self._wall_s: dict[str, float] = {}

    async def during(self, run: Awaitable[T], name: str) -> T:
        """Await a run and add what it cost to the others of this name."""
        before, began = processor_times_s(), time.perf_counter()
        outcome = await run
        self._wall_s[name] = self._wall_s.get(name, 0.0) + time.perf_counter() - began
        total = self._times_s.setdefault(name, {})
        for part, used_s in processor_times_s().items():
            total[part] = total.get(part, 0.0) + used_s - before.get(part, 0.0)
        return outcome

    def ms_a_request(self, name: str, requests: int) -> dict[str, float]:
        """Return the processor time of each part, the bench's own among them, in milliseconds a request."""
        return per_job_ms({}, self._times_s[name], requests)

    def bench_cores(self, name: str) -> float:
        """Return how much of a core this process, the load generator, used: near 1 it was what limited the run."""
        return round(self._times_s[name]["bench"] / self._wall_s[name], 2)


def _rounded(values: list[float]) -> list[float]:
    return [round(value, 1) for value in values]
