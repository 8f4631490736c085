"""From an accepted row to a resource in the cluster: at once after the commit, else by the outbox.

Creating is safe to repeat: the resource's name is the job's id, and one found under that name is recognised.
Only a refusal (400, 422) ends a job, and only after a read has shown that the name is free; any other failure
leaves the row to the outbox.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

import structlog

from picshapes_api.cluster.job_cache import JobCache
from picshapes_api.core.failures import REFUSED
from picshapes_api.core.job_resource import is_resource_of, job_resource
from picshapes_api.core.job_view import Outcome
from picshapes_api.storage.closing import Closing, Sighting
from picshapes_api.storage.database import DatabaseUnavailableError
from picshapes_api.storage.job_rows import JobRow
from picshapes_api.storage.jobs import JobStore
from picshapes_crds.cluster import (
    JOBS,
    AlreadyExistsError,
    Cluster,
    ClusterError,
    ForbiddenError,
    InvalidError,
    Json,
    NotFoundError,
)
from picshapes_crds.phases import Phase, Reason

MAX_UNFINISHED: Final = 20_000
MAX_UNFINISHED_PER_USER: Final = 10_000
INLINE_WAIT_S: Final = 2.0
"""How long a submission waits for its resource before it answers without."""
CIRCUIT_S: Final = 5.0
"""After the API server was away, submissions don't try it for so long."""

log = structlog.get_logger(__name__)


class Placed(StrEnum):
    """What became of an attempt to create a resource."""

    CREATED = "created"
    REFUSED = "refused"
    LATER = "later"


@dataclass(frozen=True)
class Bounds:
    """How much of the cluster the API may use, in all and for each user."""

    max_unfinished: int = MAX_UNFINISHED
    max_unfinished_per_user: int = MAX_UNFINISHED_PER_USER


class Placer:
    """Creates the resources of accepted jobs."""

    def __init__(
        self, cluster: Cluster, namespace: str, store: JobStore, cache: JobCache, now_ms: Callable[[], int]
    ) -> None:
        self._cluster, self._namespace, self._store, self._cache = cluster, namespace, store, cache
        self._now_ms = now_ms
        self._under_way: set[asyncio.Task[Placed]] = set()
        self._cancelling: set[asyncio.Task[bool]] = set()
        self._recording: list[Sighting] = []
        self._recorder: asyncio.Task[None] | None = None
        self._away_until_ms = 0
        self.bounds = Bounds()

    @property
    def has_room(self) -> bool:
        """Whether the cluster may hold one more unfinished job."""
        return self._cache.unfinished + len(self._under_way) < self.bounds.max_unfinished

    @property
    def places_now(self) -> bool:
        """Whether a submission's resource is created at once; else jobs wait in the database only."""
        return self.has_room and self._now_ms() >= self._away_until_ms

    def has_room_for(self, owner: str) -> bool:
        """Whether this user may have one more unfinished job."""
        return self._cache.unfinished_of[owner] < self.bounds.max_unfinished_per_user

    async def place_soon(self, job: JobRow) -> None:
        """Try to create the resource, for a bounded time; if it takes longer, it goes on alone."""
        if not self.places_now:
            return
        task = asyncio.create_task(self.place(job))
        self._under_way.add(task)
        task.add_done_callback(self._placed)
        await asyncio.wait([task], timeout=INLINE_WAIT_S)

    async def place(self, job: JobRow) -> Placed:
        """Create the resource of a job, or find that it is there already."""
        facts = job.facts
        body = job_resource(facts.id, facts.spec, facts.created_at_ms, cancelled=job.cancel_requested)
        try:
            resource = await self._create_or_find(job, body)
            if resource is None:
                await self._refuse(job)
                return Placed.REFUSED
        except (ClusterError, DatabaseUnavailableError) as error:
            if not isinstance(error, (InvalidError, ForbiddenError)):
                self._away_until_ms = self._now_ms() + int(CIRCUIT_S * 1000)
            log.warning("job.place.later", job_id=facts.id, error=str(error))
            return Placed.LATER
        self._record(Sighting(facts.id, resource["metadata"]["uid"]))
        return Placed.CREATED

    async def cancel_soon(self, job_id: str) -> None:
        """Tell the cluster to end a job, for a bounded time; the mirror goes on with it if that fails."""
        if self._now_ms() >= self._away_until_ms:
            task = asyncio.create_task(cancel_resource(self._cluster, self._namespace, job_id))
            self._cancelling.add(task)
            task.add_done_callback(self._cancelling.discard)
            await asyncio.wait([task], timeout=INLINE_WAIT_S)

    async def end_unplaced(self, job_id: str) -> None:
        """Cancel a job that never came into the cluster; should it turn up after all, it is cancelled there."""
        try:
            found = await self._cluster.get(JOBS, self._namespace, job_id)
        except NotFoundError:
            closing = Closing(job_id, Phase.FAILED, Outcome("failed", failure=Reason.CANCELLED.value))
            await self._store.close([closing], self._now_ms())
        except ClusterError as error:
            log.warning("job.cancel.later", job_id=job_id, error=str(error))
        else:
            self._record(Sighting(job_id, found["metadata"]["uid"]))

    async def finish(self) -> None:
        """Wait for what is under way; each part of it is bounded in time."""
        if under_way := {*self._under_way, *self._cancelling}:
            await asyncio.wait(under_way)
        if self._recorder is not None:
            await asyncio.wait([self._recorder])

    def _placed(self, task: asyncio.Task[Placed]) -> None:
        self._under_way.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("job.place.failed", exc_info=error)

    async def _create_or_find(self, job: JobRow, body: Json) -> Json | None:
        """Return the job's resource; None when the API server refuses it and the name is free of it."""
        facts = job.facts
        try:
            return await self._cluster.create(JOBS, self._namespace, body)
        except AlreadyExistsError:
            found = await self._cluster.get(JOBS, self._namespace, facts.id)
            ours = is_resource_of(found, facts.id, facts.spec, facts.created_at_ms)
            return found if ours else None
        except InvalidError as error:
            log.error("job.refused", job_id=facts.id, error=str(error))  # noqa: TRY400 - no traceback of ours
            try:
                found = await self._cluster.get(JOBS, self._namespace, facts.id)
            except NotFoundError:
                return None
            return found if is_resource_of(found, facts.id, facts.spec, facts.created_at_ms) else None

    async def _refuse(self, job: JobRow) -> None:
        closing = Closing(job.facts.id, Phase.FAILED, Outcome("failed", failure=REFUSED))
        await self._store.close([closing], self._now_ms())

    def _record(self, sighting: Sighting) -> None:
        """Write the resource's uid into the row, together with others, without making the caller wait."""
        self._recording.append(sighting)
        if self._recorder is None or self._recorder.done():
            self._recorder = asyncio.create_task(self._write_recorded())

    async def _write_recorded(self) -> None:
        while self._recording:
            batch, self._recording = self._recording, []
            try:
                standings = await self._store.observe(batch)
            except DatabaseUnavailableError as error:
                # The mirror writes the uid when it sees the resource.
                log.warning("job.record.later", jobs=len(batch), error=str(error))
                return
            for seen in batch:
                self._cache.recorded[seen.job_id] = seen.resource_uid
                standing = standings.get(seen.job_id)
                if standing is not None and (standing.cancel_requested or standing.closed):
                    await cancel_resource(self._cluster, self._namespace, seen.job_id)


async def cancel_resource(cluster: Cluster, namespace: str, job_id: str) -> bool:
    """Ask the operator and the worker to end a job; False when it must be tried again later."""
    try:
        await cluster.merge_patch(JOBS, namespace, job_id, {"spec": {"cancelRequested": True}})
    except NotFoundError:
        return True
    except ClusterError as error:
        log.warning("job.cancel.later", job_id=job_id, error=str(error))
        return False
    return True
