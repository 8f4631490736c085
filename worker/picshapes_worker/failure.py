"""Why a job ended without a picture, as its Failed condition says it: a stable reason, a sentence for people."""

from dataclasses import dataclass
from typing import Final

from picshapes_crds.phases import Reason
from picshapes_crds.resource import DEFAULT_DEADLINE_S
from picshapes_worker.assignment import Claim, Stop


@dataclass(frozen=True)
class Failure:
    """How a job failed; `progress` is the steps run of all, for the refund."""

    reason: Reason
    message: str
    progress: str | None = None


INTERNAL_ERROR: Final = Failure(Reason.INTERNAL_ERROR, "an internal error; the worker's log has the details")
INVALID_OUTPUT: Final = Failure(Reason.INVALID_OUTPUT, "the model gave no picture: not-a-number or all black")
STORAGE_FAILED: Final = Failure(Reason.STORAGE_FAILED, "the picture could not be stored")


def stopped(claim: Claim, stop: Stop, progress: str | None = None) -> Failure:
    """Return the failure of a job that was told to stop."""
    if stop is Stop.CANCELLED:
        return Failure(Reason.CANCELLED, "cancelled on request", progress)
    limit_s = claim.job.spec.deadline_seconds or DEFAULT_DEADLINE_S
    message = f"not finished within {limit_s} s of its creation"
    return Failure(Reason.DEADLINE_EXCEEDED, message, progress)


def out_of_memory(claim: Claim, progress: str | None) -> Failure:
    """Return the failure of a job for which the device is too small, even alone."""
    size = f"{claim.resolved.width}x{claim.resolved.height}"
    message = f"a {size} picture of {claim.resolved.model} needs more device memory than the worker has"
    return Failure(Reason.OUT_OF_MEMORY, message, progress)


def model_unavailable(claim: Claim) -> Failure:
    """Return the failure of a job whose model can't be loaded."""
    return Failure(Reason.MODEL_UNAVAILABLE, f"the worker could not load {claim.resolved.model}")
