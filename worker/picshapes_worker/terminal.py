"""The one write that ends a job, made to count exactly once over refusals, lost answers and outages.

A refused write may be a failed fence or a bad patch (both are 422), an unanswered one may have been applied:
after either the job is read, and `judge` (pure) says what its state means for this attempt.
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum, auto
from typing import Final

import structlog

from picshapes_crds.cluster import (
    ClusterError,
    ForbiddenError,
    InvalidError,
    Json,
    NotFoundError,
    UnavailableError,
)
from picshapes_crds.cluster.reflector import backoff_s
from picshapes_crds.patches import Fence
from picshapes_crds.phases import TERMINAL, Phase
from picshapes_worker.context import WorkerContext
from picshapes_worker.job_name import JobName

OPERATOR_PATIENCE_S: Final = 60.0
"""The operator fails a job this long past its deadline, whoever holds it: until then the claim can be ours."""

log = structlog.get_logger(__name__)


class Standing(Enum):
    """How a job stands towards one attempt at it."""

    ENDED_BY_US = auto()
    """This attempt's outcome is in the status."""
    OURS = auto()
    """This attempt still holds the job, and it has not ended."""
    NOT_OURS = auto()
    """Another attempt or process has it, or it ended otherwise: ours does not count and never did."""
    GONE = auto()
    """It was deleted; another job may have its name by now. How it ended nobody can say any more."""


def judge(job: Json | None, fence: Fence, key: str | None) -> Standing:
    """Say how a job, as just read, stands towards this attempt; `key` is its picture's, None for a failure."""
    if job is None:
        return Standing.GONE
    if job["metadata"]["uid"] != fence.uid:
        return Standing.GONE
    status = job.get("status", {})
    if status.get("attempt") != fence.attempt or status.get("workerID") != fence.worker_id:
        return Standing.NOT_OURS
    if status["phase"] not in TERMINAL:
        return Standing.OURS
    if key is None:
        return Standing.ENDED_BY_US
    same = status["phase"] == Phase.COMPLETED and status.get("result", {}).get("key") == key
    return Standing.ENDED_BY_US if same else Standing.NOT_OURS


class Ending(Enum):
    """What became of a terminal write."""

    ACCEPTED = auto()
    BAD = auto()
    """The API server refuses the write itself; the job is still ours and not ended."""
    REJECTED = auto()
    """It can never be accepted: nothing in the cluster refers to the picture, nor ever will."""
    UNKNOWN = auto()
    """The job is gone, and perhaps a write was accepted before: one that was never answered, or one that arrived
    twice, of which the second was refused. The picture stays; its age removes it."""
    GAVE_UP = auto()
    """No answer for as long as the claim could be ours."""


@dataclass(frozen=True)
class TerminalWrite:
    """A patch that ends a job."""

    job_name: JobName
    fence: Fence
    operations: list[Json]
    key: str | None
    """The picture's key; None for a failure."""


def _nobody() -> None:
    """Tell nobody."""


async def end_job(
    write: TerminalWrite, until: float, context: WorkerContext, denied: Callable[[], None] = _nobody
) -> Ending:
    """Make the write, again and again while it makes sense and monotonic time is before `until`.

    `denied` is called when this process has no right to it, as when a RoleBinding is gone, and will try again.
    """
    job = context.logged(write.job_name)
    unanswered = False
    failures = 0
    while True:
        try:
            await context.patch_status(write.job_name, write.operations)
        except ClusterError as error:
            fault = error
        else:
            return Ending.ACCEPTED
        unanswered |= isinstance(fault, UnavailableError)
        match await _standing(write, context):
            case Standing.ENDED_BY_US:
                return Ending.ACCEPTED
            case Standing.NOT_OURS:
                return Ending.REJECTED
            case Standing.GONE:
                never_there = isinstance(fault, NotFoundError) and not unanswered
                return Ending.REJECTED if never_there else Ending.UNKNOWN
            case Standing.OURS if isinstance(fault, InvalidError):
                log.error("terminal.refused", job=job, error=str(fault))
                return Ending.BAD
        delay_s = backoff_s(failures, context.rng)
        failures += 1
        if context.clock.monotonic() + delay_s >= until:
            log.error("terminal.gave_up", job=job, error=str(fault))
            return Ending.GAVE_UP
        if isinstance(fault, ForbiddenError):
            denied()
        log.warning("terminal.retry", job=job, error=str(fault), delay_s=round(delay_s, 2))
        await context.clock.sleep(delay_s)


async def _standing(write: TerminalWrite, context: WorkerContext) -> Standing | None:
    """Read the job and judge it; None when it can't be read now."""
    try:
        job = await context.read(write.job_name)
    except NotFoundError:
        job = None
    except ClusterError as error:
        log.warning("terminal.unread", job=context.logged(write.job_name), error=str(error))
        return None
    return judge(job, write.fence, write.key)
