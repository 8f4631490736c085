"""A worker that is not ready, terminates or drains is given no more; a job that is to stop stops within a step."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from functools import partial
from typing import Final

import pytest
import pytest_asyncio

from picshapes_crds.cluster import JOBS, PODS
from picshapes_crds.phases import ConditionType, Phase, Reason
from picshapes_crds.resource import GenerationJobStatus

from .conftest import Install
from .history import History
from .installation import Installation

pytestmark = pytest.mark.asyncio(loop_scope="module")
QUICK: Final = {"PICSHAPES_MODELS": "z-image-turbo", "PICSHAPES_NULL_STEP_S": "0.5"}
SLOW: Final = {"PICSHAPES_MODELS": "flux-schnell", "PICSHAPES_NULL_STEP_S": "4"}
"""A step is long beside the time in which a request to stop reaches a worker."""
WORKERS: Final = {f"quick-{number}": QUICK for number in range(4)} | {
    f"slow-{number}": SLOW for number in range(3)
}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def parts(install: Install) -> AsyncIterator[Installation]:
    async with install("closed-workers", 0) as started:
        workers = [started.start_worker(name, settings) for name, settings in WORKERS.items()]
        await asyncio.gather(started.start_operator(), *workers)
        yield started


async def until_told_why(parts: Installation, job: str) -> None:
    """Wait until a waiting job says that no worker takes new jobs."""

    def told() -> bool:
        if job not in parts.history.lives:
            return False
        return why(parts.history.now(job), ConditionType.SCHEDULED) == Reason.WAITING_FOR_WORKERS

    await parts.history.until(told, f"{job} says why it waits")


def has_moved(history: History, job: str, progress: str | None) -> bool:
    return history.now(job).progress != progress


def why(status: GenerationJobStatus, kind: ConditionType) -> str | None:
    found = status.condition(kind)
    return found.reason if found else None


async def test_cancel_deadline_and_delete_stop_a_job_within_one_step_and_free_its_place(
    parts: Installation,
) -> None:
    history = parts.history
    due = await parts.apply("deadline", model="flux-schnell", steps=100, deadlineSeconds=15)
    await parts.apply("cancel", model="flux-schnell", steps=100)
    doomed = await parts.apply("delete", model="flux-schnell", steps=100)
    for job in ("cancel", "delete"):
        await history.until_phase(job, Phase.PROCESSING)
    for number in range(3):
        await parts.apply(f"next-{number}", model="flux-schnell", steps=1)
    await parts.cancel("cancel")
    await parts.cluster.delete(JOBS, parts.namespace, "delete", doomed.metadata.uid)

    told = await history.until_ended("cancel", "deadline", *[f"next-{number}" for number in range(3)])
    ends = {name: (why(one, ConditionType.FAILED), one.progress) for name, one in told.items()}
    # It stops within the step of 4 s that runs when it hears of it, which may be the one after the request.
    assert ends.pop("cancel") in [("Cancelled", f"{steps}/100") for steps in (1, 2)]
    assert ends.pop("deadline") in [("DeadlineExceeded", f"{steps}/100") for steps in (1, 2, 3, 4)]
    assert ends == {f"next-{number}": (None, "1/1") for number in range(3)}
    assert {one.worker_name for one in told.values()} == {"slow-0", "slow-1", "slow-2"}
    assert "delete" in history.deleted
    assert [parts.pictures(one.metadata.uid) for one in (due, doomed)] == [[], []]
    assert history.handed_back(*told) <= {Reason.REBALANCED}
    history.check()


async def test_closed_workers_get_no_more_jobs_give_back_what_waits_and_keep_what_runs(
    parts: Installation,
) -> None:
    history = parts.history
    await parts.pods.report("quick-3", ready=False)
    running = {"not-ready": "quick-0", "terminating": "quick-1", "draining": "quick-2"}
    for name in running:
        await parts.apply(f"runs-{name}", steps=30 if name == "draining" else 100)
        await history.until_phase(f"runs-{name}", Phase.CLAIMED, Phase.PROCESSING)
    for name in running:
        await parts.apply(f"waits-{name}", steps=1)
        await history.until_phase(f"waits-{name}", Phase.CLAIMED)
        await history.until_phase(f"runs-{name}", Phase.PROCESSING)
    holders = {name: history.now(f"runs-{name}").worker_name for name in running}
    assert holders == running == {name: history.now(f"waits-{name}").worker_name for name in running}

    await parts.pods.report("quick-0", ready=False)
    for name in ("quick-1", "quick-2"):
        pod = await parts.cluster.get(PODS, parts.namespace, name)
        await parts.cluster.delete(PODS, parts.namespace, name, pod["metadata"]["uid"], grace_s=600)
    (draining,) = parts.processes("quick-2")
    os.kill(draining.pid, signal.SIGTERM)
    await history.until_phase("waits-draining", Phase.PENDING)
    await parts.apply("new", steps=1)
    for job in ("waits-draining", "new"):
        await until_told_why(parts, job)
    begun = {name: history.now(f"runs-{name}").progress for name in running}
    await parts.pods.report("quick-3", ready=True)

    told = await history.until_ended("new", "runs-draining", *[f"waits-{name}" for name in running])
    assert await draining.wait() == 0
    assert {name: (one.phase, one.worker_name, one.failures or 0) for name, one in told.items()} == {
        "new": (Phase.COMPLETED, "quick-3", 0),
        "runs-draining": (Phase.COMPLETED, "quick-2", 0),
        "waits-not-ready": (Phase.COMPLETED, "quick-3", 0),
        "waits-terminating": (Phase.COMPLETED, "quick-3", 0),
        "waits-draining": (Phase.COMPLETED, "quick-3", 0),
    }
    for name in ("not-ready", "terminating"):
        runs = f"runs-{name}"
        await history.until(partial(has_moved, history, runs, begun[name]), f"{runs} goes on")
        status = history.now(runs)
        assert (status.phase, status.attempt) == (Phase.PROCESSING, 1)
        await parts.cancel(f"runs-{name}")
        await history.until_ended(f"runs-{name}")
    history.check()
