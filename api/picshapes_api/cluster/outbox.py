"""The outbox: accepted jobs whose resource was not created at once, because something was away or full."""

import asyncio
from collections.abc import Callable
from typing import Final

import structlog

from picshapes_api.cluster.pace import Pace
from picshapes_api.cluster.placing import Placed, Placer
from picshapes_api.storage.database import DatabaseUnavailableError
from picshapes_api.storage.jobs import JobStore

GRACE_MS: Final = 5_000
"""A younger job is being placed by the request that accepted it."""
PAUSE_S: Final = 1.0
BATCH: Final = 256
AT_ONCE: Final = 32

log = structlog.get_logger(__name__)


class Outbox:
    """Looks for jobs without a resource, oldest first, and places them while there is room."""

    def __init__(self, store: JobStore, placer: Placer, pace: Pace, now_ms: Callable[[], int]) -> None:
        self._store, self._placer, self._pace, self._now_ms = store, placer, pace, now_ms

    async def run(self) -> None:
        """Place what waits, for ever."""
        while True:
            try:
                more = self._pace.leads() and await self.step()
            except DatabaseUnavailableError as error:
                log.warning("outbox.retry", error=str(error))
                more = False
            if not more:
                await self._pace.clock.sleep(PAUSE_S)

    async def step(self) -> bool:
        """Place one batch; say whether there may be more to place right now."""
        before_ms = self._now_ms() - GRACE_MS
        for job_id in await self._store.unplaced_cancelled(before_ms, BATCH):
            await self._placer.end_unplaced(job_id)
        if not self._placer.has_room:
            return False
        waiting = await self._store.unplaced(before_ms, BATCH)
        lane = asyncio.Semaphore(AT_ONCE)

        async def place(index: int) -> Placed:
            async with lane:
                return await self._placer.place(waiting[index]) if self._placer.has_room else Placed.LATER

        results = await asyncio.gather(*(place(index) for index in range(len(waiting))))
        if waiting:
            log.info("outbox.placed", jobs=results.count(Placed.CREATED), later=results.count(Placed.LATER))
        return len(waiting) == BATCH and Placed.LATER not in results
