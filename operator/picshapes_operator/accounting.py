"""Charges owners for the GPU time of their jobs: an estimate from the claim on, the measured time at the end.

Level-triggered: `seen` is told each version of a job, and charges only what differs from what it charged before.
After a restart the finished jobs that are still in the cluster are charged at the times they ended.
"""

from datetime import datetime
from typing import TYPE_CHECKING

from picshapes_crds.catalogue import Catalogue
from picshapes_crds.phases import HELD, TERMINAL
from picshapes_crds.resource import GenerationJob, Resolved
from picshapes_crds.scheduling.costs import Rates, tier_weight
from picshapes_crds.scheduling.fair_share import Usage

if TYPE_CHECKING:
    from picshapes_operator.snapshot import JobId


def owner_of(job: GenerationJob) -> str:
    """Return whose share a job uses: the owner that the API set, else its namespace."""
    return job.spec.owner or job.metadata.namespace


class Accounting:
    """What each live job is charged with, and the usage of all owners."""

    def __init__(self, catalogue: Catalogue, now: datetime) -> None:
        self._catalogue = catalogue
        self._rates = Rates()
        self._charged: dict[JobId, float] = {}
        self.usage = Usage(now.timestamp())

    def estimate(self, job: GenerationJob, resolved: Resolved) -> float:
        """Return the GPU-seconds that a claim of this job is charged with: less in a tier that costs more."""
        return self._rates.cost_s(resolved, self._catalogue, guided=bool(job.spec.negative_prompt))

    def run_s(self, job: GenerationJob, resolved: Resolved) -> float:
        """Return how many GPU-seconds a job is expected to run."""
        return self._rates.estimate_s(resolved, guided=bool(job.spec.negative_prompt))

    def claimed(self, job: GenerationJob, resolved: Resolved, now: datetime) -> None:
        """Charge a claim that is being sent."""
        self._charge(job, self.estimate(job, resolved), now)

    def seen(self, job: GenerationJob, known: GenerationJob | None, now: datetime) -> None:
        """Take in a version of a job after the one known before."""
        phase, resolved = job.status.phase, job.status.resolved
        if phase in HELD:
            if job.metadata.uid not in self._charged and resolved:
                self._charge(job, self.estimate(job, resolved), now)
        elif phase in TERMINAL:
            if known is None or known.status.phase not in TERMINAL:
                self._settle(job, now)
        else:
            self.released(job, now)

    def released(self, job: GenerationJob, now: datetime) -> None:
        """Take a charge back: the claim was refused, or the job waits again or is gone."""
        estimate = self._charged.pop(job.metadata.uid, 0.0)
        if estimate:
            self.usage.charge(owner_of(job), -estimate, now.timestamp())

    def _charge(self, job: GenerationJob, seconds: float, now: datetime) -> None:
        self._charged[job.metadata.uid] = seconds
        self.usage.charge(owner_of(job), seconds, now.timestamp())

    def _settle(self, job: GenerationJob, now: datetime) -> None:
        self.released(job, now)
        timings, resolved = job.status.timings, job.status.resolved
        if timings and resolved:
            self._rates.learn(resolved, timings.inference_s, guided=bool(job.spec.negative_prompt))
            ended = job.status.completed_at or now
            seconds = timings.inference_s / tier_weight(resolved.tier, self._catalogue)
            self.usage.charge(owner_of(job), seconds, ended.timestamp())
