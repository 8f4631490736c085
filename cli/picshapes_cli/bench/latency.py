"""Figure 2: how long a new job waits for a free worker to see it, at half of the load that PicShapes takes.

From the API server's answer to the create until the worker's own watch shows the claim. The yardstick is taken at
the same time, under the same load: from the sending of one status patch until a watch shows it.
"""

import asyncio
import math
import time
import uuid
from collections.abc import Callable, Coroutine, Sequence
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import aiohttp

from picshapes_cli.bench.ground import (
    BASELINE_NAMESPACE,
    REQUEST,
    bearer,
    lift_limits,
    make_baseline_namespace,
)
from picshapes_cli.bench.jobs import post_to_completed
from picshapes_cli.bench.r0 import job_body
from picshapes_cli.bench.report import Figure, this_machine
from picshapes_cli.bench.sights import Sights
from picshapes_cli.controlplane.binaries import Binaries
from picshapes_cli.up.options import Engine, UpOptions
from picshapes_cli.up.stack import Running, Tell, running
from picshapes_crds.cluster import JOBS, Scope
from picshapes_crds.cluster.kube import KubeCluster

TIMEOUT_S: Final = 120.0
BETWEEN_ROUND_TRIPS_S: Final = 0.03


@dataclass(frozen=True)
class Waits:
    """Times in seconds, sorted."""

    claims: list[float]
    round_trips: list[float]


async def bench_latency(folder: Path, binaries: Binaries, count: int, workers: int, tell: Tell) -> Figure:
    """Measure the load first, then both times at half of it."""
    options = UpOptions(
        folder=folder, port=0, workers=workers, engine=Engine.NULL, durable=False, first_credits=2 * count
    )
    async with running(options, binaries, tell) as state, await KubeCluster.connect(state.kubeconfig) as cluster:
        await lift_limits(state)
        await make_baseline_namespace(cluster)
        tell(f"Measuring the load: {count} jobs, POST to Completed")
        load = await post_to_completed(state, cluster, count)
        tell(f"{load:.0f} jobs/s. Half of it, for {2 * count / load:.0f} s")
        waits = await _at_rate(state, cluster, load / 2, count, workers)
    p99, trip_p99 = percentile(waits.claims, 0.99), percentile(waits.round_trips, 0.99)
    p50, trip_p50 = percentile(waits.claims, 0.5), percentile(waits.round_trips, 0.5)
    details = {
        "load_jobs_a_second": round(load, 1),
        "claims": len(waits.claims),
        "round_trips": len(waits.round_trips),
        "workers": workers,
    }
    machine = this_machine()
    median = Figure("latency-p50", p50 * 1000, trip_p50 * 1000, "ms", machine, "<= 4")
    return Figure("latency", p99 * 1000, trip_p99 * 1000, "ms", machine, "<= 4", details).beside(median)


def percentile(ordered: Sequence[float], share: float) -> float:
    """Return the smallest of the sorted values that this share of them does not exceed."""
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]


async def _at_rate(state: Running, cluster: KubeCluster, rate: float, count: int, workers: int) -> Waits:
    claimed, answered = Sights(), dict[str, float]()
    async with AsyncExitStack() as stack:
        for number in range(workers):
            own = Scope(state.namespace, field_selector=f"status.workerName=worker-{number}")
            await stack.enter_async_context(claimed.watching(cluster, own))
        headers = bearer(state.keys.user)
        http = await stack.enter_async_context(aiohttp.ClientSession(state.api_url, headers=headers))

        async def submit(number: int) -> None:
            """Every second job comes by the REST API; the others are timed from the API server's own answer."""
            if number % 2:
                async with http.post("/api/v1/jobs", json=REQUEST, raise_for_status=True):
                    return
            created = await cluster.create(JOBS, state.namespace, job_body(f"latency-{number}"))
            answered[created["metadata"]["uid"]] = time.perf_counter()

        all_sent = asyncio.Event()
        round_trips = asyncio.create_task(_round_trips(cluster, all_sent))
        await _paced(rate, count, submit)
        all_sent.set()
        await claimed.until(lambda: answered.keys() <= claimed.seen_at.keys(), TIMEOUT_S)
        waits = (claimed.seen_at[uid] - then for uid, then in answered.items())
        return Waits(sorted(waits), sorted(await round_trips))


async def _paced(rate: float, count: int, submit: Callable[[int], Coroutine[Any, Any, None]]) -> None:
    """Begin so many submissions, so many a second, however long each takes."""
    began = time.perf_counter()
    async with asyncio.TaskGroup() as tasks:
        for number in range(count):
            await asyncio.sleep(began + number / rate - time.perf_counter())
            tasks.create_task(submit(number))


async def _round_trips(cluster: KubeCluster, until: asyncio.Event) -> list[float]:
    """Patch a status again and again; return how long each patch took to come back on a watch, in seconds."""
    seen, trips = Sights(), list[float]()
    name = str(uuid.uuid4())
    await cluster.create(JOBS, BASELINE_NAMESPACE, job_body(name))
    async with seen.watching(cluster, Scope(BASELINE_NAMESPACE)):
        while not (trips and until.is_set()):
            sent = time.perf_counter()
            body = {"status": {"workerName": f"worker-{len(trips)}"}}
            answer = await cluster.merge_patch(JOBS, BASELINE_NAMESPACE, name, body, "status")
            trips.append(await seen.version(answer["metadata"]["resourceVersion"], TIMEOUT_S) - sent)
            with suppress(TimeoutError):
                async with asyncio.timeout(BETWEEN_ROUND_TRIPS_S):
                    await until.wait()
    return trips
