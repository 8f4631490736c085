"""A process killed before and after every effect of a submission, and what the next process makes of it.

The harness (`mortal`) lists the effects in a run that lives, then kills one process at each, before and after it.
A second process on the same database and cluster must then come to a consistent end.
"""

import asyncio
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from picshapes_api.assembly import Api, Surroundings, assemble
from picshapes_api.core.accounts import Account, Role
from picshapes_api.storage.accounts import NewUser
from picshapes_api.storage.database import Database
from picshapes_api.storage.url import parse
from picshapes_api.submitting import submit
from picshapes_crds.clock import SystemClock
from picshapes_crds.cluster import JOBS, Scope

from .mortal import Death, MortalCluster, make_mortal

if TYPE_CHECKING:
    from . import servers

KEY = "uk_" + "k" * 43


class LaterClock(SystemClock):
    """The next process starts a minute later."""

    def now(self) -> datetime:
        return super().now() + timedelta(minutes=1)


@asynccontextmanager
async def process(around: Surroundings, url: str, death: Death | None = None) -> AsyncIterator[Api]:
    """Assemble an API on this database; leave nothing of it behind, whether it ended well or died."""
    database = await Database.connect(parse(url))
    cluster: Any = around.cluster
    if death is not None:
        make_mortal(database, death)
        cluster = MortalCluster(cluster, death)
    before = asyncio.all_tasks()
    api = assemble(replace(around, database=database, cluster=cluster))
    following = asyncio.create_task(api.services.cache.follow())
    try:
        async with asyncio.timeout(30):
            await api.services.cache.changed.wait()
        yield api
    finally:
        following.cancel()
        if death is not None and death.dead.is_set():
            leftovers = asyncio.all_tasks() - before
            for task in leftovers:
                task.cancel()
            await asyncio.wait(leftovers)
            database._group = None
        else:
            await asyncio.wait([following])
            await api.services.placer.finish()
        await database.close()


async def account(api: Api) -> Account:
    new = NewUser("someone@example.com", Role.USER, 5, KEY)
    return await api.services.accounts.find_by_email(new.email) or await api.services.accounts.create(new)


async def submission(around: Surroundings, url: str, death: Death) -> None:
    """Run one submission until it answers or its process dies."""
    async with process(around, url, death) as api:
        user = await account(api)
        death.armed = True

        async def whole() -> None:
            await submit(api.services, user, b'{"prompt": "a", "tier": "pro"}', "once")
            await api.services.placer.finish()

        running = asyncio.create_task(whole())
        dying = asyncio.create_task(death.dead.wait())
        async with asyncio.timeout(30):
            await asyncio.wait({running, dying}, return_when=asyncio.FIRST_COMPLETED)
        dying.cancel()
        if not death.dead.is_set():
            await running


async def recovered(around: Surroundings, url: str) -> tuple[int, int, list[str], list[str]]:
    """Let a next process settle, and return the balance, the entries, the jobs and the resources' names."""
    async with process(replace(around, clock=LaterClock()), url) as api:
        assert await api.mirror.step()
        await api.outbox.step()
        await api.services.placer.finish()
        audit = await api.services.administration.audit()
        assert (audit.mismatches, audit.unsettled_jobs) == ([], [])
        rows = await api.services.database.fetch("SELECT id, resource_uid FROM jobs ORDER BY id")
        assert all(row["resource_uid"] for row in rows)
        user = await account(api)
        found = await around.cluster.list_all(JOBS, Scope(around.namespace))
        names = sorted(one["metadata"]["name"] for one in found.items)
        return user.credits, audit.entries, [str(row["id"]) for row in rows], names


@pytest.fixture
def database_url(tmp_path: Path) -> str:
    return f"sqlite://{tmp_path}/unused.db"


NewUrl = Callable[[], Awaitable[str]]


@pytest.fixture(params=["sqlite", "postgres"])
def new_url(request: pytest.FixtureRequest, tmp_path: Path) -> NewUrl:
    """Makes an empty database and returns its URL."""
    if request.param == "postgres":
        server: servers.Postgres = request.getfixturevalue("postgres")
        return server.new_database

    async def new_file() -> str:
        return f"sqlite://{tmp_path}/{uuid.uuid4().hex}.db"

    return new_file


async def test_a_submission_killed_at_any_effect_ends_consistent(
    surroundings: Surroundings, new_url: NewUrl, capsys: pytest.CaptureFixture[str]
) -> None:
    living, url = Death(), await new_url()
    await submission(surroundings, url, living)
    for name in (
        "INSERT INTO jobs",
        "UPDATE users SET credits",
        "INSERT INTO ledger",
        "COMMIT",
        "api server: create",
    ):
        assert any(name in effect for effect in living.effects), living.effects
    before: set[str] = set((await recovered(surroundings, url))[3])
    for at, name in enumerate(living.effects):
        for after in (False, True):
            death, url = Death(at=at, after=after), await new_url()
            await submission(surroundings, url, death)
            assert death.dead.is_set(), f"nobody died {'after' if after else 'before'} {name}"
            balance, entries, jobs, names = await recovered(surroundings, url)
            with capsys.disabled():
                print(f"\n  killed {'after ' if after else 'before'} {name}: {len(jobs)} job(s)", end="")  # noqa: T201 - the harness shows what it tried
            # Nothing, or one paid job with one resource: never money without a job or a job without money.
            assert (balance, entries, len(jobs)) in ((5, 1, 0), (2, 2, 1))
            assert set(names) - before == set(jobs)
            before |= set(names)


async def test_the_client_of_a_killed_process_repeats_with_its_key_and_pays_once(
    surroundings: Surroundings, new_url: NewUrl
) -> None:
    living = Death()
    await submission(surroundings, await new_url(), living)
    committed = next(number for number, name in enumerate(living.effects) if name.endswith("COMMIT"))
    url = await new_url()
    await submission(surroundings, url, Death(at=committed, after=True))
    await submission(surroundings, url, Death())
    balance, entries, jobs, _ = await recovered(surroundings, url)
    assert (balance, entries, len(jobs)) == (2, 2, 1)
