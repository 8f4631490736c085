"""`ClusterState`: everything the operator has seen, indexed for the decisions, and nothing decided.

kopf's handlers and the lease watch call `observe…` and `forget…`; the loop takes snapshots. State is keyed by uid.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence

import structlog
from pydantic import ValidationError

from picshapes_crds.catalogue import Catalogue
from picshapes_crds.clock import Clock
from picshapes_crds.cluster import Json
from picshapes_crds.phases import HELD, TERMINAL
from picshapes_crds.resource import GenerationJob
from picshapes_crds.scheduling.demand import Worker
from picshapes_operator.accounting import Accounting, owner_of
from picshapes_operator.deadlines import Deadlines
from picshapes_operator.deletion_cost import Standing
from picshapes_operator.explanations import Explanations
from picshapes_operator.facts import has_moved, is_lost, places_of
from picshapes_operator.fleet import Fleet
from picshapes_operator.held import HeldJobs
from picshapes_operator.rebalance import WaitingClaim
from picshapes_operator.roster import Roster
from picshapes_operator.snapshot import JobId, Snapshot
from picshapes_operator.unreadable import UnreadableJobs
from picshapes_operator.waiting import WaitingJobs

log = structlog.get_logger(__name__)


def _ignore(_: GenerationJob) -> None:
    """Tell nobody."""


class ClusterState:
    """Jobs, and the fleet of workers."""

    def __init__(
        self, catalogue: Catalogue, clock: Clock, moved: Callable[[GenerationJob], None] = _ignore
    ) -> None:
        """Begin with nothing; `moved` is told of each job that has ended, or that waits again."""
        self._clock, self._moved = clock, moved
        self.accounting = Accounting(catalogue, clock.now())
        self.fleet = Fleet()
        self.roster = Roster()
        self.explanations = Explanations()
        self.waiting = WaitingJobs(catalogue, self.accounting)
        self.jobs: dict[JobId, GenerationJob] = {}
        self.urgent: set[JobId] = set()
        """Waiting jobs whose cancellation was asked for."""
        self.held = HeldJobs()
        self.deadlines = Deadlines()
        self.unreadable = UnreadableJobs()
        self._claiming: dict[JobId, tuple[str, int]] = {}
        """Claims that were sent: to which process, and how many of its places they take."""
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
            self.unreadable.put(obj["metadata"])
            return
        uid, known = job.metadata.uid, self.jobs.get(job.metadata.uid)
        if known and int(known.metadata.resource_version) >= int(job.metadata.resource_version):
            return
        self._drop_indexes(uid)
        self.jobs[uid] = job
        self.accounting.seen(job, known, self._clock.now())
        if known and has_moved(known.status.phase, job.status.phase):
            self._moved(job)
            if is_lost(job):
                self.waiting.lost(uid, known.status.worker_name or "")
        self.waiting.ranked(owner_of(job))
        self._index(uid, job)
        self.changed.set()

    def forget_job(self, uid: JobId) -> None:
        """Drop a job that is gone."""
        if uid in self.jobs:
            self._drop_indexes(uid)
            self._unclaim(uid)
            self.waiting.ended(uid)
            self.accounting.released(self.jobs[uid], self._clock.now())
            self.waiting.ranked(owner_of(self.jobs.pop(uid)))
            self.changed.set()

    def keep_jobs(self, uids: set[JobId], versions: Mapping[str, int]) -> None:
        """Drop the jobs that LISTs of namespaces at these versions did not show, but for newer ones."""
        self.unreadable.keep(uids, versions)
        for uid, job in list(self.jobs.items()):
            version = versions.get(job.metadata.namespace)
            if version is not None and uid not in uids and int(job.metadata.resource_version) <= version:
                self.forget_job(uid)

    def forget_namespace(self, namespace: str) -> None:
        """Drop the jobs of a namespace that can't be read any more."""
        for uid in [uid for uid, job in self.jobs.items() if job.metadata.namespace == namespace]:
            self.forget_job(uid)

    def is_behind(self, metadata: Json) -> bool:
        """Say whether a job's metadata, read elsewhere, is newer than what was seen of it."""
        uid = metadata["uid"]
        known = int(self.jobs[uid].metadata.resource_version) if uid in self.jobs else 0
        return max(known, self.unreadable.version(uid)) < int(metadata["resourceVersion"])

    def observe_pod(self, pod: Json) -> None:
        """Take in a worker's pod as it is now."""
        self.fleet.observe_pod(pod)
        self.changed.set()

    def forget_pod(self, name: str, uid: str) -> None:
        """Drop a worker's pod that is gone."""
        self.fleet.forget_pod(name, uid)
        self.changed.set()

    def cordon(self, nodes: set[str]) -> None:
        """Take in which nodes are cordoned now: their workers are given no more."""
        self.fleet.cordon(nodes)
        self.changed.set()

    # Claims on their way

    def claiming(self, job: JobId, worker_id: str) -> None:
        """Count a claim from the moment it is sent: the job waits no more, the worker's place is taken."""
        places = places_of(self.jobs[job])
        self._claiming[job] = (worker_id, places)
        self.roster.hold(worker_id, places)
        self.accounting.claimed(self.jobs[job], self.waiting.resolved(job), self._clock.now())
        self.waiting.discard(job)
        self.explanations.forget(job)
        self.waiting.ranked(owner_of(self.jobs[job]))

    def claim_ended(self, job: JobId) -> None:
        """Stop guessing about a claim: it was answered, and what is known of the job decides again."""
        if self._unclaim(job) and job in self.jobs:
            self.accounting.released(self.jobs[job], self._clock.now())
            self.waiting.ranked(owner_of(self.jobs[job]))
            self._drop_indexes(job)
            self._index(job, self.jobs[job])
        self.changed.set()

    def _unclaim(self, job: JobId) -> bool:
        claim = self._claiming.pop(job, None)
        if claim is None:
            return False
        worker_id, places = claim
        self.roster.hold(worker_id, -places)
        return True

    # What is decided on

    def look(self, *, everything: bool) -> None:
        """Bring what is known of the workers up to date; `everything` from time to time, since leases run out."""
        sizes_mib: set[int] = set()
        for name, worker in self.fleet.seen(self._clock.monotonic(), everything=everything):
            self.roster.put(name, worker)
            if worker is not None:
                sizes_mib.update(worker.sizes_mib)
        self.waiting.queues.split_at(*sizes_mib)
        self.waiting.queues.watched_by_all(self.roster.watched_by_all())

    def workers(self) -> list[Worker]:
        """Return all workers, with the places that are taken of each, claims on their way included."""
        self.look(everything=True)
        return self.roster.workers()

    def standings(self) -> list[Standing]:
        """Return how the pods of all workers stand that hold jobs or take new ones."""
        workers = (worker for worker in self.workers() if worker.held or worker.accepting)
        return [self.fleet.standing(worker) for worker in workers]

    def open_snapshot(self, most: int) -> Snapshot:
        """Return what a decision on at most so many claims needs."""
        now = self._clock.now()
        for uid in self.waiting.wake(now):
            self.explanations.waits(uid, now.timestamp())
        return self.waiting.open_snapshot(most, self.roster, now)

    def snapshot(self, heads: int, workers: Sequence[Worker]) -> Snapshot:
        """Return the first jobs of each queue, enough for `heads` claims, beside workers."""
        return self.waiting.snapshot(heads, workers, self._clock.now())

    def waiting_claims(self) -> list[WaitingClaim]:
        """Return the claims that wait behind others on their workers, the oldest first."""
        return self.held.waiting_claims(self.waiting.demand)

    def _index(self, uid: JobId, job: GenerationJob) -> None:
        phase = job.status.phase
        self.deadlines.put(job)
        if phase in TERMINAL:
            self.waiting.ended(uid)
            return
        if phase in HELD:
            self._unclaim(uid)
            self.held.put(job)
            self.roster.hold(job.status.worker_id or "", places_of(job))
        elif job.spec.cancel_requested:
            self.urgent.add(uid)
        elif uid not in self._claiming:
            now = self._clock.now()
            self.waiting.add(job, now)
            self.explanations.waits(uid, now.timestamp())

    def _drop_indexes(self, uid: JobId) -> None:
        job = self.jobs.get(uid)
        if job and job.status.phase in HELD:
            self.held.discard(job)
            self.roster.hold(job.status.worker_id or "", -places_of(job))
        self.waiting.discard(uid)
        self.explanations.forget(uid)
        self.urgent.discard(uid)
        self.deadlines.discard(uid)
