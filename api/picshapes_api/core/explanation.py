"""What `GET /jobs/{id}/explain` says: where a job stands, why, and what is before it. Pure.

It is shown to everyone who knows the job's id, so it counts workers and never names them.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from picshapes_api.core.failures import sentence
from picshapes_api.core.job_view import JobFacts, milliseconds_of, timestamp
from picshapes_crds.cluster import Json
from picshapes_crds.phases import ConditionType, Reason
from picshapes_crds.resolve import Refusal
from picshapes_crds.scheduling.explain import Wait
from picshapes_crds.scheduling.fit import Fit

NOT_PLACED: Final = "NotPlaced"
"""The API has accepted the job and has not created its resource yet."""
NOT_SEEN: Final = "NotSeen"
"""The resource is there, and changed while it was looked at: ask again."""
CANCELLING: Final = "Cancelling"
PROCESSING: Final = "Processing"

_LACKS: Final = {
    Fit.TOO_SMALL: "TooLittleMemory",
    Fit.OTHER_WEIGHTS: "OtherWeights",
    Fit.NO_MODEL: "NoModel",
}
_ABOUT_WAITING: Final = frozenset(
    {Reason.WAITING_FOR_WORKERS, Reason.NO_WORKER_FITS, Reason.UNKNOWN_MODEL, Reason.INVALID_SPEC}
)
"""Reasons whose messages name no pod."""


@dataclass(frozen=True)
class Known:
    """What is known of a job beside its facts."""

    resource: Json | None
    """As in the watch cache; None when there is none."""
    wait: Wait | Refusal | datetime | None
    """Of a job that waits in line, that the catalogue refuses, or that rests until then."""


def explanation_body(job: JobFacts, known: Known) -> Json:
    """Return the answer's body."""
    reason, message = _reason(job, known)
    body: dict[str, Any] = {"id": job.id, "status": job.outcome.status, "reason": reason, "message": message}
    status = ((known.resource or {}).get("status")) or {}
    body["attempt"] = status.get("attempt", job.outcome.attempt)
    body["failures"] = status.get("failures", 0)
    if job.outcome.status == "pending" and isinstance(known.wait, Wait):
        body |= _wait_body(known.wait)
    condition = _condition(status)
    return body | {"condition": condition} if condition else body


def _reason(job: JobFacts, known: Known) -> tuple[str, str]:
    if job.outcome.status == "completed":
        return Reason.SUCCEEDED.value, "The picture is stored."
    if job.outcome.status == "failed":
        return job.outcome.failure or Reason.INTERNAL_ERROR.value, sentence(job.outcome.failure)
    if known.resource is None:
        return NOT_PLACED, "accepted, and not in the cluster yet: it has no room, or can't be reached"
    if known.resource["spec"].get("cancelRequested"):
        return CANCELLING, "its end was asked for"
    if job.outcome.status == "claimed":
        return Reason.CLAIMED.value, "a worker has taken it and begins when its current job has ended"
    if job.outcome.status == "processing":
        progress = (known.resource.get("status") or {}).get("progress")
        done = f"; {progress} steps are done" if progress else ""
        return PROCESSING, f"a worker draws it{done}"
    if isinstance(known.wait, Refusal):
        return known.wait.reason.value, known.wait.message
    if isinstance(known.wait, Wait):
        return known.wait.why.reason.value, known.wait.why.message
    if isinstance(known.wait, datetime):
        until = timestamp(milliseconds_of(known.wait))
        return Reason.WORKER_LOST.value, f"workers were lost that held it: it is tried again after {until}"
    return NOT_SEEN, "it has just begun to wait: ask again"


def _wait_body(wait: Wait) -> Json:
    return {
        "needs": {"model": wait.demand.model, "min_vram_mib": wait.demand.min_vram_mib},
        "queue": {"position": wait.position, "length": wait.length, "estimate": True},
        "workers": {
            "total": sum(wait.why.counts.values()),
            "could_run": wait.could_run,
            "others": [
                {"reason": _LACKS[kind], "message": kind.value, "count": count}
                for kind, count in sorted(wait.unfit.items(), key=lambda one: list(Fit).index(one[0]))
            ],
        },
    }


def _condition(status: Json) -> Json | None:
    """Return what the operator wrote last about a waiting job, and when."""
    for condition in status.get("conditions") or []:
        if condition["type"] == ConditionType.SCHEDULED.value and condition["status"] == "False":
            shown = {"reason": condition["reason"], "since": condition["lastTransitionTime"]}
            if condition["reason"] in _ABOUT_WAITING:
                shown["message"] = condition.get("message", "")
            return shown
    return None
