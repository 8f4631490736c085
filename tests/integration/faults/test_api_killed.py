"""An API process is killed outright while jobs stand at every point of theirs: each is paid once and ends once.

With SQLite the same process starts again. With PostgreSQL the killed one leads the mirror, and another that was
waiting takes over.
"""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Final

import pytest
import pytest_asyncio
from tests.api import servers

from picshapes_crds.cluster import LEASES, Scope
from picshapes_crds.phases import Phase

from .conftest import Install
from .installation import Installation

WORKERS: Final = ("worker-0", "worker-1", "worker-2")
STEP_S: Final = 0.2


@dataclass(frozen=True)
class Case:
    """An installation, the API process to be killed, and the one to be asked afterwards."""

    parts: Installation
    killed: str
    asked: str

    async def recover(self) -> None:
        if self.asked == self.killed:
            await self.parts.start_again(self.killed)


@pytest_asyncio.fixture(params=["sqlite", "postgres"])
async def case(request: pytest.FixtureRequest, install: Install) -> AsyncIterator[Case]:
    async with install(f"api-killed-{request.param}", STEP_S) as parts:
        others = asyncio.gather(parts.start_operator(), *map(parts.start_worker, WORKERS))
        if request.param == "sqlite":
            await asyncio.gather(parts.start_api(), others)
            yield Case(parts, "api", "api")
            return
        with servers.postgres() as server, servers.redis() as limits:
            shared = {"DATABASE_URL": await server.new_database(), "REDIS_URL": limits.url}
            await parts.start_api("leader", shared)
            leader = await mirror(parts)
            await asyncio.gather(parts.start_api("standby", shared), others)
            assert await mirror(parts) == leader
            yield Case(parts, "leader", "standby")
            await parts.stop("standby")


async def mirror(parts: Installation) -> str:
    """Return who leads the mirror, as soon as somebody does."""
    async with asyncio.timeout(120):
        while True:
            found = await parts.cluster.list_all(LEASES, Scope(parts.namespace))
            for lease in found.items:
                if lease["metadata"]["name"] == "picshapes-api-mirror":
                    return str(lease["spec"]["holderIdentity"])
            await asyncio.sleep(0.1)  # it is taken within two seconds


async def test_jobs_are_paid_once_and_end_once_when_the_api_is_killed_at_any_point(case: Case) -> None:
    parts, history = case.parts, case.parts.history
    api, operator, worker = (parts.gates[kind] for kind in ("api", "operator", "worker"))
    credit = await parts.credits(case.killed)

    jobs = {"had ended": await parts.submit(case.killed)}
    await history.until_ended(jobs["had ended"])
    ending, begin, claim = worker.hold("Completed"), worker.hold("Processing"), operator.hold("Claimed")
    jobs["pending"] = await parts.submit(case.killed)
    assert await claim.arrived() == jobs["pending"]
    for _ in range(2):
        await parts.submit(case.killed)
    jobs["claimed"] = await begin.arrived()
    jobs["processing"] = await ending.arrived()
    assert await begin.let_through() == 200
    cancel, doomed = api.hold("cancel"), operator.hold("Claimed")
    jobs["cancelled"] = await parts.submit(case.killed)
    assert await doomed.arrived() == jobs["cancelled"]
    dying: list[asyncio.Task[str] | asyncio.Task[None]] = [
        asyncio.create_task(parts.cancel_by_rest(jobs["cancelled"], case.killed))
    ]
    assert await cancel.arrived() == jobs["cancelled"]
    never, late, unheard = [api.hold("create") for _ in range(3)]
    for point, create in (("create never sent", never), ("create late", late), ("create unheard", unheard)):
        dying.append(asyncio.create_task(parts.submit(case.killed, point)))
        jobs[point] = await create.arrived()
    assert await unheard.let_through_unheard() == 201

    await parts.kill(case.killed)
    await asyncio.wait(dying)
    cancel.drop()
    never.drop()
    assert await ending.let_through() == 200
    await history.until_phase(jobs["processing"], Phase.COMPLETED)
    assert await claim.let_through() == 200
    await case.recover()
    for point in ("create never sent", "create late", "create unheard"):
        assert await parts.submit(case.asked, point) == jobs[point]
    await history.until(lambda: jobs["create late"] in history.lives, "the outbox has created the job")
    assert await late.let_through() == 409
    await history.until(lambda: history.lives[jobs["cancelled"]][-1].spec.cancel_requested is True, "told to end")
    assert await doomed.let_through() == 409

    await history.until_ended(*jobs.values())
    told = await parts.until_told(*jobs.values(), name=case.asked)
    assert {point: told[job] for point, job in jobs.items()} == dict.fromkeys(jobs, "completed") | {
        "cancelled": "failed"
    }
    assert await parts.credits(case.asked) == credit - len(jobs) + 1
    await parts.check_books(case.asked)
    history.check()
    assert set(history.lives) == set(jobs.values())
