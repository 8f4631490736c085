"""Jobs whose workers were lost: how long they rest before they are tried again, and what they are kept from. Pure.

A job may be what kills its workers. It is tried again, since most often it isn't, but ever later, and so that no
other job waits behind it; after too many losses the operator gives it up (`recover.py`).
"""

from datetime import datetime, timedelta
from typing import Final

from picshapes_crds.phases import ConditionType, Reason
from picshapes_crds.resource import GenerationJob

FIRST_REST_S: Final = 10.0
"""After the second loss; the first is tried again at once."""
LONGEST_REST_S: Final = 300.0


def is_suspect(job: GenerationJob) -> bool:
    """Say whether a worker was lost that held the job first of all its jobs."""
    return bool(job.status.workers_lost)


def rest_s(workers_lost: int) -> float:
    """Return how long a job rests after so many workers were lost that held it, in seconds."""
    if workers_lost <= 1:
        return 0.0
    return float(min(LONGEST_REST_S, FIRST_REST_S * 2 ** (workers_lost - 2)))


def rests_until(job: GenerationJob) -> datetime | None:
    """Return until when a waiting job is not to be claimed again; None when it may be."""
    scheduled, delay_s = job.status.condition(ConditionType.SCHEDULED), rest_s(job.status.workers_lost or 0)
    if not delay_s or scheduled is None or scheduled.reason != Reason.WORKER_LOST:
        return None
    return scheduled.last_transition_time + timedelta(seconds=delay_s)
