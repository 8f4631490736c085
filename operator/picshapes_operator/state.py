"""`ClusterState`: everything the operator has seen, indexed for the decisions, and nothing decided.

kopf's handlers and the lease watch call `observe…` and `forget…`; the loop takes snapshots. State is keyed by uid.
"""

import asyncio
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Final

import structlog
from pydantic import ValidationError

from picshapes_crds.catalogue import Catalogue
from picshapes_crds.clock import Clock
from picshapes_crds.cluster import Json
from picshapes_crds.phases import HELD, TERMINAL, Phase
from picshapes_crds.resolve import Refusal, resolve
from picshapes_crds.resource import GenerationJob, Resolved
from picshapes_operator.accounting import Accounting, owner_of
from picshapes_operator.expire import expires_at
from picshapes_operator.fleet import Fleet
from picshapes_operator.queues import Queues, Ticket
from picshapes_operator.rebalance import HeldJob, WaitingClaim, behind_others
from picshapes_operator.recover import due_at
from picshapes_operator.snapshot import Demand, JobId, Snapshot, Unschedulable, Worker
from picshapes_operator.timers import Timers

AGES_AFTER: Final = timedelta(minutes=10)
"""How long a job waits before no higher priority passes it any more."""
AGEING_STEP: Final = timedelta(minutes=1)
AGED_LEVEL: Final = 1001
"""Above all priorities."""

log = structlog.get_logger(__name__)


def _ignore(_: GenerationJob) -> None:
    """Do nothing about the end of a job."""


class ClusterState:
    """Jobs, and the fleet of workers."""

    def __init__(
        self, catalogue: Catalogue, clock: Clock, ended: Callable[[GenerationJob], None] = _ignore
    ) -> None:
        self._catalogue, self._clock, self._ended = catalogue, clock, ended
        self.accounting = Accounting(catalogue, clock.now())
        self._epoch = self.accounting.usage.epoch
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
        self._ageing = Timers()
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
        self._ranked(job)
        self._index(uid, job)
        self.changed.set()

    def forget_job(self, uid: JobId) -> None:
        """Drop a job that is gone."""
        if uid in self.jobs:
            self._drop_indexes(uid)
            self._claiming.pop(uid, None)
            self.accounting.released(self.jobs[uid], self._clock.now())
            self._ranked(self.jobs.pop(uid))
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
        self.queues.discard(job)
        self._claiming[job] = worker_id
        self.accounting.claimed(self.jobs[job], self.resolved[job], self._clock.now())
        self._ranked(self.jobs[job])

    def claim_ended(self, job: JobId) -> None:
        """Stop guessing about a claim: it was answered, and what is known of the job decides again."""
        if self._claiming.pop(job, None) and job in self.jobs:
            self.accounting.released(self.jobs[job], self._clock.now())
            self._ranked(self.jobs[job])
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
        rank_of_second = self.accounting.usage.weighed(1.0, self._clock.now().timestamp())
        return Snapshot(self.queues.heads(heads, rank_of_second), workers)

    def waiting_claims(self) -> list[WaitingClaim]:
        """Return the claims that wait behind others on their workers, the oldest first."""
        held = [
            HeldJob(uid, self._demand(resolved), worker_id, job.status.phase is Phase.PROCESSING, at.timestamp())
            for worker_id, jobs in self._held.items()
            if len(jobs) > 1
            for uid in jobs
            if (resolved := (job := self.jobs[uid]).status.resolved) and (at := job.status.claimed_at)
        ]
        return behind_others(held)

    def refusals(self) -> list[Unschedulable]:
        """Return the waiting jobs that the catalogue can't serve, and why."""
        return [Unschedulable(job, refusal.reason, refusal.message) for job, refusal in self.refused.items()]

    def held_jobs(self) -> list[GenerationJob]:
        """Return all jobs that a worker holds."""
        return [self.jobs[uid] for jobs in self._held.values() for uid in jobs]

    def overdue(self, now: datetime) -> list[JobId]:
        """Take the jobs that the operator itself must end now."""
        return self._deadlines.due(now)

    def expired(self, now: datetime) -> list[JobId]:
        """Take the finished jobs whose time to live is over."""
        return self._expiries.due(now)

    def age(self, now: datetime) -> None:
        """Raise jobs that have waited long, so that no higher priority passes them for ever."""
        for uid in self._ageing.due(now):
            top, level = self.queues.top_level(), self.queues.level(uid)
            if level is None or top is None or level >= AGED_LEVEL:
                continue
            if level < top:
                self.queues.raise_to(uid, AGED_LEVEL)
            else:
                self._ageing.set(uid, now + AGEING_STEP)

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
        created = job.metadata.creation_timestamp
        ticket = Ticket(
            demand=self._demand(resolved),
            level=job.spec.priority or 0,
            owner=owner_of(job),
            created_s=created.timestamp(),
            cost_s=self.accounting.estimate(job, resolved),
        )
        self.queues.add(uid, ticket)
        self._ageing.set(uid, created + AGES_AFTER)

    def _demand(self, resolved: Resolved) -> Demand:
        model = self._catalogue.models.get(resolved.model)
        revision = model.weights.revision_id if model else ""
        return Demand(resolved.model, revision, self._catalogue.profile, resolved.min_vram_mib)

    def _ranked(self, job: GenerationJob) -> None:
        usage = self.accounting.usage
        owners = [owner_of(job)]
        if usage.epoch != self._epoch:
            self._epoch = usage.epoch
            owners += self.queues.owners()
        for owner in owners:
            self.queues.rank(owner, usage.rank(owner))

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
        self._ageing.clear(uid)
        self._expiries.clear(uid)

    def counts(self) -> dict[Phase, int]:
        """Return how many jobs are in each phase."""
        counts = dict.fromkeys(Phase, 0)
        for job in self.jobs.values():
            counts[job.status.phase] += 1
        return counts
