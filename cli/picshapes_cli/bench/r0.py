"""R0, the baseline of all job figures: what the API server itself allows.

A bare asynchronous client creates the same objects that the API does, claims and completes them with the same
patches that the operator and the worker send, and deletes them, so many in flight; nobody watches or decides.
"""

import asyncio
import statistics
import time
import uuid
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Final

from picshapes_crds import patches
from picshapes_crds.catalogue import Catalogue
from picshapes_crds.clock import rfc3339
from picshapes_crds.cluster import JOBS, Json
from picshapes_crds.cluster.kube import KubeCluster
from picshapes_crds.names import (
    ACCEPTED_AT_ANNOTATION,
    API_VERSION,
    ARCHIVE_LABEL,
    ARCHIVE_REQUIRED,
    KIND,
    ORIGIN_API,
    ORIGIN_LABEL,
)
from picshapes_crds.resolve import resolve
from picshapes_crds.resource import GenerationJob, GenerationJobSpec, OutputFormat, Resolved, Result, Timings

IN_FLIGHT: Final = (16, 64, 256)
RUNS: Final = 5

_NOW: Final = datetime(2026, 1, 1, tzinfo=UTC)
_SPEC: Final = GenerationJobSpec(
    prompt="a blue star on a yellow background",
    model="flux-schnell",
    tier="basic",
    width=1024,
    height=1024,
    steps=4,
    seed=42,
    output_format=OutputFormat.PNG,
    owner=str(uuid.UUID(int=0)),
    ttl_seconds_after_finished=3600,
)


async def concurrently(count: int, in_flight: int, one: Callable[[int], Awaitable[None]]) -> float:
    """Do `one` so many times with so many in flight; return how many a second."""
    numbers = iter(range(count))

    async def drain() -> None:
        for number in numbers:
            await one(number)

    began = time.perf_counter()
    async with asyncio.TaskGroup() as tasks:
        for _ in range(in_flight):
            tasks.create_task(drain())
    return count / (time.perf_counter() - began)


async def r0(cluster: KubeCluster, namespace: str, count: int) -> tuple[float, dict[str, float]]:
    """Return R0 in jobs a second, the best median of five runs over the numbers in flight, and all medians."""
    return await _best_median(count, life(cluster, namespace))


def life(cluster: KubeCluster, namespace: str) -> Callable[[int], Awaitable[None]]:
    """Return what does everything to one job that is ever done to it: create, claim, complete, delete."""
    resolved = resolve(_SPEC, Catalogue.load("demo"))
    if not isinstance(resolved, Resolved):
        raise TypeError(resolved.message)

    async def one(_: int) -> None:
        await _live_and_die(cluster, namespace, resolved)

    return one


async def creates(cluster: KubeCluster, namespace: str, count: int) -> tuple[float, dict[str, float]]:
    """Return how many of R0's objects a second are created when nothing else is done, measured like R0."""

    async def create(_: int) -> None:
        await cluster.create(JOBS, namespace, job_body(str(uuid.uuid4())))

    return await _best_median(count, create)


async def _best_median(count: int, one: Callable[[int], Awaitable[None]]) -> tuple[float, dict[str, float]]:
    medians = {}
    for in_flight in IN_FLIGHT:
        runs = [await concurrently(count, in_flight, one) for _ in range(RUNS)]
        medians[str(in_flight)] = round(statistics.median(runs), 1)
    return max(medians.values()), medians


def job_body(name: str) -> Json:
    """Return a job as the API creates it, its labels and owner included, which admission policies look at."""
    metadata = {
        "name": name,
        "labels": {ORIGIN_LABEL: ORIGIN_API, ARCHIVE_LABEL: ARCHIVE_REQUIRED},
        "annotations": {ACCEPTED_AT_ANNOTATION: rfc3339(datetime.now(UTC))},  # since when it waits
    }
    return {"apiVersion": API_VERSION, "kind": KIND, "metadata": metadata, "spec": _SPEC.body()}


async def _live_and_die(cluster: KubeCluster, namespace: str, resolved: Resolved) -> None:
    name = str(uuid.uuid4())
    job = GenerationJob.parse(await cluster.create(JOBS, namespace, job_body(name)))
    claim = patches.claim(job, resolved, "worker-0", "process", _NOW)
    await cluster.merge_patch(JOBS, namespace, name, claim, "status")
    fence = patches.Fence(job.metadata.uid, "process", 1)
    await cluster.json_patch(JOBS, namespace, name, patches.completed(fence, outcome(name)), "status")
    await cluster.delete(JOBS, namespace, name, job.metadata.uid)


def outcome(name: str) -> patches.Outcome:
    """Return what a worker says of a picture, in the sizes of a real one."""
    return patches.Outcome(
        started_at=_NOW,
        completed_at=_NOW,
        seed=42,
        steps=4,
        result=Result(key=f"{name}/1.png", sha256="0" * 64, bytes=70, content_type="image/png"),
        result_url=f"http://127.0.0.1:8080/results/{name}.png",
        timings=Timings(inference_s=0, encode_s=0, upload_s=0),
    )
