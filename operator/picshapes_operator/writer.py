"""Carries decisions out: fenced writes, up to 64 at once, never two for one job.

An answer is taken into the state at once, so the loop never decides on what it has itself changed. A write whose
outcome is not known (409, no answer) is settled by reading the job; until then the guess stands.
"""

import asyncio
import random
from collections.abc import Coroutine
from typing import Any, Final

import structlog

from picshapes_crds.clock import Clock
from picshapes_crds.cluster import JOBS, Cluster, ClusterError, ConflictError, InvalidError, Json, NotFoundError
from picshapes_crds.cluster.reflector import backoff_s
from picshapes_crds.resource import GenerationJob
from picshapes_operator.metrics import Metrics
from picshapes_operator.snapshot import JobId
from picshapes_operator.state import ClusterState

IN_FLIGHT: Final = 64
REFUSED_PAUSE_S: Final = 5.0
"""How long a job is left alone after the API server refused a write as invalid, which is a fault of ours."""

log = structlog.get_logger(__name__)


class Writer:
    """Writes statuses and deletes jobs, in the background."""

    def __init__(
        self, cluster: Cluster, state: ClusterState, clock: Clock, metrics: Metrics, rng: random.Random
    ) -> None:
        self._cluster, self._state, self._clock, self._metrics = cluster, state, clock, metrics
        self._slots = asyncio.Semaphore(IN_FLIGHT)
        self._tasks: dict[JobId, asyncio.Task[None]] = {}
        self._rng = rng

    def busy(self, job: JobId) -> bool:
        """Say whether a write for this job is on its way."""
        return job in self._tasks

    def patch_status(self, verb: str, job: GenerationJob, body: Json) -> None:
        """Begin to write a status; `verb` names the transition in logs and metrics."""
        metadata = job.metadata
        call = self._cluster.merge_patch(JOBS, metadata.namespace, metadata.name, body, "status")
        self._begin(verb, job, call)

    def delete(self, job: GenerationJob) -> None:
        """Begin to delete a job."""
        metadata = job.metadata
        call = self._cluster.delete(JOBS, metadata.namespace, metadata.name, metadata.uid)
        self._begin("delete", job, call)

    async def close(self) -> None:
        """Cancel what is on its way; a successor finds out what took effect."""
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _begin(self, verb: str, job: GenerationJob, call: Coroutine[Any, Any, Json | None]) -> None:
        uid = job.metadata.uid
        task = asyncio.create_task(self._write(verb, job, call), name=f"{verb} {uid}")
        self._tasks[uid] = task
        task.add_done_callback(lambda _: self._ended(uid, call))

    def _ended(self, uid: JobId, call: Coroutine[Any, Any, Json | None]) -> None:
        call.close()  # where the task was cancelled before it began the call
        del self._tasks[uid]
        self._state.claim_ended(uid)

    async def _write(self, verb: str, job: GenerationJob, call: Coroutine[Any, Any, Json | None]) -> None:
        metadata = job.metadata
        about = {"verb": verb, "job": job.public_id, "name": metadata.name}
        try:
            async with self._slots:
                answer = await call
        except NotFoundError:
            self._state.forget_job(metadata.uid)
            outcome = "gone"
        except ConflictError:
            await self._read(job)
            outcome = "conflict"
        except InvalidError as error:
            log.error("write.refused", error=str(error), **about)  # noqa: TRY400 - the message says it all
            await self._read(job)
            await self._clock.sleep(REFUSED_PAUSE_S)
            outcome = "refused"
        except ClusterError as error:
            log.warning("write.unanswered", error=str(error), **about)
            await self._read(job)
            outcome = "unanswered"
        else:
            if answer:
                self._state.observe_job(answer)
            else:
                self._state.forget_job(metadata.uid)
            log.info("write.done", **about)
            outcome = "done"
        self._metrics.writes.labels(verb, outcome).inc()

    async def _read(self, job: GenerationJob) -> None:
        """Read the job until the API server answers: only then is known what the write has done."""
        uid, failures = job.metadata.uid, 0
        while uid in self._state.jobs:  # not, when its namespace can't be read any more
            try:
                now = await self._cluster.get(JOBS, job.metadata.namespace, job.metadata.name)
            except NotFoundError:
                self._state.forget_job(uid)
            except ClusterError:
                await self._clock.sleep(backoff_s(failures, self._rng))
                failures += 1
            else:
                if now["metadata"]["uid"] != uid:
                    self._state.forget_job(uid)
                self._state.observe_job(now)
                return
