"""Writes of a status on a real API server: the current attempt's land, all others are refused."""

from datetime import UTC, datetime

import pytest

from picshapes_crds import patches
from picshapes_crds.catalogue import Catalogue
from picshapes_crds.cluster import JOBS, ConflictError, InvalidError
from picshapes_crds.cluster.kube import KubeCluster
from picshapes_crds.patches import Fence, Outcome
from picshapes_crds.phases import ConditionType, Phase, Reason
from picshapes_crds.resolve import resolve
from picshapes_crds.resource import GenerationJob, Resolved, Result, Timings

NOW = datetime(2026, 1, 1, 12, 0, tzinfo=UTC)
OUTCOME = Outcome(
    started_at=NOW,
    completed_at=NOW,
    seed=7,
    steps=4,
    result=Result(key="u/1.png", sha256="0" * 64, bytes=12, content_type="image/png"),
    result_url="file:///u/1.png",
    timings=Timings(inference_s=1.5, encode_s=0.1, upload_s=0.2),
)


async def claimed(cluster: KubeCluster, namespace: str) -> GenerationJob:
    made = await cluster.create(
        JOBS,
        namespace,
        {
            "apiVersion": "picshapes.io/v1alpha1",
            "kind": "GenerationJob",
            "metadata": {"name": "a"},
            "spec": {"prompt": "x", "model": "flux-schnell"},
        },
    )
    return await claim(cluster, GenerationJob.parse(made))


async def claim(cluster: KubeCluster, job: GenerationJob) -> GenerationJob:
    resolved = resolve(job.spec, Catalogue.load("demo"))
    assert isinstance(resolved, Resolved)
    return await status_patch(cluster, job, patches.claim(job, resolved, "w", "process-1", NOW))


async def status_patch(cluster: KubeCluster, job: GenerationJob, body: dict[str, object]) -> GenerationJob:
    return GenerationJob.parse(
        await cluster.merge_patch(JOBS, job.metadata.namespace, job.metadata.name, body, "status")
    )


def fence(job: GenerationJob) -> Fence:
    return Fence(job.metadata.uid, "process-1", job.status.attempt)


async def test_a_claim_names_worker_process_attempt_and_what_is_to_be_run(
    cluster: KubeCluster, namespace: str
) -> None:
    job = await claimed(cluster, namespace)
    assert (job.status.phase, job.status.attempt) == (Phase.CLAIMED, 1)
    assert (job.status.worker_name, job.status.worker_id) == ("w", "process-1")
    assert job.status.resolved is not None
    assert job.status.resolved.steps == 4
    scheduled = job.status.condition(ConditionType.SCHEDULED)
    assert scheduled is not None
    assert (scheduled.status, scheduled.reason) == ("True", "Claimed")


async def test_a_claim_made_from_an_outdated_view_conflicts(cluster: KubeCluster, namespace: str) -> None:
    job = await claimed(cluster, namespace)
    stale = job.model_copy(update={"metadata": job.metadata.model_copy(update={"resource_version": "1"})})
    assert job.status.resolved is not None
    with pytest.raises(ConflictError):
        await status_patch(cluster, job, patches.claim(stale, job.status.resolved, "other", "process-2", NOW))


async def test_a_worker_completes_its_job_in_one_write(cluster: KubeCluster, namespace: str) -> None:
    job = await claimed(cluster, namespace)
    done = GenerationJob.parse(
        await cluster.json_patch(JOBS, namespace, "a", patches.completed(fence(job), OUTCOME), "status")
    )
    assert done.status.phase is Phase.COMPLETED
    assert done.status.result == OUTCOME.result
    assert done.status.progress == "4/4"
    kinds = [condition.type for condition in done.status.conditions or []]
    assert kinds == [ConditionType.COMPLETE, ConditionType.FINISHED, ConditionType.SCHEDULED]


@pytest.mark.parametrize(
    "stale",
    [
        {"uid": "00000000-0000-0000-0000-000000000000"},
        {"worker_id": "process-0"},
        {"attempt": 0},
    ],
    ids=["another object of that name", "an earlier process of the pod", "an earlier attempt"],
)
async def test_a_stale_workers_write_is_refused_and_changes_nothing(
    cluster: KubeCluster, namespace: str, stale: dict[str, str | int]
) -> None:
    job = await claimed(cluster, namespace)
    current = {"uid": job.metadata.uid, "worker_id": "process-1", "attempt": 1}
    late = Fence(**(current | stale))  # type: ignore[arg-type]
    for write in (
        patches.completed(late, OUTCOME),
        patches.processing(late, NOW, 1, "0/4"),
        patches.progress(late, 1, 4),
        patches.failed(late, Reason.INTERNAL_ERROR, "late", NOW),
        patches.hand_back(late),
    ):
        with pytest.raises(InvalidError):
            await cluster.json_patch(JOBS, namespace, "a", write, "status")
    assert GenerationJob.parse(await cluster.get(JOBS, namespace, "a")).status == job.status


async def test_a_requeue_clears_the_holder_and_counts_a_failure(cluster: KubeCluster, namespace: str) -> None:
    job = await claimed(cluster, namespace)
    started = patches.processing(fence(job), NOW, 7, "0/4")
    job = GenerationJob.parse(await cluster.json_patch(JOBS, namespace, "a", started, "status"))
    job = await status_patch(
        cluster, job, patches.requeue(job, Reason.WORKER_LOST, "worker w was lost", NOW, failed=True)
    )
    assert (job.status.phase, job.status.failures, job.status.attempt) == (Phase.PENDING, 1, 1)
    assert (job.status.worker_name, job.status.started_at, job.status.progress) == (None, None, None)
    again = await claim(cluster, job)
    assert again.status.attempt == 2
    with pytest.raises(InvalidError):
        await cluster.json_patch(
            JOBS, namespace, "a", patches.completed(Fence(job.metadata.uid, "process-1", 1), OUTCOME), "status"
        )


async def test_a_draining_worker_hands_back_a_job_that_it_has_not_begun(
    cluster: KubeCluster, namespace: str
) -> None:
    job = await claimed(cluster, namespace)
    back = await cluster.json_patch(JOBS, namespace, "a", patches.hand_back(fence(job)), "status")
    status = GenerationJob.parse(back).status
    assert (status.phase, status.worker_name, status.failures) == (Phase.PENDING, None, None)


async def test_a_draining_worker_hands_back_a_job_that_it_can_not_finish(
    cluster: KubeCluster, namespace: str
) -> None:
    job = await claimed(cluster, namespace)
    begun = patches.processing(fence(job), NOW, 7, "1/4")
    await cluster.json_patch(JOBS, namespace, "a", begun, "status")
    with pytest.raises(InvalidError):
        await cluster.json_patch(JOBS, namespace, "a", patches.hand_back(fence(job)), "status")
    back = await cluster.json_patch(
        JOBS, namespace, "a", patches.hand_back(fence(job), Phase.PROCESSING), "status"
    )
    status = GenerationJob.parse(back).status
    assert (status.phase, status.worker_name, status.failures) == (Phase.PENDING, None, None)
    assert (status.started_at, status.progress) == (None, None)


async def test_a_failure_says_why_in_its_first_condition(cluster: KubeCluster, namespace: str) -> None:
    job = await claimed(cluster, namespace)
    write = patches.failed(fence(job), Reason.OUT_OF_MEMORY, "needs more memory than the card has", NOW, "1/4")
    failed = GenerationJob.parse(await cluster.json_patch(JOBS, namespace, "a", write, "status"))
    assert failed.status.conditions is not None
    first = failed.status.conditions[0]
    assert (first.type, first.reason) == (ConditionType.FAILED, "OutOfMemory")
    assert failed.status.progress == "1/4"
