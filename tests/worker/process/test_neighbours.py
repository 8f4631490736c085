"""A worker process and the jobs of a further namespace, in which it may do little and at times nothing."""

import asyncio
import re
from itertools import count
from typing import Any

import pytest
from PIL import Image
from tests.worker.process.conftest import SEEN_WITHIN_S, Station, Worker

from picshapes_crds import patches
from picshapes_crds.clock import SystemClock
from picshapes_crds.cluster import JOBS, ForbiddenError, NotFoundError
from picshapes_crds.cluster.kube import KubeCluster
from picshapes_crds.phases import Phase
from picshapes_crds.resource import GenerationJob
from picshapes_crds.workers import read_lease

SLOW = {"PICSHAPES_NULL_STEP_S": "0.2"}


def is_processing(job: GenerationJob) -> bool:
    return job.status.phase is Phase.PROCESSING


async def claimed(station: Station, worker: Worker, name: str, namespace: str, **spec: Any) -> GenerationJob:
    return await station.claim(await station.create(name, namespace, **spec), worker)


async def until_denied(station: Station, worker: Worker) -> None:
    """Wait until the API server lets a worker see nothing of the neighbour's any more."""
    clock = SystemClock()
    async with (
        await KubeCluster.connect(station.kubeconfig(worker.pod_name)) as own,
        asyncio.timeout(SEEN_WITHIN_S),
    ):
        while True:
            try:
                await own.get(JOBS, station.neighbour, "any")
            except ForbiddenError:
                return
            except NotFoundError:
                await clock.sleep(0.1)


async def test_namesakes_of_two_namespaces_are_drawn_in_the_order_of_their_claims_each_under_its_own_uid(
    station: Station, demo_catalogue: str
) -> None:
    neighbour = await station.found_neighbour()
    await station.allow_neighbour()
    settings = {
        "PICSHAPES_ENGINE": "diffusers",
        "PICSHAPES_CATALOGUE": demo_catalogue,
        "PICSHAPES_MODELS": "flux-schnell",
    }
    worker = await station.start("w", neighbour | settings)
    await claimed(station, worker, "before", station.neighbour)
    await station.until_ended("before", station.neighbour)  # so the worker watches both by now
    lease = await station.until_lease(worker, lambda _: True)
    assert read_lease(lease).namespaces == {station.namespace, station.neighbour}
    first = await claimed(station, worker, "first", station.namespace, steps=100)
    theirs = await claimed(station, worker, "a", station.neighbour, prompt="a blue square")
    mine = await claimed(station, worker, "a", station.namespace, prompt="a green triangle")
    ends = [
        await station.until_ended("first"),
        await station.until_ended("a", station.neighbour),
        await station.until_ended("a"),
    ]

    assert [end.metadata.uid for end in ends] == [first.metadata.uid, theirs.metadata.uid, mine.metadata.uid]
    assert {end.status.phase for end in ends} == {Phase.COMPLETED}
    begun = [end.status.started_at for end in ends]
    assert begun == sorted(one for one in begun if one)
    said = {}
    for uid in (theirs.metadata.uid, mine.metadata.uid):
        with Image.open(worker.storage / uid / "1.png") as picture:
            said[uid] = picture.info["Description"]
    assert said == {theirs.metadata.uid: "a blue square", mine.metadata.uid: "a green triangle"}


async def test_on_sigterm_a_waiting_job_of_the_neighbour_goes_back(station: Station) -> None:
    worker = await station.start("w", await station.found_neighbour() | SLOW)
    await station.allow_neighbour()
    await claimed(station, worker, "running", station.neighbour, steps=10)
    await station.until("running", is_processing, station.neighbour)
    await claimed(station, worker, "waiting", station.neighbour)
    assert await worker.child.stop() == 0

    waiting = await station.read("waiting", station.neighbour)
    running = await station.read("running", station.neighbour)
    assert (waiting.status.phase, waiting.status.attempt) == (Phase.PENDING, 1)
    assert (waiting.status.worker_name, waiting.status.failures) == (None, None)
    assert running.status.phase is Phase.COMPLETED


async def test_a_neighbour_that_may_not_be_read_leaves_the_worker_at_work_and_its_jobs_run_once_it_may(
    station: Station,
) -> None:
    worker = await station.start("w", await station.found_neighbour())
    theirs = await claimed(station, worker, "a", station.neighbour)
    refusal = f'in the namespace "{station.neighbour}"'
    async with asyncio.timeout(SEEN_WITHIN_S):
        for number in count():
            await claimed(station, worker, f"own-{number}", station.namespace)
            assert (await station.until_ended(f"own-{number}")).status.phase is Phase.COMPLETED
            if refusal in worker.child.log.tail(100):
                break
    assert (await worker.probe("/readyz")).status_code == 200
    assert re.search(
        r"^picshapes_worker_watch_restarts [1-9]", (await worker.probe("/metrics")).text, re.MULTILINE
    )
    still = await station.read("a", station.neighbour)
    assert still.metadata.resource_version == theirs.metadata.resource_version

    await station.allow_neighbour()
    assert (await station.until_ended("a", station.neighbour)).status.phase is Phase.COMPLETED


async def test_a_job_of_a_neighbour_whose_binding_is_deleted_holds_up_no_other_and_ends_once_it_is_there_again(
    station: Station,
) -> None:
    worker = await station.start("w", await station.found_neighbour() | SLOW)
    await station.allow_neighbour()
    await claimed(station, worker, "a", station.neighbour, steps=30)
    await station.until("a", is_processing, station.neighbour)
    await station.deny_neighbour()
    await until_denied(station, worker)
    for name in ("first", "second"):
        await claimed(station, worker, name, station.namespace)
        assert (await station.until_ended(name)).status.phase is Phase.COMPLETED
    assert (await station.read("a", station.neighbour)).status.phase is Phase.PROCESSING
    assert (await worker.probe("/readyz")).status_code == 200

    await station.allow_neighbour()
    done = await station.until_ended("a", station.neighbour)
    assert (done.status.phase, done.status.attempt) == (Phase.COMPLETED, 1)
    assert f"job={station.neighbour}/a" in worker.child.log.tail(100)


async def test_a_worker_may_change_the_status_only_of_those_of_a_neighbours_jobs_that_its_own_pod_holds(
    station: Station,
) -> None:
    worker = await station.start("w", await station.found_neighbour() | SLOW)
    other = await station.start("other", {})  # it does not know the neighbour, and leaves its claim alone
    await station.allow_neighbour()
    theirs = await claimed(station, other, "theirs", station.neighbour)
    mine = await claimed(station, worker, "mine", station.neighbour, steps=20)
    now = SystemClock().now()

    def begin(job: GenerationJob) -> list[dict[str, Any]]:
        status = job.status
        assert status.worker_id is not None
        fence = patches.Fence(job.metadata.uid, status.worker_id, status.attempt)
        return patches.processing(fence, now, 7, "0/20")

    async with await KubeCluster.connect(station.kubeconfig("w")) as own:
        with pytest.raises(ForbiddenError, match="only of jobs that its own pod holds"):
            await own.json_patch(JOBS, station.neighbour, "theirs", begin(theirs), "status")
        with pytest.raises(ForbiddenError):
            await own.merge_patch(JOBS, station.neighbour, "mine", {"spec": {"cancelRequested": True}})
        with pytest.raises(ForbiddenError):
            await own.delete(JOBS, station.neighbour, "mine", mine.metadata.uid)
    ended = await station.until_ended("mine", station.neighbour)
    assert (ended.status.phase, ended.status.worker_name) == (Phase.COMPLETED, "w")
    assert (await station.read("theirs", station.neighbour)).status.phase is Phase.CLAIMED
