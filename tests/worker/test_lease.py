"""A process says by its Lease that it lives, and learns from it that another took its place."""

import asyncio
import random
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest
from tests.worker.memory import WITHIN_S, Fault, HandClock, MemoryCluster

from picshapes_crds.cluster import Json, UnavailableError
from picshapes_crds.workers import WorkerPod, read_lease
from picshapes_worker.lease import Holder, LeaseKeeper, LeaseLostError

POD = WorkerPod("n", "w", "uid-w", 1, ready=True, terminating=False, ended=False)


def keeper(memory: MemoryCluster, clock: HandClock, worker_id: str = "process-1") -> LeaseKeeper:
    return LeaseKeeper(memory, Holder(POD, worker_id), clock, random.Random(0), renewal_s=0.01)


def lease(memory: MemoryCluster) -> Json:
    return memory.objects["leases", "n", "w"]


@asynccontextmanager
async def held(one: LeaseKeeper, may_renew: Callable[[], bool] = lambda: True) -> AsyncIterator[list[None]]:
    """Hold the Lease within the block; the list grows with every write."""
    renewals: list[None] = []
    holding = asyncio.create_task(one.hold(may_renew, lambda: renewals.append(None)))
    yield renewals
    one.end()
    async with asyncio.timeout(WITHIN_S):
        await holding


async def test_the_lease_names_the_process_and_is_owned_by_its_pod(
    memory: MemoryCluster, clock: HandClock
) -> None:
    one = LeaseKeeper(memory, Holder(POD, "process-1"), clock, random.Random(0))
    one.models_loaded(frozenset({"z-image-turbo", "flux-schnell"}))
    async with held(one) as renewals:
        await memory.until(lambda: bool(renewals))
        assert lease(memory)["spec"] == {
            "holderIdentity": "process-1",
            "leaseDurationSeconds": 40,
            "acquireTime": "2026-01-01T12:00:00.000000Z",
            "renewTime": "2026-01-01T12:00:00.000000Z",
        }
        assert lease(memory)["metadata"]["ownerReferences"] == [
            {"apiVersion": "v1", "kind": "Pod", "name": "w", "uid": "uid-w"}
        ]
        assert memory.calls[1:] == []
        annotations = lease(memory)["metadata"]["annotations"]
        assert annotations == {
            "picshapes.io/loaded-models": "flux-schnell,z-image-turbo",
            "picshapes.io/memory-limits-mib": "",
            "picshapes.io/job-namespaces": "",
        }


@pytest.mark.parametrize("neighbours", [(), ("team-a", "team-b")])
async def test_the_lease_says_whose_jobs_the_process_watches_and_renewals_leave_that(
    memory: MemoryCluster, clock: HandClock, neighbours: tuple[str, ...]
) -> None:
    async with held(keeper(memory, clock, "of-old")):
        pass
    one = LeaseKeeper(memory, Holder(POD, "process-1", neighbours), clock, random.Random(0), renewal_s=0.01)
    async with held(one) as renewals:
        await memory.until(lambda: len(renewals) > 1)
        assert read_lease(lease(memory)).namespaces == {"n", *neighbours}


async def test_the_lease_is_renewed(memory: MemoryCluster, clock: HandClock) -> None:
    async with held(keeper(memory, clock)) as renewals:
        await memory.until(lambda: len(renewals) == 1)
        clock.passed_s = 10
        await memory.until(lambda: len(renewals) == 3)
        assert lease(memory)["spec"]["renewTime"] == "2026-01-01T12:00:10.000000Z"


async def test_an_unwell_process_does_not_renew(memory: MemoryCluster, clock: HandClock) -> None:
    well = True
    asked = asyncio.Event()

    def may_renew() -> bool:
        asked.set()
        return well

    async with held(keeper(memory, clock), may_renew) as renewals:
        await memory.until(lambda: len(renewals) == 2)
        well = False
        for _ in range(3):
            asked.clear()
            await asked.wait()
        assert len(renewals) == 2
        well = True
        await memory.until(lambda: len(renewals) == 3)


async def test_a_change_of_the_loaded_models_is_written_at_once(memory: MemoryCluster, clock: HandClock) -> None:
    one = LeaseKeeper(memory, Holder(POD, "process-1"), clock, random.Random(0))
    async with held(one) as renewals:
        await memory.until(lambda: len(renewals) == 1)
        one.models_loaded(frozenset({"flux-schnell"}))
        await memory.until(lambda: len(renewals) == 2)
        assert lease(memory)["metadata"]["annotations"]["picshapes.io/loaded-models"] == "flux-schnell"
        one.models_loaded(frozenset({"flux-schnell"}))

    assert [verb for verb, _ in memory.calls] == ["create", "merge_patch", "merge_patch"]


async def test_a_limit_of_the_memory_is_written_at_once(memory: MemoryCluster, clock: HandClock) -> None:
    one = LeaseKeeper(memory, Holder(POD, "process-1"), clock, random.Random(0))
    async with held(one) as renewals:
        await memory.until(lambda: len(renewals) == 1)
        one.memory_limits({"z-image-turbo": 20_999, "flux-schnell": 32_999})
        await memory.until(lambda: len(renewals) == 2)
        told = lease(memory)["metadata"]["annotations"]["picshapes.io/memory-limits-mib"]
        assert told == "flux-schnell=32999,z-image-turbo=20999"


async def test_what_still_loads_is_written_with_the_lease_and_goes_once_nothing_does(
    memory: MemoryCluster, clock: HandClock
) -> None:
    one = keeper(memory, clock)
    one.loading("flux-schnell loading")
    async with held(one) as renewals:
        await memory.until(lambda: bool(renewals))
        assert lease(memory)["metadata"]["annotations"]["picshapes.io/loading"] == "flux-schnell loading"
        one.loading("")
        await memory.until(lambda: "picshapes.io/loading" not in lease(memory)["metadata"]["annotations"])


async def test_a_percentage_that_runs_is_not_written_each_time_and_its_last_value_always(
    memory: MemoryCluster, clock: HandClock
) -> None:
    one = LeaseKeeper(memory, Holder(POD, "process-1"), clock, random.Random(0))
    async with held(one) as renewals:
        await memory.until(lambda: bool(renewals))
        for percent in range(100):
            one.loading(f"flux-schnell pulling {percent}%")
            await asyncio.sleep(0)
        await memory.until(
            lambda: (
                lease(memory)["metadata"]["annotations"].get("picshapes.io/loading") == "flux-schnell pulling 99%"
            )
        )

    progress = [body for verb, body in memory.calls if verb == "merge_patch" and "annotations" in body["metadata"]]
    assert len(progress) == 2


async def test_a_process_that_takes_over_does_not_keep_what_the_earlier_one_loaded(
    memory: MemoryCluster, clock: HandClock
) -> None:
    old = keeper(memory, clock)
    old.loading("flux-schnell pulling 3%")
    async with held(old) as first:
        await memory.until(lambda: bool(first))
    async with held(keeper(memory, clock, "process-2")) as second:
        await memory.until(lambda: bool(second))
        assert "picshapes.io/loading" not in lease(memory)["metadata"]["annotations"]


async def test_a_restarted_process_takes_the_lease_over(memory: MemoryCluster, clock: HandClock) -> None:
    async with held(keeper(memory, clock)) as first:
        await memory.until(lambda: bool(first))
    async with held(keeper(memory, clock, "process-2")) as second:
        await memory.until(lambda: bool(second))
        assert lease(memory)["spec"]["holderIdentity"] == "process-2"


async def test_a_process_whose_lease_was_taken_over_ends(memory: MemoryCluster, clock: HandClock) -> None:
    old = asyncio.create_task(keeper(memory, clock).hold(lambda: True, lambda: None))
    await memory.until(lambda: ("leases", "n", "w") in memory.objects)
    async with held(keeper(memory, clock, "process-2")):
        with pytest.raises(LeaseLostError, match="held by process-2"):
            async with asyncio.timeout(WITHIN_S):
                await old


async def test_a_change_by_someone_else_that_leaves_the_holder_is_no_loss(
    memory: MemoryCluster, clock: HandClock
) -> None:
    async with held(keeper(memory, clock)) as renewals:
        await memory.until(lambda: len(renewals) == 1)
        memory.put("leases", lease(memory))
        await memory.until(lambda: len(renewals) == 3)


async def test_a_lease_that_was_deleted_is_made_again(memory: MemoryCluster, clock: HandClock) -> None:
    async with held(keeper(memory, clock)) as renewals:
        await memory.until(lambda: len(renewals) == 1)
        del memory.objects["leases", "n", "w"]
        await memory.until(lambda: ("leases", "n", "w") in memory.objects)


async def test_renewals_that_are_not_answered_are_tried_again_soon(
    memory: MemoryCluster, clock: HandClock
) -> None:
    memory.faults["merge_patch"] = [Fault(UnavailableError("no answer"), applied=True)] * 2
    async with held(keeper(memory, clock)) as renewals:
        await memory.until(lambda: len(renewals) == 2)


async def test_the_lease_names_no_holder_after_the_end(memory: MemoryCluster, clock: HandClock) -> None:
    async with held(keeper(memory, clock)) as renewals:
        await memory.until(lambda: bool(renewals))

    assert "holderIdentity" not in lease(memory)["spec"]


async def test_an_end_that_the_api_server_does_not_answer_is_an_end(
    memory: MemoryCluster, clock: HandClock
) -> None:
    one = LeaseKeeper(memory, Holder(POD, "process-1"), clock, random.Random(0))
    async with held(one) as renewals:
        await memory.until(lambda: bool(renewals))
        memory.faults["merge_patch"] = [Fault(UnavailableError("no answer"))]

    assert lease(memory)["spec"]["holderIdentity"] == "process-1"
