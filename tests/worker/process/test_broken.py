"""What a worker process does when its engine breaks, as the API server sees it."""

from pathlib import Path

from tests.worker.process.conftest import Station

from picshapes_crds.phases import ConditionType, Phase
from picshapes_crds.workers import read_lease

PLANTED = [str(Path(__file__).with_name("planted.py"))]
IN_A_THREAD = {"PICSHAPES_NULL_STEP_S": "0.05"}
BRIEF = IN_A_THREAD | {"PICSHAPES_STEP_BUDGET_S": "2"}


async def test_a_poisoned_process_ends_and_only_the_guilty_job_is_left_to_its_loss(station: Station) -> None:
    worker = await station.start("w", IN_A_THREAD, program=PLANTED)
    await station.claim(await station.create("before", steps=40), worker)
    await station.until("before", lambda job: job.status.phase is Phase.PROCESSING)
    await station.claim(await station.create("guilty", prompt="poison"), worker)
    await station.claim(await station.create("waiting"), worker)
    assert await worker.child.wait() == 1

    before, guilty, waiting = [await station.read(name) for name in ("before", "guilty", "waiting")]
    assert before.status.phase is Phase.COMPLETED
    assert (guilty.status.phase, guilty.status.worker_name) == (Phase.CLAIMED, "w")
    assert (waiting.status.phase, waiting.status.failures, waiting.status.workers_lost) == (
        Phase.PENDING,
        None,
        None,
    )
    assert read_lease(await station.lease(worker)).worker_id == ""
    assert "DEVICE_FAILED" in worker.child.log.tail()

    again = await station.start("w", IN_A_THREAD, program=PLANTED)
    await station.claim(await station.read("waiting"), again)
    assert (await station.until_ended("waiting")).status.phase is Phase.COMPLETED


async def test_a_process_that_hangs_says_where_and_ends(station: Station) -> None:
    worker = await station.start("w", BRIEF, program=PLANTED)
    await station.claim(await station.create("guilty", prompt="hang"), worker)
    await station.claim(await station.create("waiting"), worker)
    assert await worker.child.wait() == 1

    assert (await station.read("guilty")).status.worker_name == "w"
    assert (await station.read("waiting")).status.phase is Phase.PENDING
    log = worker.child.log.tail(100)
    assert "ENGINE_HUNG" in log
    assert "planted.py" in log


async def test_a_job_that_is_too_big_fails_and_the_lease_says_what_still_fits(station: Station) -> None:
    worker = await station.start("w", IN_A_THREAD, program=PLANTED)
    claimed = await station.claim(await station.create("a", prompt="too big"), worker)
    done = await station.until_ended("a")
    failed = done.status.condition(ConditionType.FAILED)
    assert failed is not None
    assert failed.reason == "OutOfMemory"
    assert claimed.status.resolved is not None
    limit = claimed.status.resolved.min_vram_mib - 1
    lease = await station.until_lease(worker, lambda one: bool(read_lease(one).limits_mib))
    assert read_lease(lease).limits_mib == {"flux-schnell": limit}
