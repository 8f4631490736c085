"""What the API does while the API server, the database or the mirror is away, and when it comes back."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio
from tests.eventually import eventually

from picshapes_api.assembly import Surroundings
from picshapes_api.cluster.placing import Bounds
from picshapes_api.core.accounts import Role
from picshapes_api.storage.accounts import AccountStore, NewUser
from picshapes_api.storage.database import Database, DatabaseUnavailableError
from picshapes_api.storage.url import parse
from picshapes_crds.clock import SystemClock
from picshapes_crds.cluster import JOBS, InvalidError, NotFoundError, UnavailableError
from picshapes_crds.cluster.kube import KubeCluster
from picshapes_crds.leadership import Leadership, Seat
from picshapes_crds.phases import Reason

from . import servers
from .conftest import serving
from .test_spine import credits_of, fail, placed, poll, submit


class FaultyCluster(KubeCluster):
    """The real API server, out of reach or refusing when the test says so."""

    away = False
    refusing = False

    async def create(self, *args: Any, **kwargs: Any) -> Any:
        if self.away:
            raise UnavailableError("no route to host")
        if self.refusing:
            raise InvalidError("spec.steps: too large", 422)
        return await super().create(*args, **kwargs)

    async def get(self, *args: Any, **kwargs: Any) -> Any:
        if self.away:
            raise UnavailableError("no route to host")
        return await super().get(*args, **kwargs)


@pytest.fixture
def database_url(tmp_path: Path) -> str:
    return f"sqlite://{tmp_path}/picshapes.db"


@pytest_asyncio.fixture
async def faulty(cluster: KubeCluster) -> AsyncIterator[FaultyCluster]:
    async with FaultyCluster(cluster._configuration) as made:
        yield made


@pytest.fixture
def own_postgres() -> Iterator[servers.Postgres]:
    with servers.postgres() as server:
        yield server


async def is_ready(http: httpx.AsyncClient) -> bool:
    return (await http.get("/readyz")).status_code == 200


async def test_a_submission_is_accepted_without_the_api_server_and_placed_later(
    surroundings: Surroundings, faulty: FaultyCluster, tmp_path: Path
) -> None:
    async with (
        serving(replace(surroundings, cluster=faulty), tmp_path) as api,
        httpx.AsyncClient(base_url=api.url, timeout=30) as http,
    ):
        await eventually(lambda: is_ready(http), bool)
        caller = await api.user(credits=5)
        faulty.away = True
        job = await submit(http, caller)
        assert (await http.get(f"/api/v1/jobs/{job['id']}")).json() == job
        with pytest.raises(NotFoundError):
            await KubeCluster.get(faulty, JOBS, api.namespace, job["id"])
        faulty.away = False
        await placed(api, job["id"])
        assert await credits_of(http, caller) == 4


async def test_jobs_that_wait_in_the_database_are_bounded_for_each_user(
    surroundings: Surroundings, faulty: FaultyCluster, tmp_path: Path
) -> None:
    async with (
        serving(replace(surroundings, cluster=faulty), tmp_path) as api,
        httpx.AsyncClient(base_url=api.url, timeout=30) as http,
    ):
        await eventually(lambda: is_ready(http), bool)
        api.api.services.placer.bounds = Bounds(max_unfinished_per_user=2)
        caller, other = await api.user(credits=5), await api.user(credits=5)
        faulty.away = True
        for _ in range(2):
            await submit(http, caller)
        refused = await http.post("/api/v1/jobs", json={"prompt": "a"}, headers=caller.headers)
        assert (refused.status_code, refused.json()["code"]) == (429, "TOO_MANY_JOBS")
        await submit(http, other)
        assert await credits_of(http, caller) == 3


async def test_a_refused_resource_fails_its_job_and_refunds(
    surroundings: Surroundings, faulty: FaultyCluster, tmp_path: Path
) -> None:
    async with (
        serving(replace(surroundings, cluster=faulty), tmp_path) as api,
        httpx.AsyncClient(base_url=api.url, timeout=30) as http,
    ):
        await eventually(lambda: is_ready(http), bool)
        caller = await api.user(credits=5)
        faulty.refusing = True
        job = await submit(http, caller)
        failed = await poll(http, job["id"], "failed")
        assert failed["error_msg"] == "The job was refused by the cluster."
        assert await credits_of(http, caller) == 5


async def test_a_job_cancelled_before_it_was_placed_is_refunded_without_being_placed(
    surroundings: Surroundings, faulty: FaultyCluster, tmp_path: Path
) -> None:
    async with (
        serving(replace(surroundings, cluster=faulty), tmp_path) as api,
        httpx.AsyncClient(base_url=api.url, timeout=30) as http,
    ):
        await eventually(lambda: is_ready(http), bool)
        caller = await api.user(credits=5)
        faulty.away = True
        job = await submit(http, caller)
        await http.delete(f"/api/v1/jobs/{job['id']}", headers=caller.headers)
        faulty.away = False
        failed = await poll(http, job["id"], "failed")
        assert failed["error_msg"] == "The job was cancelled."
        assert await credits_of(http, caller) == 5
        with pytest.raises(NotFoundError):
            await faulty.get(JOBS, api.namespace, job["id"])


async def test_what_ended_while_no_api_ran_is_settled_by_the_next(
    surroundings: Surroundings, tmp_path: Path, database_url: str
) -> None:
    async with (
        serving(surroundings, tmp_path) as api,
        httpx.AsyncClient(base_url=api.url, timeout=30) as http,
    ):
        await eventually(lambda: is_ready(http), bool)
        caller = await api.user(credits=5)
        lost, failed, kept = [(await submit(http, caller))["id"] for _ in range(3)]
        for job_id in (lost, failed, kept):
            await placed(api, job_id)
    resource = await api.cluster.get(JOBS, api.namespace, lost)
    await api.cluster.delete(JOBS, api.namespace, lost, resource["metadata"]["uid"])
    await fail(api, failed, Reason.WORKER_LOST)
    again = await Database.connect(parse(database_url))
    async with (
        serving(replace(surroundings, database=again), tmp_path) as api,
        httpx.AsyncClient(base_url=api.url, timeout=30) as http,
    ):
        await eventually(lambda: is_ready(http), bool)
        assert (await poll(http, lost, "failed"))["error_msg"] == "The job was deleted before it finished."
        assert (await poll(http, failed, "failed"))[
            "error_msg"
        ] == "The workers that ran the job were lost too often."
        assert (await poll(http, kept, "pending"))["id"] == kept
        await eventually(lambda: credits_of(http, caller), lambda balance: balance == 4)
    await again.close()


async def test_without_the_database_the_answer_is_503_and_the_process_not_ready_until_it_is_back(
    surroundings: Surroundings, own_postgres: servers.Postgres, tmp_path: Path
) -> None:
    database = await Database.connect(parse(await own_postgres.new_database()))
    async with (
        serving(replace(surroundings, database=database), tmp_path) as api,
        httpx.AsyncClient(base_url=api.url, timeout=30) as http,
    ):
        await eventually(lambda: is_ready(http), bool)
        caller = await api.user(credits=5)
        job = await submit(http, caller)
        await placed(api, job["id"])

        async def cached() -> object:
            return api.api.services.cache.get(job["id"])

        await eventually(cached, lambda one: one is not None)
        await servers.cut_off(own_postgres)
        refused = await http.post("/api/v1/jobs", json={"prompt": "a"}, headers=caller.headers)
        assert refused.status_code == 503
        assert refused.json() == {"error": "Service unavailable, try again", "code": "SERVICE_UNAVAILABLE"}
        assert refused.headers["retry-after"] == "5"
        assert not await is_ready(http)
        assert (await http.get(f"/api/v1/jobs/{job['id']}")).json() == job
        own_postgres.start()
        await eventually(lambda: is_ready(http), bool)
        await submit(http, caller)
        assert await credits_of(http, caller) == 3
    await database.close()


async def test_a_connection_that_hangs_is_given_up_and_keeps_no_place_in_the_pool(
    own_postgres: servers.Postgres,
) -> None:
    url = await own_postgres.new_database()
    database = await Database.connect(parse(f"{url}?maxsize=1&command_timeout=1"))
    accounts = AccountStore(database, lambda: 0)
    one, two = (NewUser(f"{name}@example.com", Role.USER, 0, f"uk_{name * 43}") for name in "ab")
    async with asyncio.timeout(60):
        await accounts.create(one)
        row = await database.fetch_one("SELECT pg_backend_pid() AS pid")
        assert row is not None
        os.kill(row["pid"], signal.SIGSTOP)
        with pytest.raises(DatabaseUnavailableError):
            await accounts.create(two)
        os.kill(row["pid"], signal.SIGCONT)
        await accounts.create(two)
        await database.close()


async def test_of_two_processes_one_mirrors_and_the_other_takes_over(
    surroundings: Surroundings, postgres: servers.Postgres, tmp_path: Path
) -> None:
    url = await postgres.new_database()
    clock = SystemClock()

    async def process(identity: str) -> tuple[Surroundings, Leadership, Database]:
        seat = Seat(surroundings.namespace, "picshapes-api-mirror", identity)
        leadership, database = Leadership(surroundings.cluster, seat, clock), await Database.connect(parse(url))
        return replace(surroundings, database=database, leadership=leadership), leadership, database

    (first, leads, first_database), (second, waits, second_database) = await process("one"), await process("two")
    async with serving(second, tmp_path) as other, httpx.AsyncClient(base_url=other.url, timeout=30) as http:
        async with serving(first, tmp_path) as api:

            async def held() -> list[bool]:
                return [leads.held(), waits.held()]

            assert sum(await eventually(held, any)) == 1
            await eventually(lambda: is_ready(http), bool)
            caller = await api.user(credits=5)
            job = await submit(http, caller)
            await fail(api, job["id"], Reason.INTERNAL_ERROR)
            await eventually(lambda: credits_of(http, caller), lambda balance: balance == 5)
        await leads.release()
        await eventually(held, lambda both: both == [False, True])
        job = await submit(http, caller)
        await fail(other, job["id"], Reason.INTERNAL_ERROR)
        await eventually(lambda: credits_of(http, caller), lambda balance: balance == 5)
        admin = await other.user(role=Role.ADMIN)
        audit = await http.get("/api/v1/admin/audit", headers=admin.headers)
        assert audit.json()["consistent"] is True
    await first_database.close()
    await second_database.close()
