"""Why a job waits, over HTTP: from the caches of jobs and workers, and from nothing else."""

from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
from openapi_core import OpenAPI
from openapi_core.testing import MockRequest, MockResponse
from tests.eventually import eventually

from picshapes_api.web.description import description
from picshapes_crds.catalogue import Catalogue
from picshapes_crds.cluster import JOBS, LEASES, PODS, Json
from picshapes_crds.names import COMPONENT_LABEL, COMPONENT_WORKER
from picshapes_crds.workers import lease_body, read_pod, worker_labels

from .conftest import RunningApi
from .test_spine import claim, complete, placed, poll, ready, submit

__all__ = ["ready"]


@pytest.fixture
def database_url(tmp_path: Any) -> str:
    return f"sqlite://{tmp_path}/picshapes.db"


async def worker(api: RunningApi, name: str, vram_mib: int) -> None:
    """Put a ready worker into the cluster, as its pod and its process would."""
    weights = {one: model.weights.revision_id for one, model in Catalogue.load("demo").models.items()}
    labels = worker_labels(vram_mib, "demo", weights) | {COMPONENT_LABEL: COMPONENT_WORKER}
    spec = {"containers": [{"name": "worker", "image": "worker"}]}
    pod = await api.cluster.create(
        PODS, api.namespace, {"metadata": {"name": name, "labels": labels}, "spec": spec}
    )
    conditions = [{"type": "Ready", "status": "True"}]
    status = {"status": {"phase": "Running", "conditions": conditions}}
    await api.cluster.merge_patch(PODS, api.namespace, name, status, "status")
    lease = lease_body(read_pod(pod), f"{name}-process", frozenset(), datetime.now(UTC))
    await api.cluster.create(LEASES, api.namespace, lease)


async def explained(http: httpx.AsyncClient, job_id: str) -> Json:
    """Ask, and hold the answer to the description."""
    answer = await http.get(f"/api/v1/jobs/{job_id}/explain")
    path = f"/api/v1/jobs/{job_id}/explain"
    spec = OpenAPI.from_dict(description())
    content = MockResponse(answer.content, answer.status_code, dict(answer.headers), "application/json")
    spec.validate_response(MockRequest("http://localhost", "get", path), content)
    body: Json = answer.json()
    return body


async def until(http: httpx.AsyncClient, job_id: str, **wanted: Any) -> Json:
    async def read() -> Json:
        return await explained(http, job_id)

    found: Json = await eventually(read, lambda body: wanted.items() <= body.items())
    return found


async def test_a_waiting_job_is_explained_with_its_position_and_the_workers(
    api: RunningApi, http: httpx.AsyncClient
) -> None:
    first, second = await api.user(), await api.user()
    jobs = [await submit(http, first), await submit(http, first)]
    for job in jobs:
        await placed(api, job["id"])
    jobs.append(await submit(http, second))
    await placed(api, jobs[2]["id"])
    queue = {"length": 3, "estimate": True}
    # The second job of one owner comes after the first of another, though it is older.
    for job, position in zip(jobs, (1, 3, 2), strict=True):
        body = await until(http, job["id"], queue={"position": position, **queue})
        assert body["reason"] == "NoWorkerFits"
        assert body["message"].endswith("there are no workers; the operator has not said more yet")
        assert body["workers"] == {"total": 0, "could_run": 0, "others": []}


async def test_workers_that_could_run_it_and_those_that_can_not_are_counted(
    api: RunningApi, http: httpx.AsyncClient
) -> None:
    job = await submit(http, await api.user())
    await placed(api, job["id"])
    await worker(api, "large", 24_564)
    await worker(api, "tiny", 64)
    workers = {
        "total": 2,
        "could_run": 1,
        "others": [{"reason": "TooLittleMemory", "message": "has the model, but too little memory", "count": 1}],
    }
    body = await until(http, job["id"], workers=workers, reason="WaitingForWorkers")
    assert "; 1 worker has the model and the memory; the operator" in body["message"]


async def test_the_explanation_follows_the_job_to_its_end(api: RunningApi, http: httpx.AsyncClient) -> None:
    caller = await api.user()
    job, lost = await submit(http, caller), await submit(http, caller)
    await complete(api, job["id"], job["id"], b"x")
    await poll(http, job["id"], "completed")
    assert (await explained(http, job["id"]))["reason"] == "Succeeded"
    await claim(api, lost["id"])
    body = await until(http, lost["id"], status="claimed")
    assert (body["reason"], body["attempt"]) == ("Claimed", 1)
    assert "worker-0" not in str(body)


async def test_a_kubectl_users_job_that_the_catalogue_refuses_is_told_why(
    api: RunningApi, http: httpx.AsyncClient
) -> None:
    spec = {"prompt": "a red circle", "model": "dall-e"}
    body = {"apiVersion": "picshapes.io/v1alpha1", "kind": "GenerationJob", "metadata": {"name": "mine"}}
    made = await api.cluster.create(JOBS, api.namespace, body | {"spec": spec})
    uid = made["metadata"]["uid"]
    await eventually(lambda: http.get(f"/api/v1/jobs/{uid}"), lambda answer: answer.status_code == 200)
    told = await explained(http, uid)
    assert told["reason"] == "UnknownModel"
    assert told["message"].startswith("unknown model dall-e; known: flux-schnell, z-image-turbo; the operator")


async def test_an_unknown_job_has_no_explanation(http: httpx.AsyncClient) -> None:
    answer = await http.get("/api/v1/jobs/nothing/explain")
    assert (answer.status_code, answer.json()["code"]) == (404, "JOB_NOT_FOUND")
