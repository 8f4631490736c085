"""The jobs that wait for a worker: resolved by the catalogue, queued by turn, raised when they wait long."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from picshapes_crds.catalogue import Catalogue
from picshapes_crds.resolve import Refusal, resolve
from picshapes_crds.resource import GenerationJob, Resolved
from picshapes_crds.scheduling.demand import Demand, Worker, demand_of
from picshapes_crds.scheduling.fit import Fit, fit
from picshapes_crds.scheduling.suspicion import is_suspect, rests_until
from picshapes_crds.scheduling.turns import AGED_LEVEL, AGES_AFTER_S, Ticket, is_raised
from picshapes_operator.accounting import Accounting, owner_of
from picshapes_operator.queues import Queues
from picshapes_operator.roster import Roster
from picshapes_operator.snapshot import JobId, Snapshot
from picshapes_operator.timers import Timers

AGEING_STEP_S: Final = 60.0


class WaitingJobs:
    """All jobs that wait, in their order; `accounting` says who has used how much."""

    def __init__(self, catalogue: Catalogue, accounting: Accounting) -> None:
        self._catalogue, self._accounting = catalogue, accounting
        self._epoch = accounting.usage.epoch
        self._refused: dict[JobId, Refusal] = {}
        self._resolved: dict[JobId, Resolved] = {}
        self._resting: dict[JobId, GenerationJob] = {}
        self._lost_on: dict[JobId, str] = {}
        """The worker with which each job was lost last, as far as this process has seen it happen."""
        self._rests = Timers()
        self._ageing = Timers()
        self.queues = Queues()

    @property
    def anyone(self) -> bool:
        """Whether a job waits that may be claimed now or once it has rested."""
        return bool(self._resting) or len(self.queues) > 0

    def add(self, job: GenerationJob, now: datetime) -> None:
        """Queue a job, or keep it with the reason why the catalogue can't serve it, or until it has rested."""
        uid, resolved = job.metadata.uid, resolve(job.spec, self._catalogue)
        if isinstance(resolved, Refusal):
            self._refused[uid] = resolved
            return
        rests = rests_until(job)
        if rests and rests > now:
            self._resting[uid] = job
            self._rests.set(uid, rests.timestamp())
            return
        self._resolved[uid] = resolved
        created_s = job.waits_since.timestamp()
        ticket = Ticket(
            demand=self.demand(job, resolved),
            level=job.spec.priority or 0,
            owner=owner_of(job),
            created_s=created_s,
            cost_s=self._accounting.estimate(job, resolved),
            run_s=self._accounting.run_s(job, resolved),
            alone=is_suspect(job),
            lost_on=self._lost_on.get(uid, ""),
        )
        self.queues.add(uid, ticket)
        self._ageing.set(uid, created_s + AGES_AFTER_S)

    def lost(self, uid: JobId, worker_name: str) -> None:
        """Take in that a job was lost with this worker, before it is added again."""
        self._lost_on[uid] = worker_name

    def ended(self, uid: JobId) -> None:
        """Take in that a job will never wait again."""
        self._lost_on.pop(uid, None)

    def wake(self, now: datetime) -> list[JobId]:
        """Queue the jobs that have rested, and return them."""
        woken = self._rests.due(now.timestamp())
        for uid in woken:
            self.add(self._resting.pop(uid), now)
        return woken

    def discard(self, uid: JobId) -> None:
        """Take a job out, if it is in."""
        self.queues.discard(uid)
        self._refused.pop(uid, None)
        self._resolved.pop(uid, None)
        self._resting.pop(uid, None)
        self._rests.clear(uid)
        self._ageing.clear(uid)

    def resolved(self, uid: JobId) -> Resolved:
        """Return what a queued job is to be claimed with."""
        return self._resolved[uid]

    def demand(self, job: GenerationJob, resolved: Resolved) -> Demand:
        """Return what a job needs of a worker."""
        return demand_of(resolved, self._catalogue, job.metadata.namespace)

    def ranked(self, owner: str) -> None:
        """Take in what an owner has used by now."""
        usage = self._accounting.usage
        owners = [owner]
        if usage.epoch != self._epoch:
            self._epoch = usage.epoch
            owners += self.queues.owners()
        for one in owners:
            self.queues.rank(one, usage.rank(one))

    def age(self, now: datetime) -> None:
        """Raise jobs that have waited long, so that no higher priority passes them for ever."""
        for uid in self._ageing.due(now.timestamp()):
            top, ticket = self.queues.top_level(), self.queues.ticket(uid)
            if ticket is None or top is None or ticket.level >= AGED_LEVEL:
                continue
            if is_raised(ticket.level, AGES_AFTER_S, top):
                self.queues.raise_to(uid, AGED_LEVEL)
            else:
                self._ageing.set(uid, now.timestamp() + AGEING_STEP_S)

    def unit(self, now: datetime) -> float:
        """Return what one GPU-second adds to a rank now."""
        return self._accounting.usage.weighed(1.0, now.timestamp())

    def snapshot(self, heads: int, workers: Sequence[Worker], now: datetime) -> Snapshot:
        """Return the first jobs of each queue, beside workers; enough for `heads` claims."""
        unit = self.unit(now)
        queues = [self.queues.queue(demand, heads, unit) for demand in self.queues.demands()]
        return Snapshot(queues, workers, heads)

    def open_snapshot(self, most: int, roster: Roster, now: datetime) -> Snapshot:
        """Return what is needed to decide on at most so many claims: what has no match is left out.

        The claims are those of a decision that looks at every job and worker: no more workers of a kind, and no
        more jobs of a queue, can be claimed than there are claims in all; and one worker more for a job that was
        lost with the best one.
        """
        kinds = roster.free_kinds()
        matches = [
            (demand, index)
            for demand in self.queues.demands()
            for index, kind in enumerate(kinds)
            if fit(demand, kind.example) is Fit.FITS
        ]
        demands = dict.fromkeys(demand for demand, _ in matches)
        matching = [kinds[index] for index in {index for _, index in matches}]
        jobs, places = sum(map(self.queues.depth, demands)), sum(kind.places for kind in matching)
        most, unit = min(most, jobs, places), self.unit(now)
        workers = [roster.worker(name) for kind in matching for name in kind.first(most + 1)]
        return Snapshot([self.queues.queue(demand, most, unit) for demand in demands], workers, most)

    def refusal(self, uid: JobId) -> Refusal | None:
        """Return why the catalogue can't serve a waiting job, if it can't."""
        return self._refused.get(uid)
