"""When a finished job's resource is deleted. Pure."""

from datetime import datetime, timedelta

from picshapes_crds.names import ARCHIVE_LABEL
from picshapes_crds.phases import TERMINAL
from picshapes_crds.resource import GenerationJob


def expires_at(job: GenerationJob) -> datetime | None:
    """Return when the operator deletes the job; None for live jobs, those kept, and those the API archives."""
    ttl, ended = job.spec.ttl_seconds_after_finished, job.status.completed_at
    if job.status.phase not in TERMINAL or ttl is None or ended is None:
        return None
    if ARCHIVE_LABEL in job.metadata.labels:
        return None
    return ended + timedelta(seconds=ttl)
