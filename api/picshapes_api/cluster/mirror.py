"""The mirror: from what happened in the cluster to the database, and the end of finished resources.

Level-triggered: each step takes the latest state of every job that changed, writes it, and gives back what it
could not write. Closing a row settles its money in the same transaction, once. A finished resource is deleted when
its time is over and its end is in the database; a resource whose row is closed or cancelled is cancelled.
"""

import asyncio
import heapq
from collections.abc import Awaitable, Callable, Iterable
from typing import Final, TypeVar

import structlog

from picshapes_api.cluster.job_cache import CachedJob, Changes, JobCache
from picshapes_api.cluster.pace import Pace
from picshapes_api.cluster.placing import cancel_resource
from picshapes_api.core.failures import DELETED
from picshapes_api.core.job_view import Outcome, is_api_job, outcome_of, public_id
from picshapes_api.storage.closing import Closing, Sighting, Standing
from picshapes_api.storage.database import DatabaseUnavailableError
from picshapes_api.storage.jobs import JobStore
from picshapes_crds.cluster import JOBS, Cluster, ClusterError, ConflictError, NotFoundError
from picshapes_crds.phases import Phase

BATCH: Final = 200
AT_ONCE: Final = 32
GATHER_S: Final = 0.05
"""Changes are gathered for so long, so that a burst is one transaction."""
LONGEST_WAIT_S: Final = 10.0
RETRY_S: Final = 1.0

T = TypeVar("T")
R = TypeVar("R")

log = structlog.get_logger(__name__)


class Mirror:
    """Writes the cluster's state of the API's jobs into the database."""

    def __init__(self, cluster: Cluster, namespace: str, cache: JobCache, store: JobStore, pace: Pace) -> None:
        self._cluster, self._namespace, self._cache, self._store = cluster, namespace, cache, store
        self._clock, self._leads, self._figures = pace.clock, pace.leads, pace.figures
        self._expiring: list[tuple[int, str, str]] = []
        """Heap of (when, job id, uid) of finished resources."""
        self._uncancelled: set[str] = set()
        """Jobs whose resource must be told to end."""

    async def run(self) -> None:
        """Mirror while this process leads, for ever; begins each time with everything that is in the cluster."""
        led = False
        while True:
            if not self._leads():
                led = False
                self._cache.take_changes()  # whoever leads writes them
                await self._clock.sleep(RETRY_S)
                continue
            if not led:
                led = True
                self._cache.mark_all_changed()
            try:
                async with asyncio.timeout(self._wait_s()):
                    await self._cache.changed.wait()
                await self._clock.sleep(GATHER_S)
            except TimeoutError:
                pass  # something is due, or it is time to look again
            if not await self.step():
                await self._clock.sleep(RETRY_S)

    async def step(self) -> bool:
        """Bring the database up to date once; False when a part of it must be tried again."""
        if not self._cache.filled:
            return True
        changes = self._cache.take_changes()
        try:
            if changes.relisted:
                await self._settle_missing()
                self._uncancelled.update(await self._store.cancelling())
            await self._write(changes)
            await self._cancel()
            await self._delete_expired()
        except (DatabaseUnavailableError, ClusterError) as error:
            log.warning("mirror.retry", error=str(error))
            self._cache.put_back(changes)
            return False
        return True

    async def _write(self, changes: Changes) -> None:
        sightings: list[Sighting] = []
        closings: list[Closing] = []
        for job_id, job in changes.seen.items():
            if not is_api_job(job.resource):
                continue
            recorded = self._cache.recorded.pop(job_id, None)
            if recorded == job.uid and job.is_new:
                continue
            if job.ended:
                closings.append(_end(job_id, job))
                self._expire(job_id, job)
            else:
                sightings.append(Sighting(job_id, job.uid, outcome_of(job.resource.get("status") or {})))
        for job in changes.deleted.values():
            if is_api_job(job.resource):
                job_id = public_id(job.resource)
                closings.append(_end(job_id, job) if job.ended else _deleted(job_id, job.uid))
        for batch in _batches(sightings):
            self._demand(await self._store.observe(batch))
        for ends in _batches(closings):
            ended = await self._store.close(ends, self._now_ms())
            self._tell(ends, ended)

    def _tell(self, closings: list[Closing], ended: set[str]) -> None:
        for closing in closings:
            if closing.job_id in ended:
                outcome = closing.outcome
                self._figures.closed.labels(outcome.status, outcome.failure or "").inc()
                log.info("job.closed", job_id=closing.job_id, status=outcome.status, reason=outcome.failure)

    def _demand(self, standings: dict[str, Standing]) -> None:
        for job_id, standing in standings.items():
            if standing.closed or standing.cancel_requested:
                self._uncancelled.add(job_id)

    async def _cancel(self) -> None:
        """Tell resources whose rows are closed or cancelled to end, unless they have been told."""
        due = [job_id for job_id in self._uncancelled if (job := self._cache.get(job_id)) and job.may_be_cancelled]
        self._uncancelled.intersection_update(due)
        done = await _at_once(due, lambda job_id: cancel_resource(self._cluster, self._namespace, job_id))
        self._uncancelled.difference_update(job_id for job_id, ok in zip(due, done, strict=True) if ok)

    async def _settle_missing(self) -> None:
        """Close the jobs whose resources are gone, each after a read has confirmed it."""
        placed = await self._store.open_placed()
        missing = [
            (job_id, uid)
            for job_id, uid in placed.items()
            if (job := self._cache.get(job_id)) is None or job.uid != uid
        ]
        gone = await _at_once(missing, self._is_gone)
        closings = [_deleted(*one) for one, is_gone in zip(missing, gone, strict=True) if is_gone]
        for batch in _batches(closings):
            self._tell(batch, await self._store.close(batch, self._now_ms()))

    async def _is_gone(self, job: tuple[str, str]) -> bool:
        job_id, uid = job
        try:
            found = await self._cluster.get(JOBS, self._namespace, job_id)
        except NotFoundError:
            return True
        return bool(found["metadata"]["uid"] != uid)

    def _expire(self, job_id: str, job: CachedJob) -> None:
        ttl_s = job.resource["spec"].get("ttlSecondsAfterFinished")
        ended_ms = outcome_of(job.resource["status"]).completed_at_ms
        if ttl_s is not None:
            due_ms = (self._now_ms() if ended_ms is None else ended_ms) + ttl_s * 1000
            heapq.heappush(self._expiring, (due_ms, job_id, job.uid))

    async def _delete_expired(self) -> None:
        now_ms = self._now_ms()
        due: dict[str, str] = {}
        while self._expiring and self._expiring[0][0] <= now_ms and len(due) < BATCH:
            _, job_id, uid = heapq.heappop(self._expiring)
            due[job_id] = uid
        if not due:
            return
        archived = await self._store.closed_among(list(due))
        for job_id in due.keys() - archived:
            log.error("mirror.unknown_job", job_id=job_id)
        deleting = [(job_id, due[job_id]) for job_id in archived]
        done = await _at_once(deleting, self._delete)
        for (job_id, uid), ok in zip(deleting, done, strict=True):
            if not ok:
                heapq.heappush(self._expiring, (now_ms + int(RETRY_S * 1000), job_id, uid))

    async def _delete(self, job: tuple[str, str]) -> bool:
        job_id, uid = job
        try:
            await self._cluster.delete(JOBS, self._namespace, job_id, uid)
        except (NotFoundError, ConflictError):
            return True
        except ClusterError as error:
            log.warning("mirror.delete.later", job_id=job_id, error=str(error))
            return False
        return True

    def _wait_s(self) -> float:
        if not self._expiring:
            return LONGEST_WAIT_S
        return min(LONGEST_WAIT_S, max(0.0, (self._expiring[0][0] - self._now_ms()) / 1000))

    def _now_ms(self) -> int:
        return int(self._clock.now().timestamp() * 1000)


def _end(job_id: str, job: CachedJob) -> Closing:
    status = job.resource["status"]
    return Closing(job_id, Phase(status["phase"]), outcome_of(status), status.get("progress"), job.uid)


def _deleted(job_id: str, uid: str) -> Closing:
    return Closing(job_id, Phase.FAILED, Outcome("failed", failure=DELETED), resource_uid=uid)


def _batches(items: list[T]) -> Iterable[list[T]]:
    return (items[start : start + BATCH] for start in range(0, len(items), BATCH))


async def _at_once(items: list[T], act: Callable[[T], Awaitable[R]]) -> list[R]:
    """Do the same to many, a bounded number at a time, and return the results in order."""
    lane = asyncio.Semaphore(AT_ONCE)

    async def one(item: T) -> R:
        async with lane:
            return await act(item)

    return list(await asyncio.gather(*(one(item) for item in items)))
