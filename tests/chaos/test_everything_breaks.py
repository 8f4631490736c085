"""Under load every process is killed, paused and cut off; in the end nothing is lost, doubled or left over.

`PICSHAPES_CHAOS_ROUNDS` makes it longer (each round deals every blow once), `PICSHAPES_CHAOS_SEED` orders
them differently. A run is not the same twice; its schedule is.
"""

import asyncio
import logging
import os
import random
import time
from typing import Final

import httpx
import pytest

from .conftest import Ground
from .load import Load, until_all_ended
from .reckoning import Books, pictures_served
from .site import NAMESPACE
from .strikes import Act, Striker, missing, schedule
from .witness import Witness

ROUNDS: Final = int(os.environ.get("PICSHAPES_CHAOS_ROUNDS", "1"))
SEED: Final = int(os.environ.get("PICSHAPES_CHAOS_SEED", "1"))
ROUND_S: Final = 60.0
SETTLED_WITHIN_S: Final = 300.0
USERS: Final = 4
LEAST_JOBS: Final = 10

log = logging.getLogger(__name__)

pytestmark = pytest.mark.timeout(600 + ROUNDS * ROUND_S * 3)


@pytest.mark.asyncio(loop_scope="module")
async def test_whatever_is_killed_paused_or_cut_off_nothing_is_lost(ground: Ground) -> None:
    site, began = ground.site, time.monotonic()

    def note(what: str) -> None:
        log.info("%6.1f s: %s", time.monotonic() - began, what)

    await site.start(apis=2, operators=2, workers=3)
    await _lift_limits(site.apis[0], site.keys.admin)
    note("everything runs")
    rng = random.Random(SEED)
    blows: dict[str, tuple[Act, ...]] = dict.fromkeys((*site.parts, *ground.servers), ("kill", "pause"))
    blows |= dict.fromkeys(("apiserver", "postgres", "redis", "s3"), ("kill", "pause", "reset"))
    async with Witness.of(site.cluster, NAMESPACE) as witness:
        load = Load(site.apis, site.keys.user, site.cluster, random.Random(SEED + 1))
        working = asyncio.create_task(load.run(USERS))
        striker = Striker(site, ground.servers, note)
        try:
            await striker.run(schedule(rng, blows, ROUND_S * ROUNDS, ROUNDS))
        finally:
            load.stopping = True
        note("no more blows")
        async with asyncio.timeout(SETTLED_WITHIN_S):
            await working
            promises = load.promises
            told = await until_all_ended(site.apis, site.keys.user, promises.jobs, note)
            books = await _settled(ground, promises.applied)
    assert list(missing(striker.dealt, blows)) == []
    assert witness.broken_promises() == []
    assert books.faults(promises) == []
    completed = {job for job, body in told.items() if body["status"] == "completed"}
    served = {one async for one in pictures_served(site.apis[1], site.keys.user, told, books.rows)}
    note(f"{len(told)} jobs over HTTP, {len(completed)} completed; {len(promises.applied)} by kubectl")
    assert completed - served == set()
    assert len(completed) >= LEAST_JOBS


async def _settled(ground: Ground, applied: set[str]) -> Books:
    """Read everything once the jobs made with kubectl have ended as well, and every end is in the database."""
    while True:
        books = await Books.read(ground.database_url, ground.site.cluster, ground.bucket)
        if books.closed and applied <= {job.metadata.name for job in books.resources.values()}:
            return books
        await asyncio.sleep(1)  # nothing tells of it


async def _lift_limits(api: str, admin: str) -> None:
    """Let everybody submit as often as they like."""
    headers = {"Authorization": f"Bearer {admin}"}
    async with httpx.AsyncClient(base_url=api, headers=headers, trust_env=False, timeout=30) as client:
        users = (await client.get("/api/v1/admin/users")).json()["users"]
        for user in users:
            body = {"limit_per_minute": 0, "limit_per_day": 0}
            (await client.patch(f"/api/v1/admin/users/{user['id']}", json=body)).raise_for_status()
