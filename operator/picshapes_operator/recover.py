"""What becomes of jobs that nobody will end by themselves: lost workers, deadlines, cancellations.

Pure. Called with the jobs that are due for a look and what is known of the worker that holds each.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum
from typing import Final

from picshapes_crds.phases import HELD, Phase, Reason
from picshapes_crds.resource import DEFAULT_DEADLINE_S, DEFAULT_MAX_ATTEMPTS, GenerationJob
from picshapes_crds.scheduling.suspicion import rest_s

HOLDER_GRACE_S: Final = 60.0
"""A worker ends its job at the deadline by itself; this much later the operator does, whoever holds it."""
LOSSES_PER_ATTEMPT: Final = 2
"""Workers that may be lost for each attempt allowed: a job that kills workers before they can say that they
began is stopped by this."""


class Holder(Enum):
    """What is known of the process that holds a job."""

    LIVE = "live"
    UNKNOWN = "unknown"
    """Not enough was seen yet to judge, or the watches are not healthy."""
    POD_GONE = "its pod is gone"
    POD_ENDED = "its pod has ended"
    REPLACED = "its process was replaced by another in the same pod"
    SILENT = "it did not renew its lease"


LOST: Final = frozenset({Holder.POD_GONE, Holder.POD_ENDED, Holder.REPLACED, Holder.SILENT})


@dataclass(frozen=True)
class Requeue:
    """Put the job back to Pending."""

    reason: Reason
    message: str
    failed: bool
    """Work that had begun was lost."""
    first: bool
    """The job may be what the worker died of."""


@dataclass(frozen=True)
class Fail:
    """End the job without a picture."""

    reason: Reason
    message: str


def deadline(job: GenerationJob) -> datetime:
    """Return when the job must have ended."""
    seconds = job.spec.deadline_seconds or DEFAULT_DEADLINE_S
    return job.metadata.creation_timestamp + timedelta(seconds=seconds)


def due_at(job: GenerationJob) -> datetime:
    """Return when the operator itself must end the job."""
    grace = HOLDER_GRACE_S if job.status.phase in HELD else 0.0
    return deadline(job) + timedelta(seconds=grace)


def recover(job: GenerationJob, holder: Holder, now: datetime, *, first: bool) -> Requeue | Fail | None:
    """Decide what must be done about a live job; `holder` is ignored for one that nobody holds.

    `first` says that its worker held no job before it, so that it may be what the worker died of.
    """
    if now >= due_at(job):
        seconds = job.spec.deadline_seconds or DEFAULT_DEADLINE_S
        return Fail(Reason.DEADLINE_EXCEEDED, f"not finished within {seconds} s of its creation")
    if job.status.phase is Phase.PENDING:
        if job.spec.cancel_requested:
            return Fail(Reason.CANCELLED, "cancelled before a worker began")
        return None
    if job.status.phase not in HELD or holder not in LOST:
        return None
    return _after_loss(job, holder, first=first or job.status.phase is Phase.PROCESSING)


def _after_loss(job: GenerationJob, holder: Holder, *, first: bool) -> Requeue | Fail:
    begun = job.status.phase is Phase.PROCESSING
    failures = (job.status.failures or 0) + int(begun)
    workers_lost = (job.status.workers_lost or 0) + int(first)
    allowed = job.spec.max_attempts or DEFAULT_MAX_ATTEMPTS
    what = f"worker {job.status.worker_name} was lost: {holder.value}"
    if job.spec.cancel_requested:
        return Fail(Reason.CANCELLED, f"cancelled; {what}")
    if failures >= allowed:
        return Fail(Reason.WORKER_LOST, f"{what}; {failures} of {allowed} attempts were lost")
    if workers_lost >= allowed * LOSSES_PER_ATTEMPT:
        return Fail(Reason.WORKER_LOST, f"{what}; {workers_lost} workers were lost that held the job")
    rest = rest_s(workers_lost)
    message = f"{what}; tried again in {rest:g} s" if rest else what
    return Requeue(Reason.WORKER_LOST, message, failed=begun, first=first)
