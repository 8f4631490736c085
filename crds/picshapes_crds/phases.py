"""Phases of a job, the transitions allowed between them, and the reasons given in conditions.

The phases are the statuses of the REST API with a capital letter. `ALLOWED` is the whole life of a job;
the schema's CEL rule at its root holds the part of it that no bug may break: nothing leaves a terminal phase.
"""

from enum import StrEnum
from typing import Final


class Phase(StrEnum):
    """Where a job is in its life."""

    PENDING = "Pending"
    """Waits for a worker."""
    CLAIMED = "Claimed"
    """Given to a worker that has not begun inference."""
    PROCESSING = "Processing"
    """A worker runs inference."""
    COMPLETED = "Completed"
    """The picture is stored."""
    FAILED = "Failed"
    """Ended without a picture; the `Failed` condition says why."""


TERMINAL: Final = frozenset({Phase.COMPLETED, Phase.FAILED})
HELD: Final = frozenset({Phase.CLAIMED, Phase.PROCESSING})
"""Phases in which `status.workerName` and `status.workerID` name the worker that holds the job."""

ALLOWED: Final[dict[Phase, frozenset[Phase]]] = {
    Phase.PENDING: frozenset({Phase.CLAIMED, Phase.FAILED}),
    # Straight to Completed: a quick job folds "Processing" into its terminal write.
    Phase.CLAIMED: frozenset({Phase.PENDING, Phase.PROCESSING, Phase.COMPLETED, Phase.FAILED}),
    Phase.PROCESSING: frozenset({Phase.PENDING, Phase.COMPLETED, Phase.FAILED}),
    Phase.COMPLETED: frozenset(),
    Phase.FAILED: frozenset(),
}


def may_follow(old: Phase, new: Phase) -> bool:
    """Say whether a job in phase `old` may be moved to phase `new`."""
    return new in ALLOWED[old]


class ConditionType(StrEnum):
    """Types of `status.conditions`, for `kubectl wait` and `kubectl describe`."""

    SCHEDULED = "Scheduled"
    """True once a worker is found; False says in its message what is missing."""
    COMPLETE = "Complete"
    """True when the picture is stored."""
    FAILED = "Failed"
    """True when the job ended without a picture."""
    FINISHED = "Finished"
    """True for both outcomes."""


class Reason(StrEnum):
    """Reasons in conditions. Stable: scripts and alerts match them."""

    # Scheduled
    CLAIMED = "Claimed"
    """A worker was found."""
    WAITING_FOR_WORKERS = "WaitingForWorkers"
    """Workers that fit exist or may come, none has a free place now."""
    NO_WORKER_FITS = "NoWorkerFits"
    """No live worker has the model and the memory that the job needs."""
    REBALANCED = "Rebalanced"
    """Handed back by a worker on which it waited, since another became free; not a failure."""
    UNKNOWN_MODEL = "UnknownModel"
    """The catalogue has no such model."""
    INVALID_SPEC = "InvalidSpec"
    """The catalogue refuses the request: unknown tier, or a size over the tier's limit."""

    # Complete, Finished
    SUCCEEDED = "Succeeded"
    """The picture is stored."""

    # Failed, Finished
    CANCELLED = "Cancelled"
    """`spec.cancelRequested` was set."""
    DEADLINE_EXCEEDED = "DeadlineExceeded"
    """The job did not end within `spec.deadlineSeconds` of its creation."""
    WORKER_LOST = "WorkerLost"
    """Workers that ran the job were lost `spec.maxAttempts` times."""
    OUT_OF_MEMORY = "OutOfMemory"
    """The device's memory did not suffice, alone and after being freed."""
    INVALID_OUTPUT = "InvalidOutput"
    """The model gave no picture: numbers that are none, or nothing but black."""
    STORAGE_FAILED = "StorageFailed"
    """The picture could not be stored."""
    MODEL_UNAVAILABLE = "ModelUnavailable"
    """The worker could not load the model."""
    INTERNAL_ERROR = "InternalError"
    """A fault of PicShapes or its libraries; the worker's log has the details."""
