"""A user's own jobs: listed, filtered, cancelled."""

import asyncio

import httpx
import pytest
from tests.eventually import eventually

from picshapes_api.core.accounts import Role
from picshapes_crds.cluster import JOBS
from picshapes_crds.phases import Reason

from .conftest import RunningApi
from .test_spine import complete, credits_of, fail, placed, poll, ready, submit

__all__ = ["ready"]


async def test_jobs_come_newest_first_in_pages_and_only_the_own(api: RunningApi, http: httpx.AsyncClient) -> None:
    caller, other = await api.user(), await api.user()
    made = [(await submit(http, caller))["id"] for _ in range(5)]
    await submit(http, other)
    listed: list[str] = []
    query = "limit=2"
    while True:
        page = (await http.get(f"/api/v1/jobs?{query}", headers=caller.headers)).json()
        listed += [job["id"] for job in page["jobs"]]
        if "next_cursor" not in page:
            break
        query = f"limit=2&cursor={page['next_cursor']}"
    assert sorted(listed) == sorted(made)
    times = [(await http.get(f"/api/v1/jobs/{job_id}")).json()["created_at"] for job_id in listed]
    assert times == sorted(times, reverse=True)


async def test_jobs_are_filtered_by_status_and_model(api: RunningApi, http: httpx.AsyncClient) -> None:
    caller = await api.user()
    turbo = await submit(http, caller)
    flux = await submit(http, caller, model="flux-schnell")
    await complete(api, turbo["id"], turbo["id"], b"x")
    await poll(http, turbo["id"], "completed")

    async def ids(query: str) -> list[str]:
        answer = await http.get(f"/api/v1/jobs?{query}", headers=caller.headers)
        return [job["id"] for job in answer.json()["jobs"]]

    await eventually(lambda: ids("status=completed"), lambda found: found == [turbo["id"]])
    assert await ids("status=pending") == [flux["id"]]
    assert await ids("model=flux-schnell") == [flux["id"]]
    assert await ids("model=flux-schnell&status=completed") == []
    wrong = await http.get("/api/v1/jobs?status=done", headers=caller.headers)
    assert wrong.json()["error"] == "Status must be one of pending, claimed, processing, completed, failed"


async def test_cancel_reaches_the_resource_and_may_be_repeated(api: RunningApi, http: httpx.AsyncClient) -> None:
    caller = await api.user(credits=3)
    job = await submit(http, caller, tier="pro")
    await placed(api, job["id"])
    for _ in range(2):
        answer = await http.delete(f"/api/v1/jobs/{job['id']}", headers=caller.headers)
        assert (answer.status_code, answer.json()["id"]) == (200, job["id"])
    resource = await api.cluster.get(JOBS, api.namespace, job["id"])
    assert resource["spec"]["cancelRequested"] is True
    await fail(api, job["id"], Reason.CANCELLED)
    failed = await poll(http, job["id"], "failed")
    assert failed["error_msg"] == "The job was cancelled."
    await eventually(lambda: credits_of(http, caller), lambda balance: balance == 3)
    after = await http.delete(f"/api/v1/jobs/{job['id']}", headers=caller.headers)
    assert (after.status_code, after.json()["status"]) == (200, "failed")


@pytest.mark.parametrize("role", [Role.USER, Role.ADMIN])
async def test_nobody_cancels_anothers_job(api: RunningApi, http: httpx.AsyncClient, role: Role) -> None:
    caller, other = await api.user(), await api.user(role=role)
    job = await submit(http, caller)
    for job_id in (job["id"], "nothing", "8ed8f84c-c9b8-43f4-a8cd-90dec79ada7d"):
        answer = await http.delete(f"/api/v1/jobs/{job_id}", headers=other.headers)
        assert (answer.status_code, answer.json()["code"]) == (404, "JOB_NOT_FOUND")


async def test_200_submissions_at_once_on_50_credits_make_exactly_50_jobs(
    api: RunningApi, http: httpx.AsyncClient
) -> None:
    caller, admin = await api.user(credits=50), await api.user(role=Role.ADMIN)
    lifted = {"limit_per_minute": 0, "limit_per_day": 0}
    await http.patch(f"/api/v1/admin/users/{caller.account.id}", json=lifted, headers=admin.headers)
    async with httpx.AsyncClient(base_url=api.url, timeout=120, limits=httpx.Limits(max_connections=200)) as many:

        async def submitted(number: int) -> httpx.Response:
            """Submit as documented: who is told 503 repeats the request with its key."""
            headers = caller.headers | {"Idempotency-Key": str(number)}
            for _ in range(20):
                answer = await many.post("/api/v1/jobs", json={"prompt": "a"}, headers=headers)
                if answer.status_code != 503:  # a busy machine: no connection to the database was free in time
                    break
            return answer

        answers = await asyncio.gather(*(submitted(number) for number in range(200)))
    codes = [answer.status_code for answer in answers]
    assert (codes.count(201), codes.count(402)) == (50, 150)
    assert len({answer.json()["id"] for answer in answers if answer.status_code == 201}) == 50
    audit = (await http.get("/api/v1/admin/audit", headers=admin.headers)).json()
    assert (audit["consistent"], audit["entries"]) == (True, 52)
    assert await credits_of(http, caller) == 0


async def test_a_user_has_a_bounded_number_of_unfinished_jobs(api: RunningApi, http: httpx.AsyncClient) -> None:
    caller = await api.user()
    api.api.services.placer.bounds = type(api.api.services.placer.bounds)(max_unfinished_per_user=2)
    await submit(http, caller)
    keyed = caller.headers | {"Idempotency-Key": "the second"}
    job = (await http.post("/api/v1/jobs", json={"prompt": "b"}, headers=keyed)).json()

    async def cached() -> object:
        return api.api.services.cache.get(job["id"])

    await eventually(cached, lambda one: one is not None)
    refused = await http.post("/api/v1/jobs", json={"prompt": "a"}, headers=caller.headers)
    assert (refused.status_code, refused.json()["code"], refused.headers["retry-after"]) == (
        429,
        "TOO_MANY_JOBS",
        "5",
    )
    again = await http.post("/api/v1/jobs", json={"prompt": "b"}, headers=keyed)
    assert (again.status_code, again.json()["id"], again.headers["idempotent-replayed"]) == (
        201,
        job["id"],
        "true",
    )
    other = await http.post("/api/v1/jobs", json={"prompt": "c"}, headers=keyed)
    assert (other.status_code, other.json()["code"]) == (409, "IDEMPOTENCY_KEY_REUSED")
    fresh = await http.post("/api/v1/jobs", json={"prompt": "b"}, headers=keyed | {"Idempotency-Key": "a third"})
    assert fresh.status_code == 429
