"""`ClusterState`: everything the operator has seen, indexed for the decisions, and nothing decided.

kopf's handlers and the lease watch call `observe…` and `forget…`; the loop takes snapshots. State is keyed by uid.
"""

import asyncio
from collections.abc import Callable, Sequence
from datetime import datetime

import structlog
from pydantic import ValidationError

from picshapes_crds.catalogue import Catalogue
from picshapes_crds.clock import Clock
from picshapes_crds.cluster import Json
from picshapes_crds.phases import HELD, TERMINAL, Phase
from picshapes_crds.resource import GenerationJob
from picshapes_crds.scheduling.demand import Worker
from picshapes_operator.accounting import Accounting, owner_of
from picshapes_operator.expire import expires_at
from picshapes_operator.fleet import Fleet
from picshapes_operator.rebalance import HeldJob, WaitingClaim, behind_others
from picshapes_operator.recover import due_at
from picshapes_operator.snapshot import JobId, Snapshot
from picshapes_operator.timers import Timers
from picshapes_operator.waiting import WaitingJobs

log = structlog.get_logger(__name__)


def _ignore(_: GenerationJob) -> None:
    """Do nothing about the end of a job."""


class ClusterState:
    """Jobs, and the fleet of workers."""

    def __init__(
        self, catalogue: Catalogue, clock: Clock, ended: Callable[[GenerationJob], None] = _ignore
    ) -> None:
        self._clock, self._ended = clock, ended
        self.accounting = Accounting(catalogue, clock.now())
        self.fleet = Fleet()
        self.waiting = WaitingJobs(catalogue, self.accounting)
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
        self.accounting.seen(job, known, self._clock.now())
        if known and job.status.phase in TERMINAL and known.status.phase not in TERMINAL:
            self._ended(job)
        self.waiting.ranked(owner_of(job))
        self._index(uid, job)
        self.changed.set()

    def forget_job(self, uid: JobId) -> None:
        """Drop a job that is gone."""
        if uid in self.jobs:
            self._drop_indexes(uid)
            self._claiming.pop(uid, None)
            self.accounting.released(self.jobs[uid], self._clock.now())
            self.waiting.ranked(owner_of(self.jobs.pop(uid)))
            self.changed.set()

    def keep_jobs(self, uids: set[JobId], version: int) -> None:
        """Drop the jobs that a LIST at this version did not show, but for those seen to be newer."""
        for uid, job in list(self.jobs.items()):
            if uid not in uids and int(job.metadata.resource_version) <= version:
                self.forget_job(uid)

    def is_behind(self, metadata: Json) -> bool:
        """Say whether a job's metadata, read elsewhere, is newer than what was seen of it."""
        known = self.jobs.get(metadata["uid"])
        return known is None or int(known.metadata.resource_version) < int(metadata["resourceVersion"])

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
        self._claiming[job] = worker_id
        self.accounting.claimed(self.jobs[job], self.waiting.resolved(job), self._clock.now())
        self.waiting.discard(job)
        self.waiting.ranked(owner_of(self.jobs[job]))

    def claim_ended(self, job: JobId) -> None:
        """Stop guessing about a claim: it was answered, and what is known of the job decides again."""
        if self._claiming.pop(job, None) and job in self.jobs:
            self.accounting.released(self.jobs[job], self._clock.now())
            self.waiting.ranked(owner_of(self.jobs[job]))
            self._drop_indexes(job)
            self._index(job, self.jobs[job])
        self.changed.set()

    # What is decided on

    def workers(self) -> list[Worker]:
        """Return all workers, with the jobs that each holds, claims on their way included."""
        held = {worker_id: len(jobs) for worker_id, jobs in self._held.items()}
        for worker_id in self._claiming.values():
            held[worker_id] = held.get(worker_id, 0) + 1
        return self.fleet.workers(self._clock.monotonic(), held)

    def snapshot(self, heads: int, workers: Sequence[Worker]) -> Snapshot:
        """Return about the first `heads` jobs of each queue, beside the workers."""
        return self.waiting.snapshot(heads, workers, self._clock.now())

    def waiting_claims(self) -> list[WaitingClaim]:
        """Return the claims that wait behind others on their workers, the oldest first."""
        held = []
        for worker_id, uids in self._held.items():
            for job in (self.jobs[uid] for uid in uids if len(uids) > 1):
                resolved, claimed_at = job.status.resolved, job.status.claimed_at
                if resolved and claimed_at:
                    begun, demand = job.status.phase is Phase.PROCESSING, self.waiting.demand(resolved)
                    held.append(HeldJob(job.metadata.uid, demand, worker_id, begun, claimed_at.timestamp()))
        return behind_others(held)

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
            self.waiting.add(job)

    def _drop_indexes(self, uid: JobId) -> None:
        job = self.jobs.get(uid)
        if job and job.status.phase in HELD:
            worker_id = job.status.worker_id or ""
            self._held[worker_id].discard(uid)
            if not self._held[worker_id]:
                del self._held[worker_id]
        self.waiting.discard(uid)
        self.urgent.discard(uid)
        self._deadlines.clear(uid)
        self._expiries.clear(uid)

    def counts(self) -> dict[Phase, int]:
        """Return how many jobs are in each phase."""
        counts = dict.fromkeys(Phase, 0)
        for job in self.jobs.values():
            counts[job.status.phase] += 1
        return counts
