"""The operator is killed again and again among its claims, with thousands of live jobs: none is claimed twice.

The workers are on paper: pods and Leases as workers write them, and nobody who runs a job.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from datetime import UTC, datetime
from functools import partial
from typing import Final

import pytest_asyncio

from picshapes_cli.up.pods import pod_body
from picshapes_crds import patches
from picshapes_crds.catalogue import Catalogue
from picshapes_crds.cluster import JOBS, LEASES, PODS
from picshapes_crds.phases import Phase, Reason
from picshapes_crds.workers import lease_body, read_pod, worker_labels

from .conftest import Install
from .history import History
from .installation import Installation

WORKERS: Final = 250
JOBS_ALIVE: Final = 2000
PLACES: Final = 2 * WORKERS
KILLED_AT: Final = (PLACES // 8, PLACES // 2, PLACES)
"""Claims that are seen when the operator is killed."""
AT_ONCE: Final = 64


def has_claimed(history: History, count: int) -> bool:
    return history.claimed >= count


async def each(act: Callable[[int], Awaitable[object]], numbers: Iterable[int]) -> None:
    lane = asyncio.Semaphore(AT_ONCE)

    async def one(number: int) -> None:
        async with lane:
            await act(number)

    await asyncio.gather(*map(one, numbers))


@pytest_asyncio.fixture
async def parts(install: Install) -> AsyncIterator[Installation]:
    async with install("many-jobs", 0) as started:
        yield started


async def test_no_job_is_claimed_twice_over_restarts_among_thousands(parts: Installation) -> None:
    catalogue, history = Catalogue.load("demo"), parts.history
    revisions = {name: model.weights.revision_id for name, model in catalogue.models.items()}
    labels = worker_labels(24_564, catalogue.profile, revisions)

    async def worker(number: int) -> None:
        body = pod_body(f"paper-{number}")
        body["metadata"]["labels"] |= labels
        pod = read_pod(await parts.cluster.create(PODS, parts.namespace, body))
        lease = lease_body(pod, f"process-{number}", frozenset(revisions), datetime.now(UTC))
        await parts.cluster.create(LEASES, parts.namespace, lease)
        await parts.pods.report(pod.name, ready=True)

    await each(worker, range(WORKERS))
    await each(lambda number: parts.apply(f"job-{number}"), range(JOBS_ALIVE))

    await parts.start_operator()
    for count in KILLED_AT:
        await history.until(partial(has_claimed, history, count), f"{count} claims")
        await parts.kill("operator")
        await parts.start_again("operator")

    # All places are taken; one that gets free is given to one job.
    name = next(name for name in history.lives if history.now(name).phase is Phase.CLAIMED)
    job = history.lives[name][-1]
    now = datetime.now(UTC)
    ended = patches.fail(job, Reason.INTERNAL_ERROR, "nobody runs it", now)
    await parts.cluster.merge_patch(JOBS, parts.namespace, name, ended, "status")
    await history.until(partial(has_claimed, history, PLACES + 1), "the free place is given away")
    assert history.claimed == PLACES + 1
    assert history.fullest == 2
    assert {len(history.claims(name)) for name in history.lives} == {0, 1}
    held = Counter(one.worker_id for one in map(history.now, history.lives) if one.phase is Phase.CLAIMED)
    assert held == {f"process-{number}": 2 for number in range(WORKERS)}
    history.check()
