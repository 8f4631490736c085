"""A process killed before and after every effect of a submission, and what the next process makes of it.

The harness stands between the API and what lasts: each statement and commit of SQLite, each call of the API
server. It lists them in a run that lives, then kills one process at each, before and after its effect: from there
on nothing of that process takes place. A second process on the same file and cluster must then come to a
consistent end.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from picshapes_api.assembly import Api, Surroundings, assemble
from picshapes_api.core.accounts import Account, Role
from picshapes_api.storage.accounts import NewUser
from picshapes_api.storage.database import Database
from picshapes_api.storage.url import parse
from picshapes_api.submitting import submit
from picshapes_crds.clock import SystemClock
from picshapes_crds.cluster import JOBS, Scope
from picshapes_crds.cluster.kube import KubeCluster

KEY = "uk_" + "k" * 43


@dataclass
class Death:
    """Counts effects and lets a process die at one of them."""

    at: int | None = None
    after: bool = False
    effects: list[str] = field(default_factory=list)
    armed: bool = False
    dead: asyncio.Event = field(default_factory=asyncio.Event)

    async def effect(self, name: str, act: Callable[[], Awaitable[Any]]) -> Any:
        if not self.armed:
            return await act()
        if self.dead.is_set():
            raise asyncio.CancelledError
        number = len(self.effects)
        self.effects.append(name)
        if number != self.at:
            return await act()
        if self.after:
            await act()
        self.dead.set()
        return await asyncio.Event().wait()  # nothing comes back to a dead process


class MortalCluster:
    """The API server, through a process that may die."""

    def __init__(self, real: KubeCluster, death: Death) -> None:
        self._real, self._death = real, death

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._real, name)
        if name not in ("create", "get", "merge_patch", "delete"):
            return method

        async def mortal(*args: Any, **kwargs: Any) -> Any:
            return await self._death.effect(f"api server: {name}", lambda: method(*args, **kwargs))

        return mortal


class MortalConnection:
    """SQLite, through a process that may die."""

    def __init__(self, real: Any, death: Death) -> None:
        self._real, self._death = real, death

    @property
    def total_changes(self) -> int:
        return int(self._real.total_changes)

    async def execute(self, sql: str, parameters: Iterable[Any] = ()) -> Any:
        return await self._death.effect(f"sqlite: {sql[:40]}", lambda: self._real.execute(sql, parameters))

    async def execute_fetchall(self, sql: str, parameters: Iterable[Any] | None = None) -> Any:
        return await self._death.effect(
            f"sqlite: {sql[:40]}", lambda: self._real.execute_fetchall(sql, parameters)
        )

    async def commit(self) -> None:
        await self._death.effect("sqlite: COMMIT", self._real.commit)

    async def rollback(self) -> None:
        await self._death.effect("sqlite: ROLLBACK", self._real.rollback)

    async def close(self) -> None:
        await self._real.close()


class LaterClock(SystemClock):
    """The next process starts a minute later."""

    def now(self) -> datetime:
        return super().now() + timedelta(minutes=1)


@asynccontextmanager
async def process(around: Surroundings, url: str, death: Death | None = None) -> AsyncIterator[Api]:
    """Assemble an API on this file; leave nothing of it behind, whether it ended well or died."""
    database = await Database.connect(parse(url))
    cluster: Any = around.cluster
    if death is not None:
        database._writer._connection = MortalConnection(database._writer._connection, death)
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


async def test_a_submission_killed_at_any_effect_ends_consistent(
    surroundings: Surroundings, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    living = Death()
    await submission(surroundings, f"sqlite://{tmp_path}/living.db", living)
    for name in (
        "INSERT INTO jobs",
        "UPDATE users SET credits",
        "INSERT INTO ledger",
        "COMMIT",
        "api server: create",
    ):
        assert any(name in effect for effect in living.effects), living.effects
    before: set[str] = set((await recovered(surroundings, f"sqlite://{tmp_path}/living.db"))[3])
    for at, name in enumerate(living.effects):
        for after in (False, True):
            url = f"sqlite://{tmp_path}/{at}-{after}.db"
            death = Death(at=at, after=after)
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
    surroundings: Surroundings, tmp_path: Path
) -> None:
    living = Death()
    await submission(surroundings, f"sqlite://{tmp_path}/living.db", living)
    committed = living.effects.index("sqlite: COMMIT")
    url = f"sqlite://{tmp_path}/killed.db"
    await submission(surroundings, url, Death(at=committed, after=True))
    await submission(surroundings, url, Death())
    balance, entries, jobs, _ = await recovered(surroundings, url)
    assert (balance, entries, len(jobs)) == (2, 2, 1)
