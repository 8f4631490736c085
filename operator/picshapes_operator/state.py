"""`ClusterState`: everything the operator has seen, indexed for the decisions, and nothing decided.

kopf's handlers and the lease watch call `observe…` and `forget…`; the loop takes snapshots. State is keyed by uid.
"""

import asyncio
from datetime import datetime

import structlog
from pydantic import ValidationError

from picshapes_crds.catalogue import Catalogue
from picshapes_crds.cluster import Json
from picshapes_crds.phases import HELD, TERMINAL, Phase
from picshapes_crds.resolve import Refusal, resolve
from picshapes_crds.resource import GenerationJob, Resolved
from picshapes_operator.expire import expires_at
from picshapes_operator.fleet import Fleet
from picshapes_operator.queues import Queues, order
from picshapes_operator.recover import due_at
from picshapes_operator.snapshot import Demand, JobId, Snapshot
from picshapes_operator.timers import Timers

log = structlog.get_logger(__name__)


class ClusterState:
    """Jobs, and the fleet of workers."""

    def __init__(self, catalogue: Catalogue) -> None:
        self._catalogue = catalogue
        self.fleet = Fleet()
        self.queues = Queues()
        self.refused: dict[JobId, Refusal] = {}
        """Waiting jobs that the catalogue can't serve."""
        self.resolved: dict[JobId, Resolved] = {}
        self.jobs: dict[JobId, GenerationJob] = {}
        self.urgent: set[JobId] = set()
        """Waiting jobs whose cancellation was asked for."""
        self._held: dict[str, set[JobId]] = {}
        self._claiming: dict[JobId, str] = {}
        self._deadlines = Timers()
        self._expiries = Timers()
        self.changed = asyncio.Event()
        """Set when there is something new to decide on."""
        self.resync_wanted = asyncio.Event()
        """Set when deletions may have been missed."""
        self.broken: str | None = None
        """Why what was seen can't be trusted any more; fails `/healthz`."""

    # What is seen

    def observe_job(self, obj: Json) -> None:
        """Take in a job as it is now; older versions than the one known are ignored."""
        try:
            job = GenerationJob.parse(obj)
        except ValidationError as error:
            log.error("job.unreadable", error=str(error))  # noqa: TRY400 - the message says it all
            return
        uid, known = job.metadata.uid, self.jobs.get(job.metadata.uid)
        if known and int(known.metadata.resource_version) >= int(job.metadata.resource_version):
            return
        self._drop_indexes(uid)
        self.jobs[uid] = job
        self._index(uid, job)
        self.changed.set()

    def forget_job(self, uid: JobId) -> None:
        """Drop a job that is gone."""
        if uid in self.jobs:
            self._drop_indexes(uid)
            del self.jobs[uid]
            self._claiming.pop(uid, None)
            self.changed.set()

    def keep_jobs(self, uids: set[JobId], version: int) -> None:
        """Drop the jobs that a LIST at this version did not show, but for those seen to be newer."""
        for uid, job in list(self.jobs.items()):
            if uid not in uids and int(job.metadata.resource_version) <= version:
                self.forget_job(uid)

    def observe_pod(self, pod: Json) -> None:
        """Take in a worker's pod as it is now."""
        self.fleet.observe_pod(pod)
        self.changed.set()

    def forget_pod(self, name: str, uid: str) -> None:
        """Drop a worker's pod that is gone."""
        self.fleet.forget_pod(name, uid)
        self.changed.set()

    # Claims on their way

    def claiming(self, job: JobId, worker_id: str) -> None:
        """Count a claim from the moment it is sent: the job waits no more, the worker's place is taken."""
        self.queues.discard(job)
        self._claiming[job] = worker_id

    def claim_ended(self, job: JobId) -> None:
        """Stop guessing about a claim: it was answered, and what is known of the job decides again."""
        if self._claiming.pop(job, None) and job in self.jobs:
            self._drop_indexes(job)
            self._index(job, self.jobs[job])
        self.changed.set()

    # What is decided on

    def snapshot(self, monotonic: float, heads: int) -> Snapshot:
        """Return the first `heads` jobs of each queue and all workers."""
        held = {worker_id: len(jobs) for worker_id, jobs in self._held.items()}
        for worker_id in self._claiming.values():
            held[worker_id] = held.get(worker_id, 0) + 1
        return Snapshot(self.queues.heads(heads), self.fleet.workers(monotonic, held))

    def held_jobs(self) -> list[GenerationJob]:
        """Return all jobs that a worker holds."""
        return [self.jobs[uid] for jobs in self._held.values() for uid in jobs]

    def overdue(self, now: datetime) -> list[JobId]:
        """Take the jobs that the operator itself must end now."""
        return self._deadlines.due(now)

    def expired(self, now: datetime) -> list[JobId]:
        """Take the finished jobs whose time to live is over."""
        return self._expiries.due(now)

    def look_again(self, uid: JobId, now: datetime) -> None:
        """Have a job that was taken from the timers, and could not be dealt with, taken again."""
        job = self.jobs.get(uid)
        if job is None:
            return
        timers = self._expiries if job.status.phase in TERMINAL else self._deadlines
        timers.set(uid, now)

    def _index(self, uid: JobId, job: GenerationJob) -> None:
        phase = job.status.phase
        if phase in TERMINAL:
            expiry = expires_at(job)
            if expiry:
                self._expiries.set(uid, expiry)
            return
        self._deadlines.set(uid, due_at(job))
        if phase in HELD:
            self._claiming.pop(uid, None)
            self._held.setdefault(job.status.worker_id or "", set()).add(uid)
        elif job.spec.cancel_requested:
            self.urgent.add(uid)
        elif uid not in self._claiming:
            self._queue(uid, job)

    def _queue(self, uid: JobId, job: GenerationJob) -> None:
        resolved = resolve(job.spec, self._catalogue)
        if isinstance(resolved, Refusal):
            self.refused[uid] = resolved
            return
        self.resolved[uid] = resolved
        model = self._catalogue.models[resolved.model]
        demand = Demand(resolved.model, model.weights.revision_id, self._catalogue.profile, resolved.min_vram_mib)
        self.queues.add(uid, demand, order(job))

    def _drop_indexes(self, uid: JobId) -> None:
        job = self.jobs.get(uid)
        if job and job.status.phase in HELD:
            worker_id = job.status.worker_id or ""
            self._held[worker_id].discard(uid)
            if not self._held[worker_id]:
                del self._held[worker_id]
        self.queues.discard(uid)
        self.urgent.discard(uid)
        self.refused.pop(uid, None)
        self.resolved.pop(uid, None)
        self._deadlines.clear(uid)
        self._expiries.clear(uid)

    def counts(self) -> dict[Phase, int]:
        """Return how many jobs are in each phase."""
        counts = dict.fromkeys(Phase, 0)
        for job in self.jobs.values():
            counts[job.status.phase] += 1
        return counts
