"""Why a job failed, in the words that its user reads: one sentence a reason, nothing internal.

The worker's and operator's own messages name pods, devices and paths; they stay in the resource.
"""

from typing import Final

from picshapes_crds.phases import Reason

DELETED: Final = "Deleted"
"""The resource was deleted before the job ended; known to the API only."""
REFUSED: Final = "Refused"
"""The API server refused the resource; known to the API only."""

_UNKNOWN: Final = "Generation failed because of an internal error."
_SENTENCES: Final = {
    Reason.CANCELLED.value: "The job was cancelled.",
    Reason.DEADLINE_EXCEEDED.value: "The job did not finish before its deadline.",
    Reason.WORKER_LOST.value: "The workers that ran the job were lost too often.",
    Reason.OUT_OF_MEMORY.value: "The worker's memory did not suffice for this picture.",
    Reason.INVALID_OUTPUT.value: "The model gave no valid picture; another seed or size may.",
    Reason.STORAGE_FAILED.value: "The picture could not be stored.",
    Reason.MODEL_UNAVAILABLE.value: "The model could not be loaded.",
    Reason.UNKNOWN_MODEL.value: "The model is not known to the workers.",
    Reason.INVALID_SPEC.value: "The request was refused by the workers' catalogue.",
    DELETED: "The job was deleted before it finished.",
    REFUSED: "The job was refused by the cluster.",
}


def sentence(reason: str | None) -> str:
    """Return the sentence for a reason; an unknown one says only that something failed."""
    return _SENTENCES.get(reason or "", _UNKNOWN)
