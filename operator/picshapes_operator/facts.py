"""What the status of one job says, for the indexes of `ClusterState`. Pure."""

from picshapes_crds.phases import HELD, TERMINAL, ConditionType, Phase, Reason
from picshapes_crds.resource import GenerationJob
from picshapes_crds.scheduling.fit import PLACES
from picshapes_crds.scheduling.suspicion import is_suspect


def places_of(job: GenerationJob) -> int:
    """Return how many places of its worker a job takes: a suspect takes all, so that nothing waits behind it."""
    return PLACES if is_suspect(job) else 1


def has_moved(old: Phase, new: Phase) -> bool:
    """Say whether a job has ended, or waits again."""
    return (new in TERMINAL and old not in TERMINAL) or (new is Phase.PENDING and old in HELD)


def is_lost(job: GenerationJob) -> bool:
    """Say whether a job waits again since its worker was lost."""
    scheduled = job.status.condition(ConditionType.SCHEDULED)
    return job.status.phase is Phase.PENDING and scheduled is not None and scheduled.reason == Reason.WORKER_LOST


def turn_on_worker(job: GenerationJob) -> tuple[bool, float, str]:
    """Return by what the jobs of one worker are in the order in which it runs them."""
    claimed_at = job.status.claimed_at
    return (
        job.status.phase is not Phase.PROCESSING,
        claimed_at.timestamp() if claimed_at else 0.0,
        job.metadata.uid,
    )
