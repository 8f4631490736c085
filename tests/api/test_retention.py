"""Pictures and jobs whose time is over: how they answer, and that they are removed."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import httpx
import pytest
import pytest_asyncio
from tests.eventually import eventually

from picshapes_api.assembly import Surroundings
from picshapes_api.core.accounts import Role
from picshapes_api.core.retention import Retention
from picshapes_api.storage.database import Database
from picshapes_api.storage.sweep import SweepStore
from picshapes_crds.clock import SystemClock
from picshapes_crds.cluster import JOBS
from picshapes_crds.phases import Reason

from .conftest import RunningApi, serving
from .test_grants import ONE, grant
from .test_spine import complete, fail, placed, poll, submit

EXPIRED = {"error": "The result is no longer kept", "code": "RESULT_EXPIRED"}


class ShiftedClock(SystemClock):
    """The wall clock, days later when the test says so."""

    days = 0

    def now(self) -> datetime:
        return super().now() + timedelta(days=self.days)


@pytest.fixture
def clock() -> ShiftedClock:
    return ShiftedClock()


@pytest_asyncio.fixture
async def api(surroundings: Surroundings, clock: ShiftedClock, tmp_path: Path) -> AsyncIterator[RunningApi]:
    kept = Retention(result_days=2, job_days=5)
    around = replace(surroundings, retention=kept, clock=clock)
    async with serving(around, tmp_path / "pictures") as running:
        yield running


@pytest_asyncio.fixture
async def http(api: RunningApi) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=api.url, timeout=30) as client:
        await eventually(lambda: client.get("/readyz"), lambda answer: answer.status_code == 200)
        yield client


async def archived(api: RunningApi, job_id: str) -> None:
    """Wait until a job's resource is gone from the cluster."""

    async def cached() -> object:
        return api.api.services.cache.get(job_id)

    await eventually(cached, lambda one: one is None)


async def settled(api: RunningApi, *job_ids: str) -> None:
    """Wait until the ends of jobs are in the database."""

    async def closed() -> bool:
        rows = [await api.api.services.jobs.find(job_id) for job_id in job_ids]
        return all(row is not None and row.closed for row in rows)

    await eventually(closed, bool)


async def test_after_its_days_a_picture_is_told_expired_and_then_removed(
    api: RunningApi, http: httpx.AsyncClient, clock: ShiftedClock
) -> None:
    caller = await api.user()
    job_id = (await submit(http, caller))["id"]
    await complete(api, job_id, job_id, b"picture")
    (api.storage / "notes.txt").write_text("not ours")
    done = await poll(http, job_id, "completed")
    await settled(api, job_id)
    await api.api.sweeper.step()
    assert (await http.get(done["result_url"])).content == b"picture"
    clock.days = 2
    for path in (f"/results/{job_id}.png", f"/api/v1/jobs/{job_id}/result"):
        gone = await http.get(path)
        assert (gone.status_code, gone.json()) == (404, EXPIRED)
    shown = (await http.get(f"/api/v1/jobs/{job_id}")).json()
    assert set(done) - set(shown) == {"result_url"}
    listed = (await http.get("/api/v1/jobs", headers=caller.headers)).json()["jobs"]
    assert [("result_url" in job, job["status"]) for job in listed] == [(False, "completed")]
    await api.api.sweeper.step()
    assert [path.name for path in api.storage.iterdir()] == ["notes.txt"]
    assert (await http.get(f"/results/{job_id}.png")).json() == EXPIRED


async def test_a_job_is_forgotten_after_its_own_days_but_its_money_is_not(
    api: RunningApi, http: httpx.AsyncClient, clock: ShiftedClock
) -> None:
    caller, admin = await api.user(credits=5), await api.user(role=Role.ADMIN)
    done, failed, waiting = [(await submit(http, caller))["id"] for _ in range(3)]
    await complete(api, done, done, b"picture")
    await fail(api, failed, Reason.INTERNAL_ERROR)
    await placed(api, waiting)
    await settled(api, done, failed)
    clock.days = 5
    for job_id in (done, failed):
        await archived(api, job_id)
    await api.api.sweeper.step()
    for job_id in (done, failed):
        assert (await http.get(f"/api/v1/jobs/{job_id}")).json()["code"] == "JOB_NOT_FOUND"
    assert (await http.get(f"/results/{done}.png")).json()["code"] == "RESULT_NOT_FOUND"
    left = (await http.get("/api/v1/jobs", headers=caller.headers)).json()["jobs"]
    assert [job["id"] for job in left] == [waiting]
    ledger = (await http.get("/api/v1/users/me/ledger", headers=caller.headers)).json()["entries"]
    assert sorted(entry["amount"] for entry in ledger) == [-1, -1, -1, 1, 5]
    assert (await http.get("/api/v1/admin/audit", headers=admin.headers)).json()["consistent"] is True


async def test_a_job_whose_resource_is_still_there_is_not_forgotten(
    api: RunningApi, http: httpx.AsyncClient, clock: ShiftedClock
) -> None:
    caller = await api.user()
    job_id = (await submit(http, caller))["id"]
    await placed(api, job_id)
    forever = {"spec": {"ttlSecondsAfterFinished": None}}
    await api.cluster.merge_patch(JOBS, api.namespace, job_id, forever)
    await fail(api, job_id, Reason.INTERNAL_ERROR)
    await settled(api, job_id)
    clock.days = 6
    await api.api.sweeper.step()
    assert (await http.get(f"/api/v1/jobs/{job_id}")).json()["status"] == "failed"


async def test_a_grants_key_is_forgotten_after_a_day(
    api: RunningApi, http: httpx.AsyncClient, database: Database, clock: ShiftedClock
) -> None:
    admin, caller = await api.user(role=Role.ADMIN), await api.user()
    await grant(http, admin, caller, ONE)
    sql = "SELECT count(*) AS rows FROM grant_keys"
    await api.api.sweeper.step()
    assert await database.fetch_one(sql) == {"rows": 1}
    clock.days = 1
    await api.api.sweeper.step()
    assert await database.fetch_one(sql) == {"rows": 0}


async def test_old_jobs_are_read_in_pages(api: RunningApi, http: httpx.AsyncClient, database: Database) -> None:
    caller, store = await api.user(), SweepStore(database)
    made = [(await submit(http, caller))["id"] for _ in range(3)]
    for job_id in made:
        await fail(api, job_id, Reason.INTERNAL_ERROR)
        await settled(api, job_id)
    first = await store.closed_before(2**60, None, 2)
    assert [job.id for job in first + await store.closed_before(2**60, first[-1], 2)] == made
    assert await store.closed_before(first[0].closed_at_ms - 1, None, 2) == []


async def test_after_a_day_pictures_of_lost_attempts_are_removed_and_the_accepted_one_is_not(
    api: RunningApi, http: httpx.AsyncClient, clock: ShiftedClock
) -> None:
    caller = await api.user()
    done, failed = [(await submit(http, caller))["id"] for _ in range(2)]
    await complete(api, done, done, b"picture")
    await fail(api, failed, Reason.INTERNAL_ERROR)
    await settled(api, done, failed)
    unknown = "00000000-0000-4000-8000-000000000009"
    lost = [api.storage / done / "7.png", api.storage / failed / "1.png"]
    kept = [api.storage / unknown / "1.png"]
    for file in (*lost, *kept):
        file.parent.mkdir(exist_ok=True)
        file.write_bytes(b"orphan")
    await api.api.sweeper.step()
    assert all(file.exists() for file in lost)  # within the grace
    clock.days = 1
    await api.api.sweeper.step()
    assert [file.exists() for file in (*lost, *kept)] == [False, False, True]
    shown = await poll(http, done, "completed")
    assert (await http.get(shown["result_url"])).content == b"picture"
