"""A part is killed outright while jobs stand at every point of their lives, and started again: each job ends once.

One kill hits all points at once. The three points of a write are told apart at a gate: it was never sent, it was
done and its maker never heard of it, or it arrives late, when a successor has decided anew.
"""

import asyncio
from collections.abc import AsyncIterator
from typing import Final

import pytest
import pytest_asyncio

from picshapes_crds.phases import Phase

from .conftest import Install
from .installation import Installation, kill_all

pytestmark = pytest.mark.asyncio(loop_scope="module")
STEP_S: Final = 0.2
"""A job of 8 steps takes 1.6 s: long enough to be seen Processing, from 1 s on."""
WORKERS: Final = ("worker-0", "worker-1", "worker-2")
COMPLETED: Final = "Completed, no work lost"
CANCELLED: Final = "Failed, no work lost"
AFTER_LOSS: Final = "Completed, work lost once"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shaken(install: Install) -> AsyncIterator[Installation]:
    async with install("killed", STEP_S) as started:
        parts = [started.start_operator(), started.start_api(), *map(started.start_worker, WORKERS)]
        await asyncio.gather(*parts)
        yield started


async def ends(shaken: Installation, jobs: dict[str, str]) -> dict[str, str]:
    """Wait for the end of jobs, each by the point at which it was hit; hold their lives to the rules."""
    told = await shaken.history.until_ended(*jobs.values())
    assert await shaken.until_told(*jobs.values()) == {job: one.phase.lower() for job, one in told.items()}
    shaken.history.check()
    assert shaken.history.fullest == 2
    for job, status in told.items():
        if status.result is None:
            assert (status.phase, shaken.pictures(job)) == (Phase.FAILED, [])
            continue
        assert status.result.key == f"{job}/{status.attempt}.png"
        assert f"{status.attempt}.png" in shaken.pictures(job)
    losses = {0: "no work lost", 1: "work lost once"}
    return {point: f"{told[job].phase.value}, {losses[told[job].failures or 0]}" for point, job in jobs.items()}


async def test_jobs_outlive_an_operator_that_is_killed_at_any_point(shaken: Installation) -> None:
    history, credit = shaken.history, await shaken.credits()
    operator, worker = shaken.gates["operator"], shaken.gates["worker"]
    jobs = {"had ended": await shaken.submit()}
    await history.until_ended(jobs["had ended"])
    ending, ended, lasting = [worker.hold("Completed") for _ in WORKERS]
    never, unheard, late = [operator.hold("Claimed") for _ in range(3)]
    for point, claim in (("claim never sent", never), ("claim unheard", unheard), ("claim late", late)):
        jobs[point] = await shaken.submit()
        assert await claim.arrived() == jobs[point]
    others = [await shaken.submit() for _ in range(4)]
    end_unheard, end_late = [operator.hold("Failed") for _ in range(2)]
    for point, end in (("end unheard", end_unheard), ("end late", end_late)):  # no place is free for these
        jobs[point] = await shaken.submit()
        await shaken.cancel_by_rest(jobs[point])
        assert await end.arrived() == jobs[point]
    jobs |= {"ends meanwhile": await ending.arrived(), "just ended": await ended.arrived()}
    jobs["ends later"] = await lasting.arrived()
    jobs |= {f"another {number}": job for number, job in enumerate(others) if job not in jobs.values()}
    assert await ended.let_through() == 200
    assert [await one.let_through_unheard() for one in (unheard, end_unheard)] == [200, 200]
    await shaken.kill("operator")
    assert await ending.let_through() == 200
    never.drop()

    await shaken.start_again("operator")
    await history.until_phase(jobs["claim late"], Phase.CLAIMED, Phase.PROCESSING, Phase.COMPLETED)
    await history.until_ended(jobs["end late"])
    assert [await one.let_through() for one in (late, end_late, lasting)] == [409, 409, 200]
    cancelled = dict.fromkeys(("end unheard", "end late"), CANCELLED)
    assert await ends(shaken, jobs) == dict.fromkeys(jobs, COMPLETED) | cancelled
    assert history.handed_back(*jobs.values()) <= {"Rebalanced"}
    assert await shaken.credits() == credit - len(jobs) + len(cancelled)
    await shaken.check_books()


@pytest.mark.parametrize("what", ["process", "pod", "pod, and the old process lives on"])
async def test_jobs_outlive_workers_that_are_replaced_at_any_point(shaken: Installation, what: str) -> None:
    history, credit = shaken.history, await shaken.credits()
    gate = shaken.gates["worker"]
    never, unheard, late = [gate.hold("Completed") for _ in range(3)]
    for _ in WORKERS:
        await shaken.submit()
    jobs = {
        "end never sent": await never.arrived(),
        "end unheard": await unheard.arrived(),
        "end late": await late.arrived(),
    }
    late_begin = gate.hold("Processing")
    begun = [await shaken.submit() for _ in WORKERS]
    jobs["begin late"] = await late_begin.arrived()
    begun.remove(jobs["begin late"])
    for number, job in enumerate(begun):
        jobs[f"processing {number}"] = job
        await history.until_phase(job, Phase.PROCESSING)
    jobs |= {"waits on its worker": await shaken.submit(), "pending": await shaken.submit()}
    old = shaken.processes(*WORKERS)
    assert await unheard.let_through_unheard() == 200
    await history.until_phase(jobs["waits on its worker"], Phase.CLAIMED)

    if what != "pod, and the old process lives on":
        await kill_all(old)
        never.drop()
    if what == "process":
        await shaken.start_again(*WORKERS)
    else:
        await asyncio.gather(*map(shaken.delete_pod, WORKERS))
        await asyncio.gather(*map(shaken.start_worker, WORKERS))
    for held, job in ((late, jobs["end late"]), (late_begin, jobs["begin late"])):
        await history.until_claimed(job, 2)
        assert await held.let_through() in (401, 422)

    assert await ends(shaken, jobs) == {
        "end never sent": AFTER_LOSS,
        "end unheard": COMPLETED,
        "end late": AFTER_LOSS,
        "begin late": COMPLETED,
        "processing 0": AFTER_LOSS,
        "processing 1": AFTER_LOSS,
        "waits on its worker": COMPLETED,
        "pending": COMPLETED,
    }
    assert len(history.claims(jobs["end unheard"])) == 1
    assert await shaken.credits() == credit - len(jobs)
    await shaken.check_books()
    if what == "pod, and the old process lives on":
        never.drop()
        await kill_all(old)
