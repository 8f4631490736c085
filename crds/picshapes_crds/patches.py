"""Every write to a job's status, as a pure builder: what each transition changes, and what fences it.

The operator writes JSON Merge Patches fenced by `metadata.resourceVersion` (a stale one answers 409). The worker
writes JSON Patches that first `test` uid, process and attempt, so a write of an earlier attempt, or of an
earlier process in the same pod, or for an earlier job of the same name, is refused by the API server.
New conditions go first: the first one says why the job is where it is.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from picshapes_crds.clock import rfc3339
from picshapes_crds.cluster.protocol import Json
from picshapes_crds.phases import ConditionType, Phase, Reason
from picshapes_crds.resource import GenerationJob, Resolved, Result, Timings


def condition(kind: ConditionType, *, true: bool, reason: Reason, message: str, now: datetime) -> Json:
    """Return one condition in the form of `metav1.Condition`; an overlong message is cut."""
    return {
        "type": kind.value,
        "status": "True" if true else "False",
        "reason": reason.value,
        "message": message[:1024],
        "lastTransitionTime": rfc3339(now),
    }


def _failure(reason: Reason, message: str, now: datetime) -> list[Json]:
    kinds = (ConditionType.FAILED, ConditionType.FINISHED)
    return [condition(kind, true=True, reason=reason, message=message, now=now) for kind in kinds]


# Writes of the operator


def claim(job: GenerationJob, resolved: Resolved, worker_name: str, worker_id: str, now: datetime) -> Json:
    """Pending → Claimed: give the job to a worker's process; the attempt rises and fences all earlier ones."""
    scheduled = condition(
        ConditionType.SCHEDULED,
        true=True,
        reason=Reason.CLAIMED,
        message=f"claimed by {worker_name}",
        now=now,
    )
    return _fenced(
        job,
        phase=Phase.CLAIMED.value,
        workerName=worker_name,
        workerID=worker_id,
        attempt=job.status.attempt + 1,
        claimedAt=rfc3339(now),
        resolved=resolved.body(),
        conditions=_with(job, [scheduled]),
    )


def unschedulable(job: GenerationJob, reason: Reason, message: str, now: datetime) -> Json:
    """Pending stays Pending: say why no worker takes the job."""
    why = condition(ConditionType.SCHEDULED, true=False, reason=reason, message=message, now=now)
    return _fenced(job, conditions=_with(job, [why]))


def requeue(
    job: GenerationJob, reason: Reason, message: str, now: datetime, *, failed: bool, first: bool = False
) -> Json:
    """Claimed or Processing → Pending: the worker is lost, or the job is taken back.

    `failed` when work that had begun was lost; `first` when the worker that was lost held no job before this one,
    so that the job may be what it died of.
    """
    why = condition(ConditionType.SCHEDULED, true=False, reason=reason, message=message, now=now)
    return _fenced(
        job,
        phase=Phase.PENDING.value,
        failures=(job.status.failures or 0) + int(failed),
        workersLost=(job.status.workers_lost or 0) + int(first),
        workerName=None,
        workerID=None,
        claimedAt=None,
        startedAt=None,
        progress=None,
        conditions=_with(job, [why]),
    )


def fail(job: GenerationJob, reason: Reason, message: str, now: datetime) -> Json:
    """Any live phase → Failed, when no live worker holds the job."""
    return _fenced(
        job,
        phase=Phase.FAILED.value,
        completedAt=rfc3339(now),
        conditions=_with(job, _failure(reason, message, now)),
    )


def _fenced(job: GenerationJob, **status: Any) -> Json:
    return {"metadata": {"resourceVersion": job.metadata.resource_version}, "status": status}


def _with(job: GenerationJob, new: list[Json]) -> list[Json]:
    replaced = {one["type"] for one in new}
    return new + [old.body() for old in job.status.conditions or [] if old.type.value not in replaced]


# Writes of the worker that holds the claim


@dataclass(frozen=True)
class Fence:
    """What a worker's write is fenced by: the object, the process and the attempt that hold the claim."""

    uid: str
    worker_id: str
    attempt: int

    def tests(self) -> list[Json]:
        """Return the JSON-Patch tests that must pass before anything is written."""
        return [
            {"op": "test", "path": "/metadata/uid", "value": self.uid},
            {"op": "test", "path": "/status/workerID", "value": self.worker_id},
            {"op": "test", "path": "/status/attempt", "value": self.attempt},
        ]


def _set(fence: Fence, fields: Json, conditions: list[Json] | None = None) -> list[Json]:
    # `add` sets a member of an object whether it exists or not (RFC 6902, section 4.1).
    sets = [{"op": "add", "path": f"/status/{field}", "value": value} for field, value in fields.items()]
    firsts = [{"op": "add", "path": "/status/conditions/0", "value": one} for one in reversed(conditions or [])]
    return fence.tests() + sets + firsts


def processing(fence: Fence, started_at: datetime, seed: int, progress: str) -> list[Json]:
    """Claimed → Processing: inference has begun."""
    fields = {"phase": Phase.PROCESSING.value, "startedAt": rfc3339(started_at), "seed": seed}
    return _set(fence, fields | {"progress": progress})


def progress(fence: Fence, steps_done: int, steps: int) -> list[Json]:
    """Write how many steps are done; only while Processing, so that a late one can't change an ended job."""
    running = {"op": "test", "path": "/status/phase", "value": Phase.PROCESSING.value}
    return [running, *_set(fence, {"progress": f"{steps_done}/{steps}"})]


@dataclass(frozen=True)
class Outcome:
    """What a worker says of a picture that it made and stored."""

    started_at: datetime
    completed_at: datetime
    seed: int
    steps: int
    result: Result
    result_url: str
    timings: Timings


def completed(fence: Fence, outcome: Outcome) -> list[Json]:
    """Claimed or Processing → Completed, in one write, whether Processing was ever written or not."""
    message = f"{outcome.result.bytes} bytes of {outcome.result.content_type} stored"
    conditions = [
        condition(kind, true=True, reason=Reason.SUCCEEDED, message=message, now=outcome.completed_at)
        for kind in (ConditionType.COMPLETE, ConditionType.FINISHED)
    ]
    fields = {
        "phase": Phase.COMPLETED.value,
        "startedAt": rfc3339(outcome.started_at),
        "completedAt": rfc3339(outcome.completed_at),
        "seed": outcome.seed,
        "progress": f"{outcome.steps}/{outcome.steps}",
        "result": outcome.result.body(),
        "resultURL": outcome.result_url,
        "timings": outcome.timings.body(),
    }
    return _set(fence, fields, conditions)


def failed(fence: Fence, reason: Reason, message: str, now: datetime, progress: str | None = None) -> list[Json]:
    """Claimed or Processing → Failed, by the worker that holds the job; `progress` tells the steps run."""
    fields: Json = {"phase": Phase.FAILED.value, "completedAt": rfc3339(now)}
    if progress is not None:
        fields["progress"] = progress
    return _set(fence, fields, _failure(reason, message, now))


def hand_back(fence: Fence, phase: Phase = Phase.CLAIMED) -> list[Json]:
    """Claimed or Processing (`phase`) → Pending: a draining worker gives a job back; nothing counts as failed."""
    begun = ("startedAt", "progress") if phase is Phase.PROCESSING else ()
    gone = ("workerName", "workerID", "claimedAt", *begun)
    return [
        *fence.tests(),
        {"op": "test", "path": "/status/phase", "value": phase.value},
        {"op": "add", "path": "/status/phase", "value": Phase.PENDING.value},
        *({"op": "remove", "path": f"/status/{field}"} for field in gone),
    ]
