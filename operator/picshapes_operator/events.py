"""Kubernetes Events of losses and failures, for `kubectl describe`: off the hot path, and never in its way.

One task writes them one after the other, at most ten a second. What comes faster than the API server takes it is
dropped and counted: the status says it all anyway. An Event's name is made of the job's uid and attempt, so that a
second leader that tells the same creates nothing.
"""

import asyncio
from typing import Final

import structlog

from picshapes_crds.clock import Clock, micro_time
from picshapes_crds.cluster import EVENTS, AlreadyExistsError, Cluster, ClusterError, Json
from picshapes_crds.names import API_VERSION, GROUP, KIND
from picshapes_crds.phases import ConditionType, Phase, Reason
from picshapes_crds.resource import GenerationJob
from picshapes_operator.metrics import Metrics

QUEUED: Final = 500
PAUSE_S: Final = 0.1
LONGEST_NOTE: Final = 1024

log = structlog.get_logger(__name__)


def event_of(job: GenerationJob, instance: str, now: str) -> Json | None:
    """Return the Event that a job's state is worth; None for all but losses and failures.

    `instance` names the process that tells, `now` is a `MicroTime`.
    """
    failed = job.status.phase is Phase.FAILED
    kind = ConditionType.FAILED if failed else ConditionType.SCHEDULED
    told = job.status.condition(kind)
    if told is None or told.reason == Reason.CANCELLED or not (failed or told.reason == Reason.WORKER_LOST):
        return None
    metadata = job.metadata
    action = "Fail" if failed else "Requeue"
    return {
        "apiVersion": EVENTS.api_version,
        "kind": "Event",
        "metadata": {
            "name": f"{metadata.name}.{metadata.uid}.{job.status.attempt}.{action.lower()}",
            "namespace": metadata.namespace,
        },
        "regarding": {
            "apiVersion": API_VERSION,
            "kind": KIND,
            "name": metadata.name,
            "namespace": metadata.namespace,
            "uid": metadata.uid,
            "resourceVersion": metadata.resource_version,
        },
        "type": "Warning",
        "reason": told.reason,
        "action": action,
        "note": told.message[:LONGEST_NOTE],
        "eventTime": now,
        "reportingController": f"{GROUP}/operator",
        "reportingInstance": instance,
    }


class Events:
    """A bounded queue of Events, and the loop that writes them."""

    def __init__(self, cluster: Cluster, clock: Clock, metrics: Metrics, instance: str) -> None:
        self._cluster, self._clock, self._metrics, self._instance = cluster, clock, metrics, instance
        self._queue: asyncio.Queue[Json] = asyncio.Queue(QUEUED)

    def tell(self, job: GenerationJob) -> None:
        """Queue the Event that a job's new state is worth, if it is worth one and there is room."""
        event = event_of(job, self._instance[-128:], micro_time(self._clock.now()))
        if event is None:
            return
        try:
            self._queue.put_nowait(event)
        except asyncio.QueueFull:
            self._metrics.events.labels("dropped").inc()

    async def told(self) -> None:
        """Wait until every Event that was queued has been written, or could not be."""
        await self._queue.join()

    async def run(self) -> None:
        """Write the Events, for ever."""
        while True:
            event = await self._queue.get()
            try:
                await self._cluster.create(EVENTS, event["metadata"]["namespace"], event)
            except AlreadyExistsError:
                outcome = "known"
            except ClusterError as error:
                log.warning("event.not_written", name=event["metadata"]["name"], error=str(error))
                outcome = "failed"
            else:
                outcome = "written"
            self._metrics.events.labels(outcome).inc()
            self._queue.task_done()
            await self._clock.sleep(PAUSE_S)
