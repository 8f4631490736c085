"""What `GET /jobs/{id}/explain` says: where a job stands, why, and what is before it. Pure.

Why a job waits says the operator, in the resource's `Scheduled` condition, and its words are shown, as by `kubectl
describe`: it decides, and sees what the API does not. Until it has spoken, the API says what it sees itself.
All is shown to everyone who knows the job's id, so it counts workers and never names them.
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
    Fit.NOT_WATCHING: "NamespaceNotWatched",
    Fit.TOO_SMALL: "TooLittleMemory",
    Fit.OTHER_WEIGHTS: "OtherWeights",
    Fit.NO_MODEL: "NoModel",
}
_IN_ITS_OWN_WORDS: Final = frozenset(
    {
        Reason.WAITING_FOR_WORKERS,
        Reason.NO_WORKER_FITS,
        Reason.REBALANCED,
        Reason.UNKNOWN_MODEL,
        Reason.INVALID_SPEC,
    }
)
"""Reasons whose messages name no pod."""
_LOST: Final = "a worker that held it was lost: it is tried again"
_NOTHING_YET: Final = "the operator has not said more yet"


@dataclass(frozen=True)
class Known:
    """What is known of a job beside its facts."""

    resource: Json | None
    """As in the watch cache; None when there is none."""
    wait: Wait | Refusal | datetime | None
    """Of a job that waits in line, that the catalogue refuses, or that rests until then."""
    now: datetime


@dataclass(frozen=True)
class _Said:
    """What the operator wrote last of why a job waits."""

    reason: str
    message: str | None
    """None where it names pods."""
    since: datetime


def explanation_body(job: JobFacts, known: Known) -> Json:
    """Return the answer's body."""
    status = ((known.resource or {}).get("status")) or {}
    said = _said(status)
    reason, message = _reason(job, known, said)
    body: dict[str, Any] = {"id": job.id, "status": job.outcome.status, "reason": reason, "message": message}
    body["attempt"] = status.get("attempt", job.outcome.attempt)
    body["failures"] = status.get("failures", 0)
    if job.outcome.status == "pending" and isinstance(known.wait, Wait):
        body |= _wait_body(known.wait)
    return body | {"condition": _said_body(said, known.now)} if said else body


def _reason(job: JobFacts, known: Known, said: _Said | None) -> tuple[str, str]:
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
    return _why_it_waits(known.wait, said)


def _why_it_waits(wait: Wait | Refusal | datetime | None, said: _Said | None) -> tuple[str, str]:
    if said is not None:
        after = f" after {timestamp(milliseconds_of(wait))}" if isinstance(wait, datetime) else ""
        return said.reason, said.message or f"{_LOST}{after}"
    if isinstance(wait, Refusal):
        return wait.reason.value, f"{wait.message}; {_NOTHING_YET}"
    if isinstance(wait, Wait):
        return wait.why.reason.value, f"{wait.why.message}; {_NOTHING_YET}"
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


def _said(status: Json) -> _Said | None:
    for one in status.get("conditions") or []:
        if one["type"] == ConditionType.SCHEDULED.value and one["status"] == "False":
            own_words = one["reason"] in _IN_ITS_OWN_WORDS
            if own_words or one["reason"] == Reason.WORKER_LOST:
                since = datetime.fromisoformat(one["lastTransitionTime"])
                return _Said(one["reason"], one.get("message", "") if own_words else None, since)
    return None


def _said_body(said: _Said, now: datetime) -> Json:
    age_s = max(0, int((now - said.since).total_seconds()))  # its clock may be ahead of ours
    body: dict[str, Any] = {"reason": said.reason, "since": timestamp(milliseconds_of(said.since)), "age_s": age_s}
    return body if said.message is None else body | {"message": said.message}
