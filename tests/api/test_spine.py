"""From a submission over HTTP to a resource in the cluster, and from its status back to the user."""

import hashlib
from datetime import UTC, datetime

import httpx
import pytest
from tests.eventually import eventually

from picshapes_api.core.accounts import Role
from picshapes_crds import patches
from picshapes_crds.cluster import JOBS, Json, NotFoundError
from picshapes_crds.phases import Reason
from picshapes_crds.resource import GenerationJob, Resolved, Result, Timings

from .conftest import Caller, RunningApi


async def placed(api: RunningApi, name: str) -> Json:
    """Wait until a resource is there: on a busy machine it may come after the answer."""

    async def read() -> Json | None:
        try:
            return await api.cluster.get(JOBS, api.namespace, name)
        except NotFoundError:
            return None

    found: Json = await eventually(read, lambda one: one is not None)
    return found


async def claim(api: RunningApi, name: str) -> patches.Fence:
    """Give a job to a worker, as the operator does."""
    job = GenerationJob.parse(await placed(api, name))
    resolved = Resolved(model="z-image-turbo", tier="basic", width=64, height=64, steps=8, min_vram_mib=1)
    body = patches.claim(job, resolved, "worker-0", "process-0", datetime.now(UTC))
    await api.cluster.merge_patch(JOBS, api.namespace, name, body, "status")
    return patches.Fence(job.metadata.uid, "process-0", 1)


async def complete(api: RunningApi, name: str, public_id: str, picture: bytes) -> None:
    """Run a job to its end, as the worker does."""
    (api.storage / public_id).mkdir(parents=True)
    (api.storage / public_id / "1.png").write_bytes(picture)
    await complete_with(api, name, f"{public_id}/1.png", picture)


async def complete_with(api: RunningApi, name: str, key: str, picture: bytes) -> None:
    """Write that a job is done, as the worker does once its picture is stored."""
    fence = await claim(api, name)
    now = datetime.now(UTC)
    outcome = patches.Outcome(
        started_at=now,
        completed_at=now,
        seed=1,
        steps=8,
        result=Result(
            key=key, sha256=hashlib.sha256(picture).hexdigest(), bytes=len(picture), content_type="image/png"
        ),
        result_url="file:///elsewhere",
        timings=Timings(inference_s=1, encode_s=0, upload_s=0),
    )
    await api.cluster.json_patch(JOBS, api.namespace, name, patches.completed(fence, outcome), "status")


async def fail(api: RunningApi, name: str, reason: Reason, progress: str | None = None) -> None:
    """End a job without a picture, as the worker does."""
    fence = await claim(api, name)
    body = patches.failed(fence, reason, "CUDA error at /opt/x.py:3", datetime.now(UTC), progress)
    await api.cluster.json_patch(JOBS, api.namespace, name, body, "status")


async def submit(http: httpx.AsyncClient, caller: Caller, **body: object) -> Json:
    answer = await http.post("/api/v1/jobs", json={"prompt": "a red circle", **body}, headers=caller.headers)
    assert answer.status_code == 201, answer.text
    made: Json = answer.json()
    return made


async def credits_of(http: httpx.AsyncClient, caller: Caller) -> int:
    answer = await http.get("/api/v1/users/me/credits", headers=caller.headers)
    return int(answer.json()["credits"])


async def poll(http: httpx.AsyncClient, job_id: str, status: str) -> Json:
    async def read() -> Json:
        body: Json = (await http.get(f"/api/v1/jobs/{job_id}")).json()
        return body

    found: Json = await eventually(read, lambda job: job["status"] == status)
    return found


@pytest.fixture(autouse=True)
async def ready(http: httpx.AsyncClient) -> None:
    await eventually(lambda: http.get("/readyz"), lambda answer: answer.status_code == 200)


async def test_a_submission_becomes_a_resource_with_every_default_written(
    api: RunningApi, http: httpx.AsyncClient
) -> None:
    caller = await api.user(credits=10)
    job = await submit(http, caller, tier="pro", seed=7, negative_prompt="blue")
    resource = await placed(api, job["id"])
    assert resource["metadata"]["labels"] == {"picshapes.io/origin": "api", "picshapes.io/archive": "required"}
    assert resource["metadata"]["annotations"] == {"picshapes.io/accepted-at": job["created_at"]}
    assert resource["spec"] == {
        "prompt": "a red circle",
        "negativePrompt": "blue",
        "model": "z-image-turbo",
        "tier": "pro",
        "width": 1440,
        "height": 1440,
        "steps": 8,
        "seed": 7,
        "outputFormat": "png",
        "owner": caller.account.id,
        "ttlSecondsAfterFinished": 3600,
    }
    assert await credits_of(http, caller) == 7


async def test_a_job_goes_from_pending_to_a_picture_over_http(api: RunningApi, http: httpx.AsyncClient) -> None:
    caller = await api.user()
    job = await submit(http, caller)
    assert job["status"] == "pending"
    waiting = await http.get(f"/api/v1/jobs/{job['id']}/result")
    assert waiting.status_code == 202
    assert waiting.json() == {"status": "pending", "message": "Job is not completed yet"}
    await complete(api, job["id"], job["id"], b"picture")
    done = await poll(http, job["id"], "completed")
    assert done["result_url"] == f"{api.url}/results/{job['id']}.png"
    assert set(done) == set(job) | {"result_url", "started_at", "completed_at"}
    assert (await http.get(f"/api/v1/jobs/{job['id']}/result")).json() == {"result_url": done["result_url"]}
    picture = await http.get(done["result_url"])
    assert picture.content == b"picture"
    assert picture.headers["etag"] == f'"{hashlib.sha256(b"picture").hexdigest()}"'
    assert picture.headers["content-type"] == "image/png"
    assert picture.headers["cache-control"] == "public, max-age=31536000, immutable"
    part = await http.get(done["result_url"], headers={"Range": "bytes=2-4"})
    assert (part.status_code, part.content, part.headers["content-range"]) == (206, b"ctu", "bytes 2-4/7")
    head = await http.head(done["result_url"])
    assert (head.status_code, head.content, head.headers["content-length"]) == (200, b"", "7")
    head = await http.head(done["result_url"], headers={"Range": "bytes=2-4"})
    assert (head.status_code, head.headers["content-length"]) == (200, "7")
    same = await http.get(done["result_url"], headers={"If-None-Match": picture.headers["etag"]})
    assert same.status_code == 304
    beyond = await http.get(done["result_url"], headers={"Range": "bytes=7-"})
    assert (beyond.status_code, beyond.headers["content-range"]) == (416, "bytes */7")
    assert (beyond.json()["code"], beyond.headers["cache-control"]) == ("RANGE_NOT_SATISFIABLE", "no-store")


async def test_a_host_that_can_not_be_is_not_put_into_an_address(api: RunningApi, http: httpx.AsyncClient) -> None:
    job_id = (await submit(http, await api.user()))["id"]
    await complete(api, job_id, job_id, b"picture")
    await poll(http, job_id, "completed")
    for host, told in (("pictures.example.com:99", "http://pictures.example.com:99"), ('ev"il<>', api.url)):
        shown = (await http.get(f"/api/v1/jobs/{job_id}", headers={"Host": host})).json()
        assert shown["result_url"] == f"{told}/results/{job_id}.png"


async def test_a_failed_job_is_refunded_once_and_tells_nothing_internal(
    api: RunningApi, http: httpx.AsyncClient
) -> None:
    caller = await api.user(credits=10)
    job = await submit(http, caller, tier="premium")
    assert await credits_of(http, caller) == 5
    await fail(api, job["id"], Reason.OUT_OF_MEMORY)
    failed = await poll(http, job["id"], "failed")
    assert failed["error_msg"] == "The worker's memory did not suffice for this picture."
    await eventually(lambda: credits_of(http, caller), lambda balance: balance == 10)
    api.api.services.cache.mark_all_changed()
    await api.api.mirror.step()
    assert await credits_of(http, caller) == 10
    ended = await http.get(f"/api/v1/jobs/{job['id']}/result")
    assert ended.status_code == 404
    assert ended.json() == {"error": failed["error_msg"], "code": "JOB_FAILED"}


async def test_a_cancelled_job_pays_for_the_steps_that_were_run(api: RunningApi, http: httpx.AsyncClient) -> None:
    caller = await api.user(credits=5)
    job = await submit(http, caller, tier="premium")
    await fail(api, job["id"], Reason.CANCELLED, progress="3/8")
    await eventually(lambda: credits_of(http, caller), lambda balance: balance == 3)


async def test_a_finished_resource_goes_after_its_time_and_the_job_stays_readable(
    api: RunningApi, http: httpx.AsyncClient
) -> None:
    caller = await api.user()
    job = await submit(http, caller)
    await api.cluster.merge_patch(JOBS, api.namespace, job["id"], {"spec": {"ttlSecondsAfterFinished": 0}})
    await complete(api, job["id"], job["id"], b"picture")

    async def cached() -> object:
        return api.api.services.cache.get(job["id"])

    await eventually(cached, lambda one: one is None)
    kept = (await http.get(f"/api/v1/jobs/{job['id']}")).json()
    assert kept["status"] == "completed"
    assert (await http.get(kept["result_url"])).content == b"picture"


async def test_a_resource_deleted_by_someone_fails_its_job_and_refunds(
    api: RunningApi, http: httpx.AsyncClient
) -> None:
    caller = await api.user(credits=1)
    job = await submit(http, caller)
    resource = await placed(api, job["id"])
    await api.cluster.delete(JOBS, api.namespace, job["id"], resource["metadata"]["uid"])
    failed = await poll(http, job["id"], "failed")
    assert failed["error_msg"] == "The job was deleted before it finished."
    assert await credits_of(http, caller) == 1


async def test_a_job_made_with_kubectl_is_readable_under_its_uid(api: RunningApi, http: httpx.AsyncClient) -> None:
    body = {
        "apiVersion": "picshapes.io/v1alpha1",
        "kind": "GenerationJob",
        "metadata": {"name": "by-hand"},
        "spec": {"prompt": "a blue square", "model": "flux-schnell", "tier": "pro"},
    }
    made = await api.cluster.create(JOBS, api.namespace, body)
    uid = made["metadata"]["uid"]
    assert (await http.get("/api/v1/jobs/by-hand")).status_code == 404

    async def read() -> httpx.Response:
        return await http.get(f"/api/v1/jobs/{uid}")

    job = (await eventually(read, lambda answer: answer.status_code == 200)).json()
    assert (job["width"], job["height"], job["steps"], job["status"]) == (1280, 1280, 4, "pending")
    assert job["seed"] == int(uid.replace("-", ""), 16) % 2**53
    await complete(api, "by-hand", uid, b"blue")
    done = await poll(http, uid, "completed")
    assert (await http.get(done["result_url"])).content == b"blue"


async def test_an_idempotency_key_gives_the_same_job_and_debits_once(
    api: RunningApi, http: httpx.AsyncClient
) -> None:
    caller = await api.user(credits=1)
    headers = caller.headers | {"Idempotency-Key": "once"}
    first = await http.post("/api/v1/jobs", json={"prompt": "a", "seed": 1}, headers=headers)
    again = await http.post("/api/v1/jobs", content='{"seed":1.0, "prompt":"a"}', headers=headers)
    assert (first.status_code, again.status_code) == (201, 201)
    assert again.json()["id"] == first.json()["id"]
    assert again.headers["idempotent-replayed"] == "true"
    other = await http.post("/api/v1/jobs", json={"prompt": "b"}, headers=headers)
    assert (other.status_code, other.json()["code"]) == (409, "IDEMPOTENCY_KEY_REUSED")
    assert await credits_of(http, caller) == 0


async def test_no_credits_is_402_with_the_balance_and_the_price(api: RunningApi, http: httpx.AsyncClient) -> None:
    caller = await api.user(credits=2)
    answer = await http.post("/api/v1/jobs", json={"prompt": "a", "tier": "pro"}, headers=caller.headers)
    assert answer.status_code == 402
    assert answer.json() == {
        "error": "Insufficient credits",
        "code": "INSUFFICIENT_CREDITS",
        "credits": 2,
        "credits_needed": 3,
    }


async def test_a_user_sees_the_own_profile(api: RunningApi, http: httpx.AsyncClient) -> None:
    caller = await api.user(credits=12, role=Role.ADMIN)
    profile = (await http.get("/api/v1/users/me", headers=caller.headers)).json()
    assert profile["id"] == caller.account.id
    assert (profile["credits"], profile["role"], profile["email"]) == (12, "admin", caller.account.email)
    assert "display_name" not in profile


@pytest.mark.parametrize("header", [None, "Bearer uk_unknown0000000000000000", "Basic abc", "Bearer ü"])
async def test_without_a_good_key_the_answer_is_401(http: httpx.AsyncClient, header: str | None) -> None:
    headers = {b"Authorization": header.encode()} if header else {}
    answer = await http.post("/api/v1/jobs", json={"prompt": "a"}, headers=headers)
    assert answer.status_code == 401
    assert answer.json() == {"error": "Invalid or missing API key", "code": "UNAUTHORIZED"}
    assert answer.headers["www-authenticate"] == "Bearer"


@pytest.mark.parametrize("job_id", ["nothing", "8ed8f84c-c9b8-43f4-a8cd-90dec79ada7d", "%00", "a" * 500])
async def test_an_unknown_or_malformed_id_is_404(http: httpx.AsyncClient, job_id: str) -> None:
    answer = await http.get(f"/api/v1/jobs/{job_id}")
    assert (answer.status_code, answer.json()) == (404, {"error": "Job not found", "code": "JOB_NOT_FOUND"})


async def test_what_sanic_refuses_has_the_contracts_shape(http: httpx.AsyncClient) -> None:
    unknown = await http.get("/nowhere")
    assert (unknown.status_code, unknown.json()["code"]) == (404, "NOT_FOUND")
    method = await http.put("/api/v1/tiers")
    assert (method.status_code, method.json()["code"]) == (405, "METHOD_NOT_ALLOWED")
    assert method.headers["allow"] == "GET"
    several = await http.request("TRACE", "/api/v1/jobs/8ed8f84c-c9b8-43f4-a8cd-90dec79ada7d")
    assert (several.status_code, several.headers["allow"]) == (405, "DELETE, GET")
    large = await http.post("/api/v1/jobs", content=b"x" * 300_000)
    assert (large.status_code, large.json()["code"]) == (413, "BODY_TOO_LARGE")
