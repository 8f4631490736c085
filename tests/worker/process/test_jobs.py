"""A worker process takes claimed jobs to their end."""

import hashlib

from tests.worker.process.conftest import Station, Worker

from picshapes_crds.phases import ConditionType, Phase

SLOW = {"PICSHAPES_NULL_STEP_S": "0.2"}
"""Steps that take a while: a job of 100 of them runs for 20 s."""


def stored(worker: Worker, key: str) -> bytes:
    return (worker.storage / key).read_bytes()


def keys(worker: Worker) -> list[str]:
    return sorted(str(one.relative_to(worker.storage)) for one in worker.storage.rglob("*.*"))


async def test_a_claimed_job_is_completed_and_its_picture_stored(station: Station) -> None:
    worker = await station.start("w", {"PICSHAPES_PUBLIC_URL": "https://pictures.example/"})
    job = await station.claim(await station.create("a", seed=7), worker)
    done = await station.until_ended("a")

    assert done.status.phase is Phase.COMPLETED
    result = done.status.result
    assert result is not None
    assert result.key == f"{job.metadata.uid}/1.png"
    content = stored(worker, result.key)
    assert result.sha256 == hashlib.sha256(content).hexdigest()
    assert result.bytes == len(content)
    assert result.content_type == "image/png"
    assert done.status.result_url == f"https://pictures.example/results/{job.metadata.uid}.png"
    assert (done.status.seed, done.status.progress) == (7, "4/4")
    assert [one.type for one in done.status.conditions or []] == [
        ConditionType.COMPLETE,
        ConditionType.FINISHED,
        ConditionType.SCHEDULED,
    ]


async def test_without_a_public_url_the_result_is_where_it_is_stored(station: Station) -> None:
    worker = await station.start("w", {})
    job = await station.claim(await station.create("a", outputFormat="jpeg"), worker)
    done = await station.until_ended("a")

    assert done.status.result_url == f"{worker.storage.as_uri()}/{job.metadata.uid}/1.jpg"


async def test_a_claim_of_an_earlier_process_of_the_pod_is_left_alone(station: Station) -> None:
    worker = await station.start("w", {})
    await station.claim(await station.create("a"), worker, worker_id="an-earlier-process")
    await station.claim(await station.create("b"), worker)
    await station.until_ended("b")

    assert (await station.read("a")).status.phase is Phase.CLAIMED
    assert len(keys(worker)) == 1


async def test_the_second_attempt_makes_the_same_picture_under_its_own_key(
    station: Station, demo_catalogue: str
) -> None:
    first = await station.start("first", SLOW)
    second = await station.start(
        "second", {"PICSHAPES_ENGINE": "diffusers", "PICSHAPES_CATALOGUE": demo_catalogue}
    )
    lost = await station.claim(await station.create("a", steps=100), first)
    running = await station.until("a", lambda job: job.status.phase is Phase.PROCESSING)
    first.child.kill()
    await first.child.wait()
    await station.claim(await station.requeue(running), second)
    done = await station.until_ended("a")
    twin = await station.claim(await station.create("b", steps=100, seed=done.status.seed), second)
    await station.until_ended("b")

    assert (done.status.phase, done.status.attempt, done.status.failures) == (Phase.COMPLETED, 2, 1)
    uid = lost.metadata.uid
    assert keys(second) == sorted([f"{uid}/2.png", f"{twin.metadata.uid}/1.png"])
    # Prompt, size, steps and seed are equal, so the files are.
    assert stored(second, f"{uid}/2.png") == stored(second, f"{twin.metadata.uid}/1.png")


async def test_a_worker_whose_claim_went_elsewhere_writes_nothing_more(station: Station) -> None:
    stale = await station.start("stale", SLOW)
    other = await station.start("other", {})
    await station.claim(await station.create("a", steps=100), stale)
    running = await station.until("a", lambda job: job.status.phase is Phase.PROCESSING)
    await station.claim(await station.requeue(running), other)
    done = await station.until_ended("a")
    # The stale worker is free again at once: it stopped within a step.
    await station.claim(await station.create("b", steps=1), stale)
    await station.until_ended("b")
    now = await station.read("a")

    assert (done.status.attempt, done.status.worker_name) == (2, "other")
    assert now.metadata.resource_version == done.metadata.resource_version
    assert f"{done.metadata.uid}/1.png" not in keys(stale)


async def test_a_long_job_shows_its_steps_and_stops_when_it_is_cancelled(station: Station) -> None:
    worker = await station.start("w", SLOW)
    job = await station.claim(await station.create("a", steps=100), worker)
    running = await station.until("a", lambda job: job.status.phase is Phase.PROCESSING)
    assert running.status.started_at is not None
    assert running.status.progress is not None
    await station.cancel(job)
    done = await station.until_ended("a")

    failed = done.status.condition(ConditionType.FAILED)
    assert failed is not None
    assert (failed.reason, failed.message) == ("Cancelled", "cancelled on request")
    assert done.status.progress is not None
    assert int(done.status.progress.partition("/")[0]) < 100
    assert done.status.result is None
    assert keys(worker) == []
