"""Which waiting claims go back: those that could run at once elsewhere, or that no place is for. Pure."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from picshapes_crds.scheduling.demand import Demand, Worker
from picshapes_crds.scheduling.fit import PLACES, Fit, fit
from picshapes_operator.snapshot import JobId


@dataclass(frozen=True)
class WaitingClaim:
    """A job that is claimed and waits behind others on its worker."""

    job: JobId
    demand: Demand
    worker_id: str
    position: int
    """Jobs that the worker runs before it."""


def rebalance(waiting: Sequence[WaitingClaim], idle: Sequence[tuple[Worker, int]]) -> list[JobId]:
    """Return the jobs to be handed back, those that have waited longest first.

    `waiting` is in the order of the claims' ages; `idle` holds an example of each kind of worker that holds
    nothing, and how many of the kind there are. A job goes back when a fitting worker is idle (one job for each),
    or when its worker holds more than it has places for, as after two leaders at once.
    """
    left = [count for _, count in idle]
    back: list[JobId] = []
    for claim in waiting:
        fitting = (n for n, (one, _) in enumerate(idle) if left[n] and fit(claim.demand, one) is Fit.FITS)
        free = next(fitting, None)
        if free is not None:
            left[free] -= 1
            back.append(claim.job)
        elif claim.position >= PLACES:
            back.append(claim.job)
    return back


@dataclass(frozen=True)
class HeldJob:
    """A job that a worker holds."""

    job: JobId
    demand: Demand
    worker_id: str
    begun: bool
    claimed_s: float


def behind_others(held: Sequence[HeldJob]) -> list[WaitingClaim]:
    """Pick the claims that wait from all jobs held; a worker runs its jobs in the order of their claims."""
    by_worker: defaultdict[str, list[HeldJob]] = defaultdict(list)
    for job in sorted(held, key=lambda one: (not one.begun, one.claimed_s, one.job)):
        by_worker[job.worker_id].append(job)
    waiting = [
        (one.claimed_s, WaitingClaim(one.job, one.demand, worker_id, position))
        for worker_id, jobs in by_worker.items()
        for position, one in enumerate(jobs)
        if position > 0 and not one.begun
    ]
    return [claim for _, claim in sorted(waiting, key=lambda one: one[0])]
