"""Removing what is no longer kept: old pictures, old jobs, old idempotency keys; by the process that leads.

Every batch is bounded and followed by a pause, so that requests are served meanwhile. What fails is found again by
the next sweep. The ledger is never swept.
"""

from datetime import UTC, datetime
from typing import Final

import structlog

from picshapes_api.cluster.job_cache import JobCache
from picshapes_api.cluster.pace import Pace
from picshapes_api.core.idempotency import KEPT_MS
from picshapes_api.core.orphans import GRACE_MS, job_of, orphans
from picshapes_api.core.retention import Retention, is_picture
from picshapes_api.pictures import PictureStore, StorageUnavailableError
from picshapes_api.storage.database import DatabaseUnavailableError
from picshapes_api.storage.sweep import OldJob, SweepStore

SWEEP_S: Final = 3600.0
RETRY_S: Final = 60.0
PAUSE_S: Final = 0.1
BATCH: Final = 500
ORPHANS_EVERY_MS: Final = 24 * 3600 * 1000

log = structlog.get_logger(__name__)


class Sweeper:
    """Looks every hour for what has outlived its time."""

    def __init__(
        self, store: SweepStore, pictures: PictureStore, cache: JobCache, retention: Retention, pace: Pace
    ) -> None:
        self._store, self._pictures, self._cache = store, pictures, cache
        self._retention, self._clock, self._leads = retention, pace.clock, pace.leads
        self._orphans_after_ms = 0

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
        orphaned = await self._sweep_orphans(now_ms)
        pictures, jobs = await self._sweep_pictures(now_ms), await self._sweep_jobs(now_ms)
        if pictures or jobs or orphaned:
            log.info("sweep.removed", pictures=pictures, jobs=jobs, orphans=orphaned)

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

    async def _sweep_orphans(self, now_ms: int) -> int:
        """Remove, once a day, pictures that no job refers to: finding them takes a list of all."""
        if now_ms < self._orphans_after_ms:
            return 0
        before, removed = datetime.fromtimestamp((now_ms - GRACE_MS) / 1000, UTC), 0
        async for keys in self._pictures.stored_before(before):
            closed = await self._store.closed({job_of(key) for key in keys if is_picture(key)})
            due = orphans(keys, closed, now_ms)
            if due and self._leads():
                await self._pictures.remove(due)
                removed += len(due)
            await self._clock.sleep(PAUSE_S)
        self._orphans_after_ms = now_ms + ORPHANS_EVERY_MS
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
