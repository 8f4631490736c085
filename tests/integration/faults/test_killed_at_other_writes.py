"""The operator is killed where it takes jobs back and deletes them: each write counts once, whoever makes it.

As at its claims (`test_killed.py`), a write is never sent, or done and unheard of, or late.
"""

import asyncio
import uuid
from collections.abc import AsyncIterator
from typing import Final

import pytest_asyncio

from picshapes_crds.cluster import JOBS
from picshapes_crds.phases import Phase, Reason

from .conftest import Install
from .gate import Held
from .installation import Installation, kill_all

WORKERS: Final = ("worker-0", "worker-1", "worker-2")
MORE: Final = ("worker-3", "worker-4", "worker-5")
POINTS: Final = ("never sent", "unheard", "late")
SLOW: Final = {"PICSHAPES_NULL_STEP_S": "2"}
"""A job of 20 steps lasts 40 s: on a busy machine as well, nothing here ends before the operator is back."""


@pytest_asyncio.fixture
async def shaken(install: Install) -> AsyncIterator[Installation]:
    async with install(f"other-writes-{uuid.uuid4().hex[:8]}", 0.2) as started:
        slow = [started.start_worker(name, SLOW) for name in WORKERS]
        await asyncio.gather(started.start_operator(), *slow)
        yield started


async def killed_and_back(parts: Installation, unheard: list[tuple[Held, int]], never: list[Held]) -> None:
    """Bring some held writes to the API server with nobody to hear of it, kill the operator, and start another."""
    for held, status in unheard:
        assert await held.let_through_unheard() == status
    await parts.kill("operator")
    for held in never:
        held.drop()


async def run_on_each(parts: Installation, steps: int) -> list[str]:
    """Have each worker run a job, and return the jobs' names."""
    names = [f"runs-{number}" for number in range(len(WORKERS))]
    for name in names:
        await parts.apply(name, steps=steps)
    for name in names:
        await parts.history.until_phase(name, Phase.PROCESSING)
    return names


async def test_jobs_that_are_taken_back_for_a_free_worker_are_claimed_once_more(shaken: Installation) -> None:
    history, gate = shaken.history, shaken.gates["operator"]
    await asyncio.gather(*map(shaken.start_worker, MORE))
    for name in MORE:
        await shaken.pods.report(name, ready=False)
    await shaken.until_figure("operator", 'picshapes_workers{state="not_accepting"} 3.0')
    running = await run_on_each(shaken, 100)
    waiting = [f"waits-{number}" for number in range(len(WORKERS))]
    for name in waiting:
        await shaken.apply(name, steps=1)
        await history.until_phase(name, Phase.CLAIMED)
    never, unheard, late = [gate.hold("Pending") for _ in POINTS]
    for name in MORE:
        await shaken.pods.report(name, ready=True)
    jobs = dict(zip(POINTS, [await one.arrived() for one in (never, unheard, late)], strict=True))
    assert sorted(jobs.values()) == waiting
    await killed_and_back(shaken, [(unheard, 200)], [never])
    await shaken.start_again("operator")
    await history.until_claimed(jobs["late"], 2)
    assert await late.let_through() == 409

    told = await history.until_ended(*waiting)
    assert {(one.phase, one.attempt, one.failures or 0) for one in told.values()} == {(Phase.COMPLETED, 2, 0)}
    assert history.handed_back(*waiting) == {Reason.REBALANCED}
    assert {(history.now(name).phase, history.now(name).attempt) for name in running} == {(Phase.PROCESSING, 1)}
    assert history.fullest == 2
    history.check()
    await shaken.kill(*WORKERS)  # asked to stop, they would end their jobs first


async def test_jobs_of_lost_workers_count_one_loss_and_ended_ones_are_deleted_once(shaken: Installation) -> None:
    history, gate = shaken.history, shaken.gates["operator"]
    ended = [f"ended-{number}" for number in range(len(POINTS))]
    for name in ended:
        await shaken.apply(name, steps=1)
    await history.until_ended(*ended)
    running = await run_on_each(shaken, 20)
    deletes = [gate.hold("delete") for _ in POINTS]
    for name in ended:
        at_once = {"spec": {"ttlSecondsAfterFinished": 0}}
        await shaken.cluster.merge_patch(JOBS, shaken.namespace, name, at_once)
    gone = dict(zip(POINTS, [await one.arrived() for one in deletes], strict=True))
    assert sorted(gone.values()) == ended
    requeues = [gate.hold("Pending") for _ in POINTS]
    await kill_all(shaken.processes(*WORKERS))
    await asyncio.gather(*map(shaken.delete_pod, WORKERS))
    jobs = dict(zip(POINTS, [await one.arrived() for one in requeues], strict=True))
    assert sorted(jobs.values()) == running
    never, unheard, late = zip(requeues, deletes, strict=True)
    await killed_and_back(shaken, [(unheard[0], 200), (unheard[1], 200)], list(never))
    await asyncio.gather(*map(shaken.start_worker, WORKERS))
    await shaken.start_again("operator")
    await history.until(lambda: history.deleted >= set(ended), "the jobs are deleted")
    await history.until_claimed(jobs["late"], 2)
    assert [await one.let_through() for one in late] == [409, 404]

    told = await history.until_ended(*running)
    losses = {(one.phase, one.attempt, one.failures, one.workers_lost) for one in told.values()}
    assert losses == {(Phase.COMPLETED, 2, 1, 1)}
    assert history.handed_back(*running) == {Reason.WORKER_LOST}
    assert history.deleted == set(ended)
    history.check()
