"""How a worker process starts, is seen to live, and ends."""

import re
from pathlib import Path

import pytest
from tests.worker.process.conftest import Station

from picshapes_crds.cluster import PODS, NotFoundError
from picshapes_crds.phases import Phase
from picshapes_crds.workers import read_lease, read_pod

DIFFUSERS = {"PICSHAPES_ENGINE": "diffusers"}


@pytest.fixture
def without_weights(demo_catalogue: str, tmp_path: Path) -> str:
    file = tmp_path / "catalogue.yaml"
    file.write_text(Path(demo_catalogue).read_text().replace("random-weights", "no-weights"))
    return str(file)


async def test_a_ready_worker_is_labelled_and_holds_its_lease(station: Station) -> None:
    worker = await station.start("w", {"PICSHAPES_VRAM_MIB": "23034", "PICSHAPES_MODELS": "flux-schnell"})
    obj = await station.cluster.get(PODS, station.namespace, "w")
    pod = read_pod(obj)
    lease = read_lease(await station.lease(worker))

    assert (pod.vram_mib, pod.profile, list(pod.weights)) == (23_034, "demo", ["flux-schnell"])
    assert len(lease.worker_id) == 32
    assert lease.loaded == {"flux-schnell"}
    assert (await station.lease(worker))["metadata"]["ownerReferences"][0]["uid"] == pod.uid
    assert (await worker.probe("/healthz")).status_code == 200
    metrics = (await worker.probe("/metrics")).text
    assert "picshapes_worker_device_memory_mib 23034.0" in metrics
    assert "picshapes_worker_ready 1.0" in metrics
    assert re.search(r"^picshapes_worker_lease_renewals [1-9]", metrics, re.MULTILINE)
    assert 'picshapes_worker_model_loaded{model="flux-schnell"} 1.0' in metrics
    assert 'picshapes_worker_jobs_total{model="flux-schnell",reason="StorageFailed"} 0.0' in metrics


async def test_the_lease_is_renewed_and_keeps_its_holder(station: Station) -> None:
    worker = await station.start("w", {})
    first = read_lease(await station.lease(worker))
    later = read_lease(await station.until_lease(worker, lambda one: read_lease(one).renewed != first.renewed))

    assert later.worker_id == first.worker_id


async def test_on_sigterm_the_waiting_job_goes_back_and_the_running_one_ends(station: Station) -> None:
    worker = await station.start("w", {"PICSHAPES_NULL_STEP_S": "0.2"})
    await station.claim(await station.create("running", steps=10), worker)
    await station.until("running", lambda job: job.status.phase is Phase.PROCESSING)
    await station.claim(await station.create("waiting"), worker)
    assert await worker.child.stop() == 0

    waiting, running = await station.read("waiting"), await station.read("running")
    assert (waiting.status.phase, waiting.status.attempt) == (Phase.PENDING, 1)
    assert (waiting.status.worker_name, waiting.status.failures) == (None, None)
    assert (running.status.phase, running.status.attempt) == (Phase.COMPLETED, 1)
    assert read_lease(await station.lease(worker)).worker_id == ""


async def test_an_idle_worker_ends_on_sigterm_with_0(station: Station) -> None:
    worker = await station.start("w", {})

    assert await worker.child.stop() == 0


async def test_a_worker_that_still_starts_ends_on_sigterm_with_0(station: Station, demo_catalogue: str) -> None:
    worker = await station.start("w", DIFFUSERS | {"PICSHAPES_CATALOGUE": demo_catalogue}, ready=False)
    await worker.until_answers("/healthz")

    assert await worker.child.stop() == 0


async def test_a_worker_whose_pod_is_being_deleted_when_it_starts_ends_with_0(station: Station) -> None:
    """A container's first process that has no handler yet never hears the SIGTERM."""
    token = await station.pod_token("w")
    held = {"metadata": {"finalizers": ["example.org/held"]}}
    pod = await station.cluster.merge_patch(PODS, station.namespace, "w", held)
    await station.cluster.delete(PODS, station.namespace, "w", pod["metadata"]["uid"])
    worker = await station.start("w", {}, ready=False, token=token)

    assert await worker.child.wait() == 0
    with pytest.raises(NotFoundError):
        await station.lease(worker)
    free = {"metadata": {"finalizers": None}}
    await station.cluster.merge_patch(PODS, station.namespace, "w", free)


async def test_a_restarted_process_takes_over_and_the_older_one_ends(station: Station) -> None:
    old = await station.start("w", {})
    new = await station.start("w", {})
    assert await old.child.wait() == 1
    await station.claim(await station.create("a"), new)

    assert (await station.until_ended("a")).status.phase is Phase.COMPLETED
    assert "another process" not in new.child.log.tail()
    assert "is held by" in old.child.log.tail()


@pytest.mark.parametrize(
    ("settings", "status", "sentence"),
    [
        ({"PICSHAPES_STORAGE_URL": "nonsense"}, 2, "can't use the storage URL nonsense"),
        ({"PICSHAPES_KUBECONFIG": "/nowhere"}, 2, "can't find the API server"),
        ({"PICSHAPES_POD_NAME": "unknown"}, 1, "there is no pod unknown in the namespace"),
    ],
)
async def test_a_worker_that_cannot_start_says_why_and_ends(
    station: Station, settings: dict[str, str], status: int, sentence: str
) -> None:
    worker = await station.start("w", settings, ready=False)

    assert await worker.child.wait() == status
    assert sentence in worker.child.log.tail()
    assert "Traceback" not in worker.child.log.tail()


async def test_weights_that_are_missing_end_the_worker_and_leave_the_pod_unlabelled(
    station: Station, without_weights: str
) -> None:
    worker = await station.start("w", DIFFUSERS | {"PICSHAPES_CATALOGUE": without_weights}, ready=False)

    assert await worker.child.wait() == 1
    assert "are missing: there is no folder" in worker.child.log.tail()
    assert read_pod(await station.cluster.get(PODS, station.namespace, "w")).vram_mib is None
