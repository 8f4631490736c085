"""Removing what is no longer kept: old pictures, old jobs, old idempotency keys; by the process that leads.

Every batch is bounded and followed by a pause, so that requests are served meanwhile. What fails is found again by
the next sweep. The ledger is never swept.
"""

from typing import Final

import structlog

from picshapes_api.cluster.job_cache import JobCache
from picshapes_api.cluster.pace import Pace
from picshapes_api.core.idempotency import KEPT_MS
from picshapes_api.core.retention import Retention, is_picture
from picshapes_api.pictures import PictureStore, StorageUnavailableError
from picshapes_api.storage.database import DatabaseUnavailableError
from picshapes_api.storage.sweep import OldJob, SweepStore

SWEEP_S: Final = 3600.0
RETRY_S: Final = 60.0
PAUSE_S: Final = 0.1
BATCH: Final = 500

log = structlog.get_logger(__name__)


class Sweeper:
    """Looks every hour for what has outlived its time."""

    def __init__(
        self, store: SweepStore, pictures: PictureStore, cache: JobCache, retention: Retention, pace: Pace
    ) -> None:
        self._store, self._pictures, self._cache = store, pictures, cache
        self._retention, self._clock, self._leads = retention, pace.clock, pace.leads

    async def run(self) -> None:
        """Sweep while this process leads, for ever."""
        while True:
            swept = False
            if self._leads() and self._cache.trustworthy:
                try:
                    await self.step()
                    swept = True
                except (DatabaseUnavailableError, StorageUnavailableError) as error:
                    log.warning("sweep.retry", error=str(error))
            await self._clock.sleep(SWEEP_S if swept else RETRY_S)

    async def step(self) -> None:
        """Remove all that is due now."""
        now_ms = self._now_ms()
        while await self._store.forget_grant_keys(now_ms - KEPT_MS, BATCH) == BATCH:
            await self._clock.sleep(PAUSE_S)
        pictures, jobs = await self._sweep_pictures(now_ms), await self._sweep_jobs(now_ms)
        if pictures or jobs:
            log.info("sweep.removed", pictures=pictures, jobs=jobs)

    async def _sweep_pictures(self, now_ms: int) -> int:
        """Remove pictures by their own age, also those that no row tells of: of jobs made with kubectl."""
        before, removed = self._retention.results_before(now_ms), 0
        if before is None:
            return 0
        async for keys in self._pictures.stored_before(before):
            due = [key for key in keys if is_picture(key)]
            if due and self._leads():
                await self._pictures.remove(due)
                removed += len(due)
                await self._clock.sleep(PAUSE_S)
        return removed

    async def _sweep_jobs(self, now_ms: int) -> int:
        """Remove rows of jobs that ended long ago, but of none whose resource is still there to be mirrored."""
        before_ms, removed = self._retention.jobs_before_ms(now_ms), 0
        after: OldJob | None = None
        while before_ms is not None and self._leads():
            found = await self._store.closed_before(before_ms, after, BATCH)
            gone = [job.id for job in found if self._cache.get(job.id) is None]
            removed += await self._store.remove_jobs(gone)
            if len(found) < BATCH:
                break
            after = found[-1]
            await self._clock.sleep(PAUSE_S)
        return removed

    def _now_ms(self) -> int:
        return int(self._clock.now().timestamp() * 1000)
