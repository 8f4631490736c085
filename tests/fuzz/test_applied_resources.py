"""Whatever kubectl applies, with an administrator's rights: neither the operator nor a worker stops over it.

Specs, metadata and statuses are drawn from what is right, what is at the edge, and what is wrong; the API server
refuses what its schema can. What it lets in the parts must live with: the same processes still serve a good job.
"""

import asyncio
import random
from collections.abc import AsyncIterator
from typing import Any, Final

import httpx
import pytest
import pytest_asyncio
from tests.integration.faults.conftest import Install, install
from tests.integration.faults.installation import Installation

from picshapes_crds import names
from picshapes_crds.cluster import JOBS, ClusterError, Json
from picshapes_crds.phases import Phase

__all__ = ["install"]

RESOURCES: Final = 80
STATUSES: Final = 5
"""Tries for each resource to get a status let in."""
LEAST_LET_IN: Final = 20
COMPLETED_WITHIN_S: Final = 240.0
SEED: Final = 7
TEXTS: Final = (
    "a red circle",
    "\x00",
    "\x1b[2J\r\nforged",
    "\u202e\u2066",
    "😀" * 4000,
    "x" * 4001,
    "",
    " \n",
    "null",
    "{}",
    "../../etc/passwd",
    "%s{0}",
)
WHOLE: Final = (0, 1, -1, 64, 511, 512, 8192, 8193, 100, 2**31, 2**53 - 1, 2**53, 2**63 - 1, -(2**63))
NUMBERS: Final = (*WHOLE, 1.5, 1e308)
OTHERS: Final[tuple[Any, ...]] = (None, True, False, [], {}, [[]], {"a": {"b": []}})
TIMES: Final = (
    "2026-01-01",
    "2026-01-01T00:00:00",
    "2026-01-01T00:00:00Z",
    "0000-01-01T00:00:00Z",
    "0001-01-01T00:00:00Z",
    "9999-12-31T23:59:59Z",
    "9999-12-31T23:59:59.999999999-23:59",
    "0001-01-01T00:00:00+23:59",
    "2026-02-30T00:00:00Z",
    "2026-12-31T23:59:60Z",
    "now",
    "",
    "١٢٣",
)

FIELDS: Final = (
    "negativePrompt",
    "model",
    "tier",
    "width",
    "height",
    "steps",
    "seed",
    "outputFormat",
    "priority",
    "owner",
    "maxAttempts",
    "ttlSecondsAfterFinished",
    "cancelRequested",
    "unknown",
)


class Hostile:
    """Draws resources."""

    def __init__(self, rng: random.Random, worker_ids: list[str]) -> None:
        self._rng, self._worker_ids = rng, worker_ids

    def job(self, number: int) -> Json:
        """Return a job to be created."""
        rng = self._rng
        spec: Json = {"prompt": rng.choice(TEXTS[:5]), "deadlineSeconds": rng.choice((1, 2, 3))}
        for field in rng.sample(FIELDS, rng.randrange(4)):
            spec[field] = self._value()
        metadata: Json = {"name": f"hostile-{number}"}
        if rng.random() < 0.5:
            metadata["labels"] = {names.ORIGIN_LABEL: rng.choice((names.ORIGIN_API, "kubectl", ""))}
            metadata["annotations"] = {names.ACCEPTED_AT_ANNOTATION: rng.choice(TIMES), "x": rng.choice(TEXTS)}
        return {"apiVersion": names.API_VERSION, "kind": names.KIND, "metadata": metadata, "spec": spec}

    def status(self) -> Json:
        """Return a change of a status."""
        rng = self._rng
        status: Json = {
            "phase": rng.choice([*Phase, Phase.CLAIMED, Phase.CLAIMED]),
            "workerName": "worker-0",  # of another the worker may end no job, and tries for a minute
            "workerID": rng.choice([*self._worker_ids, *self._worker_ids, "nobody"]),
            "resolved": {
                "model": rng.choice(("z-image-turbo", "no-such-model", rng.choice(TEXTS))),
                "tier": "basic",
                **{name: rng.choice(WHOLE) for name in ("width", "height", "steps", "minVramMiB")},
            },
        }
        for field in ("claimedAt", "startedAt", "completedAt"):
            if rng.random() < 0.4:
                status[field] = rng.choice(TIMES)
        for field in ("attempt", "failures", "workersLost", "progress", "seed", "conditions", "result", "timings"):
            if rng.random() < 0.15:
                status[field] = self._value()
        return {"status": status}

    def _value(self) -> Any:
        return self._rng.choice((*TEXTS, *NUMBERS, *TIMES, *OTHERS))


@pytest_asyncio.fixture
async def parts(install: Install) -> AsyncIterator[Installation]:
    """An operator and a worker, without an API: the jobs that say they are of one are nobody's."""
    async with install("hostile", 0) as started:
        await started.start_operator()
        await started.start_worker("worker-0")
        yield started


async def _apply(parts: Installation, hostile: Hostile, number: int) -> int:
    """Create one resource and change its status; return how much of it was let in."""
    body, name = hostile.job(number), f"hostile-{number}"
    try:
        await parts.cluster.create(JOBS, parts.namespace, body)
    except ClusterError:
        return 0
    for _ in range(STATUSES):
        try:
            await parts.cluster.merge_patch(JOBS, parts.namespace, name, hostile.status(), "status")
        except ClusterError:
            continue
        return 2
    return 1


async def _until_completed(parts: Installation, name: str) -> None:
    """Ask for a job until it is completed: a watch that reads every job would stumble over some of these."""
    async with asyncio.timeout(COMPLETED_WITHIN_S):
        while True:
            found = await parts.cluster.get(JOBS, parts.namespace, name)
            if found["status"]["phase"] == Phase.COMPLETED:
                return
            await asyncio.sleep(0.2)  # nothing else tells of it


@pytest.mark.timeout(600)
async def test_no_resource_stops_the_operator_or_a_worker(parts: Installation) -> None:
    before = [one.pid for one in parts.processes("operator", "worker-0")]
    await parts.apply("first")
    await parts.history.until_phase("first", Phase.COMPLETED)
    worker_id = parts.history.now("first").worker_id
    assert worker_id is not None
    hostile = Hostile(random.Random(SEED), [worker_id])
    let_in = [await _apply(parts, hostile, number) for number in range(RESOURCES)]
    assert sum(depth > 0 for depth in let_in) >= LEAST_LET_IN
    assert let_in.count(2) >= LEAST_LET_IN // 4
    await parts.apply("last", priority=1000)
    await _until_completed(parts, "last")
    assert [one.pid for one in parts.processes("operator", "worker-0") if one.returncode is None] == before
    async with httpx.AsyncClient(trust_env=False, timeout=30) as client:
        for name in ("operator", "worker-0"):
            assert (await client.get(parts.url_of(name, "/healthz"))).status_code == 200
