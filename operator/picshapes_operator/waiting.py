"""The jobs that wait for a worker: resolved by the catalogue, queued by turn, raised when they wait long."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

from picshapes_crds.catalogue import Catalogue
from picshapes_crds.resolve import Refusal, resolve
from picshapes_crds.resource import GenerationJob, Resolved
from picshapes_crds.scheduling.demand import Demand, Worker, demand_of
from picshapes_crds.scheduling.turns import AGED_LEVEL, AGES_AFTER_S, Ticket, is_raised
from picshapes_operator.accounting import Accounting, owner_of
from picshapes_operator.queues import Queues
from picshapes_operator.snapshot import JobId, Snapshot, Unschedulable
from picshapes_operator.timers import Timers

AGES_AFTER: Final = timedelta(seconds=AGES_AFTER_S)
AGEING_STEP: Final = timedelta(minutes=1)


class WaitingJobs:
    """All jobs that wait, in their order; `accounting` says who has used how much."""

    def __init__(self, catalogue: Catalogue, accounting: Accounting) -> None:
        self._catalogue, self._accounting = catalogue, accounting
        self._epoch = accounting.usage.epoch
        self._refused: dict[JobId, Refusal] = {}
        self._resolved: dict[JobId, Resolved] = {}
        self._ageing = Timers()
        self.queues = Queues()

    def add(self, job: GenerationJob) -> None:
        """Queue a job, or keep it with the reason why the catalogue can't serve it."""
        uid, resolved = job.metadata.uid, resolve(job.spec, self._catalogue)
        if isinstance(resolved, Refusal):
            self._refused[uid] = resolved
            return
        self._resolved[uid] = resolved
        created = job.metadata.creation_timestamp
        ticket = Ticket(
            demand=self.demand(resolved),
            level=job.spec.priority or 0,
            owner=owner_of(job),
            created_s=created.timestamp(),
            cost_s=self._accounting.estimate(job, resolved),
        )
        self.queues.add(uid, ticket)
        self._ageing.set(uid, created + AGES_AFTER)

    def discard(self, uid: JobId) -> None:
        """Take a job out, if it is in."""
        self.queues.discard(uid)
        self._refused.pop(uid, None)
        self._resolved.pop(uid, None)
        self._ageing.clear(uid)

    def resolved(self, uid: JobId) -> Resolved:
        """Return what a queued job is to be claimed with."""
        return self._resolved[uid]

    def demand(self, resolved: Resolved) -> Demand:
        """Return what a resolved request needs of a worker."""
        return demand_of(resolved, self._catalogue)

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
        for uid in self._ageing.due(now):
            top, level = self.queues.top_level(), self.queues.level(uid)
            if level is None or top is None or level >= AGED_LEVEL:
                continue
            if is_raised(level, AGES_AFTER_S, top):
                self.queues.raise_to(uid, AGED_LEVEL)
            else:
                self._ageing.set(uid, now + AGEING_STEP)

    def snapshot(self, heads: int, workers: Sequence[Worker], now: datetime) -> Snapshot:
        """Return about the first `heads` jobs of each queue, beside the workers."""
        rank_of_second = self._accounting.usage.weighed(1.0, now.timestamp())
        return Snapshot(self.queues.heads(heads, rank_of_second), workers)

    def refusals(self) -> list[Unschedulable]:
        """Return the waiting jobs that the catalogue can't serve, and why."""
        return [Unschedulable(job, refusal.reason, refusal.message) for job, refusal in self._refused.items()]
