"""Figure 1: jobs a second from POST to Completed, null engine, all parts in their own processes, against R0."""

import asyncio
import random
import statistics
import time
from pathlib import Path
from typing import Any, Final

import aiohttp

from picshapes_cli.bench.ground import BASELINE_NAMESPACE, REQUEST, bearer, lift_limits, make_baseline_namespace
from picshapes_cli.bench.processor_time import per_job_ms, processor_times_s
from picshapes_cli.bench.r0 import concurrently, r0
from picshapes_cli.bench.report import Figure, this_machine
from picshapes_cli.controlplane.binaries import Binaries
from picshapes_cli.up.options import Engine, UpOptions
from picshapes_cli.up.stack import Running, Tell, running
from picshapes_crds.clock import SystemClock
from picshapes_crds.cluster import JOBS, Changed, Listed, Reflector, Scope
from picshapes_crds.cluster.kube import KubeCluster
from picshapes_crds.phases import TERMINAL

IN_FLIGHT: Final = 64
RUNS: Final = 3
TIMEOUT_S: Final = 300.0


async def bench_jobs(folder: Path, binaries: Binaries, count: int, workers: int, tell: Tell) -> Figure:
    """Measure both on one control plane, one after the other; the median of three runs for the figure."""
    options = UpOptions(
        folder=folder,
        port=0,
        workers=workers,
        engine=Engine.NULL,
        durable=False,
        first_credits=RUNS * count,
    )
    async with running(options, binaries, tell) as state, await KubeCluster.connect(state.kubeconfig) as cluster:
        await lift_limits(state)
        tell(f"Measuring R0: {count} jobs, several times")
        await make_baseline_namespace(cluster)
        baseline, medians = await r0(cluster, BASELINE_NAMESPACE, count)
        tell(f"R0 is {baseline:.0f} jobs/s. Measuring POST to Completed")
        before = processor_times_s()
        runs = [await post_to_completed(state, cluster, count) for _ in range(RUNS)]
        used = per_job_ms(before, processor_times_s(), RUNS * count)
    return Figure(
        name="jobs",
        value=statistics.median(runs),
        baseline=baseline,
        unit="jobs/s",
        machine=this_machine(),
        goal=">= 0.6",
        details={
            "runs": [round(run, 1) for run in runs],
            "r0_by_in_flight": medians,
            "workers": workers,
            "cpu_ms_a_job": used,
        },
    )


async def post_to_completed(state: Running, cluster: KubeCluster, count: int) -> float:
    """Return jobs a second from the first POST until the last of them is Completed."""
    ended: set[str] = set()
    all_ended = asyncio.Event()
    listed = asyncio.Event()

    async def watch() -> None:
        reflector = Reflector(cluster, JOBS, Scope(state.namespace), SystemClock(), random.Random())
        async for seen in reflector.observations():
            match seen:
                case Listed():
                    listed.set()
                case Changed(job) if job["status"]["phase"] in TERMINAL:
                    ended.add(job["metadata"]["uid"])
                    if len(ended) >= count:
                        all_ended.set()

    headers = bearer(state.keys.user)
    connector = aiohttp.TCPConnector(limit=IN_FLIGHT)
    async with aiohttp.ClientSession(state.api_url, headers=headers, connector=connector) as http:

        async def submit(_: int) -> None:
            async with http.post("/api/v1/jobs", json=REQUEST) as answer:
                body: dict[str, Any] = await answer.json()
                if answer.status != 201:  # noqa: PLR2004 - Created
                    raise RuntimeError(f"POST /api/v1/jobs answered {answer.status}: {body}")

        watching = asyncio.create_task(watch())
        await listed.wait()
        began = time.perf_counter()
        await concurrently(count, IN_FLIGHT, submit)
        async with asyncio.timeout(TIMEOUT_S):
            await all_ended.wait()
        lasted = time.perf_counter() - began
        watching.cancel()
    return count / lasted
